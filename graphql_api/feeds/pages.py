"""Makes pages in turns with other work; a page shows the rows as of its beginning."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any, Generic, Protocol, TypeVar, overload

from graphql_api.feeds.cache import WatchCache
from graphql_api.feeds.events import FeedStatus, Version
from graphql_api.feeds.order import OrderBy, SortKey
from graphql_api.feeds.table import Filter
from graphql_api.turns import Turns

RowT = TypeVar("RowT")
RowT_co = TypeVar("RowT_co", covariant=True)


class HasRow(Protocol[RowT_co]):
    """An object that gives a row when it is read, such as a version."""

    @property
    def row(self) -> RowT_co:
        """The row."""


class UnpackedRows(Sequence[RowT]):
    """The rows of some versions, each of which is unpacked when it is read.

    A row is a tree of objects: a page of a thousand of them is never in memory as a whole.

    Args:
        versions: Their versions.
    """

    __slots__ = ("_versions",)

    def __init__(self, versions: Sequence[HasRow[RowT]]) -> None:
        self._versions = versions

    def __len__(self) -> int:
        return len(self._versions)

    def __iter__(self) -> Iterator[RowT]:
        return map(attrgetter("row"), self._versions)

    @overload
    def __getitem__(self, index: int) -> RowT: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[RowT]: ...
    def __getitem__(self, index: int | slice) -> RowT | Sequence[RowT]:
        if isinstance(index, slice):
            return UnpackedRows(self._versions[index])
        return self._versions[index].row


@dataclass(frozen=True, slots=True)
class FeedPage(Generic[RowT]):
    """A page: some of the rows that pass a filter, in order, at one position of the feed.

    Attributes:
        rows: From an offset on, some of them at most; they are unpacked when they are read.
        total: How many pass.
        cursor: Where all that pass can be watched from.
        status: How the feed stands.
    """

    rows: Sequence[RowT]
    total: int
    cursor: str
    status: FeedStatus


@dataclass(frozen=True, slots=True)
class Matching(Generic[RowT]):
    """The rows that pass a filter, in an order, as of one moment.

    Attributes:
        keys: Their sort keys, which end with the key.
        rows: All rows by key, those that do not pass too.
        cursor: Where those that pass can be watched from.
        status: How the feed stands.
    """

    keys: list[SortKey]
    rows: Mapping[str, Version[RowT]]
    cursor: str
    status: FeedStatus


async def matching(
    cache: WatchCache[RowT, Any], where: Filter[RowT] | None, *, order_by: OrderBy, turns: Turns
) -> Matching[RowT]:
    """The rows that pass `where`, all as of the moment at which it begins.

    Args:
        cache: Has the rows.
        where: Which rows; all, if absent.
        order_by: In which order.
        turns: Divides the work, which looks at every row if there is a filter.
    """
    snapshot, cursor, status = cache.snapshot(order_by), cache.cursor(where), cache.status
    if where is None:
        return Matching(snapshot.keys, snapshot.rows, cursor, status)
    keys: list[SortKey] = []
    for sort_key in snapshot.keys:
        if where.matches(snapshot.rows[sort_key[-1]].facets):
            keys.append(sort_key)
        if turns.is_over():
            await turns.pause()
    return Matching(keys, snapshot.rows, cursor, status)
