"""Deleting a document that others may name: a policy of schedules, a CAPTCHA solver of policies."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, NamedTuple, TypeAlias

from graphql_api.errors import InUseError, WriteError
from graphql_api.feeds.table import Document, FeedTable
from graphql_api.schema.context import Info
from graphql_api.schema.document import Fields
from graphql_api.schema.writing import delete, find, take_back
from graphql_api.scopes import Scope

WhyNot: TypeAlias = Callable[[Sequence[Document]], InUseError | None]
"""Says by the documents that name another one why that must stay; None if it need not."""


class Users(NamedTuple):
    """The documents that may name those of another table.

    Attributes:
        table: Their table.
        field: The stored field that has the other document's key.
        name: The stored field that has their own name.
    """

    table: str
    field: str
    name: str

    def named(self, info: Info, documents: Sequence[Document]) -> str:
        """The end of a message: their names; their number for a client without `read`."""
        if Scope.READ not in info.context.scopes:
            return f" ({len(documents)}); their names need the scope read"
        names = self.names(info, documents)
        return ": " + ", ".join(name or key for key, name in names.items())

    def names(self, info: Info, documents: Sequence[Document]) -> dict[str, str | None]:
        """Their names by their keys; nothing for a client without `read`."""
        if Scope.READ not in info.context.scopes:
            return {}
        return {
            str(document["id"]): Fields(document, []).string(self.name) for document in documents
        }


async def delete_unless_used(
    info: Info,
    table: FeedTable[Any, Any],
    key: str,
    users: Users,
    *,
    if_updated_at: datetime | None,
    why_not: WhyNot,
    why_not_after_all: WhyNot,
) -> None:
    """Delete a document, unless others need it.

    RethinkDB has no transaction over two tables. So this looks at the others again after the
    deletion, and takes it back if one was given the document since; the mutations that write
    one of the others look at the document again likewise. Of the two at least the later one sees
    the other.

    Args:
        info: Has the database.
        table: The document's table.
        key: The document's key.
        users: Which documents may name it.
        if_updated_at: As for `delete`.
        why_not: What speaks against it before.
        why_not_after_all: What speaks against it once it is done.

    Raises:
        InUseError: Others need it; it is still there.
        ClientError: That of `delete`.
        WriteError: That of `delete`.
    """
    context = info.context

    async def named_by() -> Sequence[Document]:
        if table.key_kind.stored(key) is None:
            return []
        return await find(context, users.table, users.field, key)

    before = await named_by()

    def check() -> None:
        if (error := why_not(before)) is not None:
            raise error

    deleted = await delete(context, table, key, if_updated_at=if_updated_at, check=check)
    try:
        error = why_not_after_all(await named_by())
    except WriteError:
        return  # it is deleted, and the database was lost since; the log has it
    if error is not None:
        await take_back(context, table, key, lambda stored: stored or deleted.old)
        raise error
