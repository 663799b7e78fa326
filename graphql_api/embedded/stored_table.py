"""Databases, tables and secondary indexes as they are in memory."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

SYSTEM_DATABASE = "rethinkdb"
"""The database of the server itself, which holds the users."""

if TYPE_CHECKING:
    from collections.abc import Callable

    from graphql_api.embedded.datum import Datum, Document
    from graphql_api.embedded.index_order import IndexOrder


class CommitListener(Protocol):
    """A changefeed, as a table calls it; see `changefeed`."""

    def on_change(self, key: str, old: Document | None, new: Document | None) -> None:
        """Process a committed write; the table holds the new document already."""

    def on_commit(self) -> None:
        """Process the end of a commit."""

    def abort(self) -> None:
        """End the feed: the table is gone."""


@dataclass(frozen=True, slots=True)
class Index:
    """A secondary index. It is not stored: `IndexOrder` sorts the table when it is first asked.

    Attributes:
        name: Its name.
        definition: What the data file holds: `function` (a raw term, or null for the field of
            the same name), `multi`, `geo`.
        keys: Returns the keys of a document; none if it is not in the index.
    """

    name: str
    definition: Document
    keys: Callable[[Document], list[Datum]]


@dataclass(eq=False, slots=True)
class StoredTable:
    """A table: its configuration, its documents, and the changefeeds that follow it.

    Attributes:
        id: Its UUID.
        database: The name of its database.
        name: Its name.
        primary_key: The field that holds the primary key.
        durability: "hard" or "soft", for writes that do not say.
        documents: The committed documents, by the text of their primary key (`primary_key()`).
        indexes: Its secondary indexes, by name.
        changefeeds: Those that receive every commit, in the order in which they were opened.
        orders: The orders by which it has been read, by the name of the index.
    """

    id: str
    database: str
    name: str
    primary_key: str = "id"
    durability: str = "hard"
    documents: dict[str, Document] = field(default_factory=dict)
    indexes: dict[str, Index] = field(default_factory=dict)
    changefeeds: dict[CommitListener, None] = field(default_factory=dict)
    orders: dict[str, IndexOrder] = field(default_factory=dict)

    @property
    def display_name(self) -> str:
        """The name as error messages give it."""
        return f"{self.database}.{self.name}"


@dataclass(eq=False, slots=True)
class Database:
    """A database.

    Attributes:
        id: Its UUID.
        name: Its name.
        tables: Its tables, by name.
    """

    id: str
    name: str
    tables: dict[str, StoredTable] = field(default_factory=dict)
