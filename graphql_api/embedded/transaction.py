"""Writes that one query has made so far, and its view of the documents.

A query's writes are its own until they are committed: other queries and changefeeds see them only
once the data file holds them, all at once. So nothing is ever shown that a crash could take back,
and a failed commit leaves no trace.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING

from graphql_api.embedded.permissions import EVERYTHING, Access

if TYPE_CHECKING:
    from graphql_api.embedded.datum import Document
    from graphql_api.embedded.stored_table import StoredTable
    from graphql_api.embedded.users import Credentials


@dataclass(frozen=True, slots=True)
class TableWrite:
    """One write to one document.

    Attributes:
        table: Where.
        key: The text of its primary key.
        old: The document before, `None` if it was absent.
        new: The document after, `None` if it is deleted.
    """

    table: StoredTable
    key: str
    old: Document | None
    new: Document | None


class Transaction:
    """The uncommitted writes of one query.

    Attributes:
        writes: Every write, in the order in which they were made.
        credentials: The passwords that change with it, by user; `None` removes the user.
        hard: Whether any of the writes asks for hard durability.
        access: What the query's user may do; reads are checked here.
    """

    __slots__ = ("_bodies", "_pending", "access", "credentials", "hard", "writes")

    def __init__(self, access: Access = EVERYTHING) -> None:
        self.access = access
        self.writes: list[TableWrite] = []
        self.credentials: dict[str, Credentials | None] = {}
        self.hard = False
        self._pending: dict[StoredTable, dict[str, Document | None]] = {}
        self._bodies: dict[StoredTable, dict[str, bytes | None]] = {}

    def get(self, table: StoredTable, key: str) -> Document | None:
        """Return a document as this query sees it.

        Raises:
            ReqlError: The user may not read the table.
        """
        self.access.require_read(table)
        pending = self._pending.get(table)
        if pending is not None and key in pending:
            return pending[key]
        return table.documents.get(key)

    def rows(self, table: StoredTable) -> Collection[Document]:
        """Return the documents of a table as this query sees them; later writes change nothing.

        Raises:
            ReqlError: The user may not read the table.
        """
        self.access.require_read(table)
        pending = self._pending.get(table)
        if not pending:
            return list(table.documents.values())
        merged = {**table.documents, **pending}
        return [document for document in merged.values() if document is not None]

    def has_written(self, table: StoredTable) -> bool:
        """Return whether this query sees other documents of a table than were committed."""
        return bool(self._pending.get(table))

    def put(self, table: StoredTable, key: str, new: Document | None, body: bytes | None) -> None:
        """Write a document, or delete it.

        Args:
            table: Where.
            key: The text of its primary key.
            new: The document, `None` to delete it.
            body: Its JSON, for the data file.
        """
        self.writes.append(TableWrite(table, key, self.get(table, key), new))
        self._pending.setdefault(table, {})[key] = new
        self._bodies.setdefault(table, {})[key] = body

    def bodies(self) -> dict[StoredTable, dict[str, bytes | None]]:
        """Return what each written document is in the end, as JSON; `None` if it is deleted."""
        return self._bodies

    def clear(self) -> None:
        """Forget everything, after it was committed."""
        self.writes.clear()
        self.credentials.clear()
        self._pending.clear()
        self._bodies.clear()
        self.hard = False
