"""Comparison of the rows of a feed with their table, one document at a time."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from typing import Generic, TypeVar

from graphql_api.feeds.decoding import DocumentDecoder
from graphql_api.feeds.events import Version
from graphql_api.feeds.table import Document
from graphql_api.turns import Turns

RowT = TypeVar("RowT")


class Comparison(Generic[RowT]):
    """The differences between the rows that a feed holds and the documents of a table.

    Rows that are equal are not kept, and others are packed: there is no second copy of the table.

    Args:
        rows: The feed's rows; looked at while they change.
        keys: Which documents are compared; all, if absent.
        version: Makes the version of a row that differs, which is packed soon; if it is absent,
            only the keys of these rows are kept.
    """

    def __init__(
        self,
        rows: Mapping[str, Version[RowT]],
        keys: Iterable[str] | None = None,
        *,
        version: Callable[[RowT], Version[RowT]] | None = None,
    ) -> None:
        self._rows = rows
        self._version = version
        # In an order: what is asked of the database is the same in every process.
        self._unseen = dict.fromkeys(rows if keys is None else (key for key in keys if key in rows))
        self._differing: dict[str, Version[RowT] | None] = {}

    def saw(self, key: str, row: RowT | None) -> bool:
        """Compare a row of the table, or its absence; the last call for a key counts.

        Returns:
            Whether the feed has the same.
        """
        self._unseen.pop(key, None)
        version = self._rows.get(key)
        same = row is None if version is None else row is not None and version.holds(row)
        if same:
            self._differing.pop(key, None)
        else:
            keep = self._version
            self._differing[key] = None if row is None or keep is None else keep(row)
        return same

    async def read(
        self, documents: AsyncIterator[Document], decoder: DocumentDecoder[RowT], turns: Turns
    ) -> None:
        """Compare the rows of some documents; a document without a row counts as absent."""
        async for document in documents:
            key = decoder.key(document)
            if key is not None:
                self.saw(key, decoder.row(key, document))
            await turns.take()

    def __contains__(self, key: str) -> bool:
        """Whether the row with a key differs, once every document has been seen."""
        return key in self._differing or key in self._unseen

    def __iter__(self) -> Iterator[str]:
        """The keys that differ, once every document has been seen, in no order."""
        yield from self._differing
        yield from self._unseen

    def row(self, key: str) -> RowT | None:
        """The row that the table has for a key that differs; None if it has none."""
        version = self._differing.pop(key, None)
        return None if version is None else version.row

    def new(self) -> Iterator[tuple[str, RowT | None]]:
        """The keys and rows that have not been asked for by `row`: those the feed does not hold."""
        while self._differing:
            key = next(iter(self._differing))
            yield key, self.row(key)
