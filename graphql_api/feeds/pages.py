"""Pages, made in turns; each is as of the moment at which it was begun."""

from __future__ import annotations

from typing import Any, TypeVar

from graphql_api.feeds.cache import Page, WatchCache
from graphql_api.feeds.table import Filter
from graphql_api.turns import Turns

RowT = TypeVar("RowT")


async def page_of_all(
    cache: WatchCache[RowT, Any], *, order: str, offset: int, limit: int, turns: Turns
) -> Page[RowT]:
    """Some of all rows.

    Args:
        cache: Has the rows.
        order: The name of one of the table's orders.
        offset: How many rows to leave out at the beginning.
        limit: How many rows at most.
        turns: Divides the work, which unpacks each row of the page.
    """
    total, cursor, status = len(cache.rows), cache.cursor(), cache.status
    rows: list[RowT] = []
    for version in cache.part(order, offset=offset, limit=limit):
        rows.append(version.row)
        await turns.take()
    return Page(rows, total, len(rows), cursor, status)


async def filtered_page(
    cache: WatchCache[RowT, Any],
    where: Filter[RowT],
    *,
    order: str,
    offset: int,
    limit: int,
    turns: Turns,
) -> Page[RowT]:
    """Some of the rows that pass `where`, all as of the moment at which it begins.

    Args:
        cache: Has the rows.
        where: Which rows.
        order: The name of one of the table's orders.
        offset: How many rows to leave out at the beginning.
        limit: How many rows at most.
        turns: Divides the work, which looks at every row.
    """
    snapshot, cursor, status = cache.snapshot(order), cache.cursor(where), cache.status
    rows: list[RowT] = []
    total = 0
    for sort_key in snapshot.keys:
        version = snapshot.rows[sort_key[-1]]
        if where.matches(version.facets):
            if offset <= total < offset + limit:
                rows.append(version.row)
            total += 1
        if turns.is_over():
            await turns.pause()
    return Page(rows, total, len(snapshot.keys), cursor, status)
