"""Interface of a source of documents. `graphql_api.rethink` implements it; tests fake it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Protocol

from graphql_api.feeds.keys import Key
from graphql_api.feeds.part import WHOLE, TablePart
from graphql_api.feeds.table import Document


@dataclass(frozen=True, slots=True)
class DocumentChange:
    """One document before and after: an initial document, or a change.

    `old` is absent for an initial document and for an insert, `new` for a delete.
    """

    old: Document | None
    new: Document | None


@dataclass(frozen=True, slots=True)
class SourceReady:
    """Every document that the table holds has been sent; changes follow.

    Attributes:
        names: What names the table, the same for every reader of the same database, and not the
            same for a table that is made after one of that name was dropped: the database, and the
            table's UUID. None if the source does not know it.
    """

    names: tuple[str, ...] | None = field(default=None, compare=False)


class Source(Protocol):
    """A database that can be read as changefeeds."""

    def changes(
        self, table: str, part: TablePart = WHOLE
    ) -> AbstractAsyncContextManager[AsyncIterator[DocumentChange | SourceReady]]:
        """One changefeed of a table, with its initial documents, until the context is left.

        Args:
            table: Which table.
            part: Which of its documents and fields. A document that enters or leaves the part by a
                change comes as one that is created or deleted.

        Changes to documents that were sent already may come before `SourceReady`. Each document's
        changes are in order; the order between documents means nothing. At most one call of
        `__anext__` at a time; leaving the context frees everything, in bounded time.

        Yields:
            Every document of the table, `SourceReady`, and changes without end.

        Raises:
            DatabaseUnavailableError: No connection, or the table does not answer in time.
            DatabaseRefusedError: Wrong credentials, or a permission is missing.
            TableMissingError: The database or the table does not exist.
            FeedLostError: The changefeed ended or skipped changes.
        """

    def documents(
        self, table: str, keys: Collection[Key] | None = None, part: TablePart = WHOLE
    ) -> AbstractAsyncContextManager[AsyncIterator[Document]]:
        """The documents of a table as they are stored, in no order, as they arrive.

        Args:
            table: Which table.
            keys: Which documents; all, if absent. One that is not there is left out.
            part: Which of these, and which of their fields.

        Raises:
            DatabaseError: They cannot be read; see `changes`.
        """
