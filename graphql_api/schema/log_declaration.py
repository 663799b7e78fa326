"""The declaration of an insert-only table: all that following it and the schema know of it.

A file of `graphql_api.tables` has the type of the rows, the enum of their kinds, and the
declaration. The type of the events and the root fields are built from them here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import Enum
from functools import cached_property
from typing import Any, Final, Generic, TypeVar, cast

from graphql_api.feeds.table import Document
from graphql_api.log_feeds.log import Owner
from graphql_api.log_feeds.source import LogLayout
from graphql_api.schema.changes import made_type
from graphql_api.schema.document import Fields
from graphql_api.schema.log_fields import log_query_fields, log_subscription_fields
from graphql_api.schema.stored import row_decoder
from graphql_api.scopes import Scope

RowT = TypeVar("RowT")

_NO_SCOPES: Final[frozenset[Scope]] = frozenset()

LOG_CURSOR = (
    "Where in the log this is: give it as `since` to go on from here, after any time and on any "
    "server."
)


class LogDeclaration(Generic[RowT]):
    """One insert-only table.

    Args:
        row_type: The Strawberry type of its rows.
        kind_type: The enum of their kinds.
        kind_of: The kind of a row.
        layout: How it is stored; the name of the table is what one of its rows is called.
        plural: What its rows are called.
        owner: What the owner of a partition is called: `job`.
        owner_of: What an owner's document says; it must not raise.
        scopes: What a client needs besides `read`.
    """

    def __init__(
        self,
        row_type: type[RowT],
        kind_type: type[Enum],
        kind_of: Callable[[RowT], Enum],
        *,
        layout: LogLayout,
        plural: str,
        owner: str,
        owner_of: Callable[[Document], Owner],
        scopes: frozenset[Scope] = _NO_SCOPES,
    ) -> None:
        self.row_type = row_type
        self.kind_type = kind_type
        self.layout = layout
        self.name = layout.table
        self.plural = plural
        self.owner = owner
        self.owner_of = owner_of
        self.scopes = scopes
        self._kind_of = kind_of
        self._bits = {kind: 1 << place for place, kind in enumerate(kind_type)}
        self._decode: Callable[..., Any] = row_decoder(row_type)
        self.event_type = made_type(
            f"{row_type.__name__}Added",
            f"A {self.name} of the {owner}.",
            {
                self.name: (row_type, f"The {self.name}."),
                "cursor": (str, LOG_CURSOR),
            },
        )

    # What following it calls.

    def sequence(self, document: Document) -> int:
        """The sequence of a document that a source gave."""
        return int(document[self.layout.key])

    def decode(self, document: Document) -> RowT:
        """The row that a document is served as."""
        invalid: list[str] = []
        fields = Fields(document, invalid)
        return cast("RowT", self._decode(fields, self.sequence(document), invalid))

    def kind(self, row: RowT) -> int:
        """The kind of a row: one bit."""
        return self._bits[self._kind_of(row)]

    def kinds(self, kinds: Sequence[Enum] | None) -> int:
        """Some kinds, a bit for each; all, if none are given."""
        return sum(bit for kind, bit in self._bits.items() if kinds is None or kind in kinds)

    def added(self, row: RowT, cursor: str) -> object:
        """The event for a row."""
        return self.event_type(cursor=cursor, **{self.name: row})

    # What the schema calls.

    @cached_property
    def query(self) -> type:
        """A type with its field of `Query`."""
        return log_query_fields(self)

    @cached_property
    def subscription(self) -> type:
        """A type with its field of `Subscription`."""
        return log_subscription_fields(self)

    @property
    def needed_to_read(self) -> frozenset[Scope]:
        """The scopes that a client needs to read it."""
        return self.scopes | {Scope.READ}
