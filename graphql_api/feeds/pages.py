"""Pages of the rows that pass a filter, made in turns."""

from __future__ import annotations

from typing import Any, TypeVar

from graphql_api.feeds.cache import Page, WatchCache
from graphql_api.feeds.table import Filter
from graphql_api.feeds.turns import Turns

RowT = TypeVar("RowT")


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
        row = snapshot.rows[sort_key[-1]].row
        if where.matches(row):
            if offset <= total < offset + limit:
                rows.append(row)
            total += 1
        if turns.is_over():
            await turns.pause()
    return Page(rows, total, len(snapshot.keys), cursor, status)
