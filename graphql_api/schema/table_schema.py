"""What one table adds to the schema."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from graphql_api.feeds.table import Table
from graphql_api.schema.scopes import Scope


@dataclass(frozen=True, slots=True)
class TableSchema:
    """A table and its root fields, as its file declares them.

    Attributes:
        table: What its feed must know.
        query: A Strawberry type whose fields become fields of `Query`.
        subscription: A Strawberry type whose fields become fields of `Subscription`.
        mutation: A Strawberry type whose fields become fields of `Mutation`; None, if clients
            cannot write to the table.
        scopes: What a client needs to know of this table at all, besides `read` or `write`.
    """

    table: Table[Any, Any]
    query: type
    subscription: type
    mutation: type | None = None
    scopes: frozenset[Scope] = frozenset()

    @property
    def needed_to_read(self) -> frozenset[Scope]:
        """The scopes that a client needs to read this table, and to see figures of it."""
        return self.scopes | {Scope.READ}

    @property
    def root_types(self) -> tuple[type, ...]:
        """The types whose fields become fields of root types."""
        made = (self.query, self.subscription, self.mutation)
        return tuple(type_ for type_ in made if type_ is not None)
