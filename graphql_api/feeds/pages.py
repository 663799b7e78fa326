"""Makes pages in turns with other work; a page shows the rows as of its beginning."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from graphql_api.feeds.cache import WatchCache
from graphql_api.feeds.events import FeedStatus, Version
from graphql_api.feeds.order import OrderBy, SortKey
from graphql_api.feeds.table import Filter
from graphql_api.turns import Turns

RowT = TypeVar("RowT")


@dataclass(frozen=True, slots=True)
class FeedPage(Generic[RowT]):
    """A page: some of the rows that pass a filter, in order, at one position of the feed.

    Attributes:
        rows: From an offset on, some of them at most.
        total: How many pass.
        cursor: Where all that pass can be watched from.
        status: How the feed stands.
    """

    rows: Sequence[RowT]
    total: int
    cursor: str
    status: FeedStatus


async def page_of_all(
    cache: WatchCache[RowT, Any], *, order_by: OrderBy, offset: int, limit: int, turns: Turns
) -> FeedPage[RowT]:
    """Some of all rows.

    Args:
        cache: Has the rows.
        order_by: In which order.
        offset: How many rows to leave out at the beginning.
        limit: How many rows at most.
        turns: Divides the work, which unpacks each row of the page.
    """
    total, cursor, status = len(cache.rows), cache.cursor(), cache.status
    rows: list[RowT] = []
    for version in cache.part(order_by, offset=offset, limit=limit):
        rows.append(version.row)
        await turns.take()
    return FeedPage(rows, total, cursor, status)


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

    def row(self, key: str) -> RowT:
        """The row with a key."""
        return self.rows[key].row


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


async def filtered_page(
    cache: WatchCache[RowT, Any],
    where: Filter[RowT],
    *,
    order_by: OrderBy,
    offset: int,
    limit: int,
    turns: Turns,
) -> FeedPage[RowT]:
    """Some of the rows that pass `where`, all as of the moment at which it begins.

    Args:
        cache: Has the rows.
        where: Which rows.
        order_by: In which order.
        offset: How many rows to leave out at the beginning.
        limit: How many rows at most.
        turns: Divides the work, which looks at every row.
    """
    found = await matching(cache, where, order_by=order_by, turns=turns)
    rows: list[RowT] = []
    for sort_key in found.keys[offset : offset + limit]:
        rows.append(found.row(sort_key[-1]))
        await turns.take()
    return FeedPage(rows, len(found.keys), found.cursor, found.status)
