"""Pages of a table with a window: the rows that the feed holds, and older ones of the database.

Both are in the order of one time, the latest first. Most of what is held is later than all that is
not, so a first page takes one look at the database, for the latest place that is not held:

    held, later     ████████████
    held, mixed                 █  █      █        at most these are compared with
    not held                     ██ ██████ ██████  as many places of the database
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from datetime import datetime
from enum import Enum
from heapq import merge
from itertools import islice
from typing import Any, Final, TypeVar

from graphql_api.errors import DatabaseError, FeedUnavailableError
from graphql_api.feeds.archive import Outside, Place, Wanted
from graphql_api.feeds.events import FeedStatus
from graphql_api.feeds.feed import Feed
from graphql_api.feeds.pages import Matching
from graphql_api.feeds.part import Part
from graphql_api.feeds.table import FeedTable, Filter
from graphql_api.schema.context import Context
from graphql_api.schema.filters import NOTHING, Where, conditions_of

RowT = TypeVar("RowT")

ROWS_AT_ONCE: Final = 100
"""How many documents are read by one query, whose reply is looked through in one go."""


class OlderRows:
    """How to find the rows of a table that its feed does not hold.

    Args:
        table: The table.
        filter_type: The type of its filter.
        stored_names: The stored fields by the attributes that they are served as.
        index: The field whose time orders the table's pages, and an index of the database.
    """

    def __init__(
        self,
        table: FeedTable[Any, Any],
        filter_type: type,
        stored_names: dict[str, str],
        index: str,
    ) -> None:
        self._table = table
        self._conditions = conditions_of(filter_type)
        self._stored_names = stored_names
        self._index = index

    def outside(self, feed: Feed[Any, Any], where: Filter[Any] | None) -> Outside | None:
        """The documents that pass a filter outside of a feed's window; None if there are none."""
        if feed.edge is None or where is NOTHING:
            return None
        conditions = where.conditions if isinstance(where, Where) else ()
        wanted = tuple(
            Wanted(
                self._stored_names[self._conditions[name].attribute],
                self._conditions[name].relation,
                _stored(value),
            )
            for name, value in conditions
        )
        table = self._table
        return Outside(table.name, table.primary_key, self._index, feed.edge, wanted)

    @property
    def part(self) -> Part:
        """What is read of a document."""
        return Part(without=self._table.without)


def _stored(value: Any) -> Any:
    """A condition's value as documents have it."""
    if isinstance(value, frozenset):
        return sorted(map(_stored, value))
    if isinstance(value, datetime):
        return value.timestamp()
    return value.value if isinstance(value, Enum) else value


async def read_row(
    context: Context, older: OlderRows, table: FeedTable[RowT, Any], key: str
) -> Any:
    """A row that the feed does not hold; None if there is none.

    Raises:
        FeedUnavailableError: The database cannot be asked.
    """
    try:
        found = await context.store.read(table.name, [key], older.part)
    except DatabaseError as error:
        raise _unavailable(table) from error
    return table.decode(key, found[0]) if found else None


async def read_window(
    context: Context,
    older: OlderRows,
    feed: Feed[RowT, Any],
    held: Matching[RowT],
    where: Filter[RowT] | None,
    *,
    offset: int,
    limit: int,
    with_total: bool,
) -> tuple[list[RowT], int]:
    """Some of the rows that pass a filter, held or not, and how many they are.

    While the feed is stale, only rows that it holds are given.

    Args:
        context: Has the database.
        older: How to find what is not held.
        feed: The table's feed.
        held: The rows that it holds and that pass, as of a moment just past.
        where: The filter.
        offset: How many rows to leave out at the beginning.
        limit: How many rows at most.
        with_total: Whether the number is asked for; it is that of rows that are held, if not.

    Raises:
        FeedUnavailableError: The database cannot be asked.
    """
    table = feed.table
    total = len(held.keys)
    outside = older.outside(feed, where)
    if outside is None or held.status is FeedStatus.STALE:
        return [held.row(place[-1]) for place in held.keys[offset : offset + limit]], total
    rows: dict[str, RowT] = {}
    try:
        if with_total:
            total += await context.store.count_outside(outside)
        places = await _places(context, outside, held, offset, limit) if limit else []
        missing = [place.key for place in places if place.key not in held.rows]
        for begin in range(0, len(missing), ROWS_AT_ONCE):
            keys = missing[begin : begin + ROWS_AT_ONCE]
            for document in await context.store.read(table.name, keys, older.part):
                key = document[table.primary_key]
                rows[key] = table.decode(key, document)
                await context.turns.take()  # a job takes a fifth of a millisecond
    except DatabaseError as error:
        raise _unavailable(table) from error
    page: list[RowT] = []
    for place in places:
        if place.key in held.rows:
            page.append(held.row(place.key))
        elif place.key in rows:  # or else it has just been deleted
            page.append(rows[place.key])
        await context.turns.take()
    return page, total


async def _places(
    context: Context, outside: Outside, held: Matching[Any], offset: int, limit: int
) -> list[Place]:
    """The places of a page."""
    first = await context.store.places_outside(outside, offset=0, limit=1)
    later = len(held.keys)
    if first:
        later = bisect_right(held.keys, _backwards(first[0]), key=_backwards)
    page = [Place(*key) for key in held.keys[:later][offset : offset + limit]]
    wanted = offset + limit - max(offset, later)
    if not first or wanted <= 0:
        return page
    mixed = [Place(*key) for key in held.keys[later:]]
    begin = max(0, offset - later)
    skipped = max(0, begin - len(mixed))
    count = begin - skipped + wanted
    found = await context.store.places_outside(outside, offset=skipped, limit=count)
    found = [place for place in found if place.key not in held.rows]
    return [*page, *_merged(mixed, found, skipped, begin, wanted)]


def _merged(
    mixed: list[Place], found: list[Place], skipped: int, begin: int, wanted: int
) -> Iterator[Place]:
    """Of the places of two kinds in one order, those from number `begin` on.

    Args:
        mixed: All of the one kind.
        found: Of the other those behind the first `skipped`.
        skipped: How many that are.
        begin: The number of the first one wanted, counted from 0.
        wanted: How many.
    """
    before = 0
    if skipped:
        # At most all of `mixed` is before the first of `found`, and no more is left out.
        before = bisect_right(mixed, _backwards(found[0]), key=_backwards) if found else len(mixed)
    both = merge(mixed[before:], found, key=_backwards)
    start = begin - skipped - before
    return islice(both, start, start + wanted)


class _Backwards(tuple[float, str]):
    """A place that sorts before those that are earlier."""

    __slots__ = ()

    def __lt__(self, other: tuple[Any, ...]) -> bool:
        return tuple.__gt__(self, other)


def _backwards(place: tuple[Any, ...]) -> _Backwards:
    return _Backwards(place)


def _unavailable(table: FeedTable[Any, Any]) -> FeedUnavailableError:
    return FeedUnavailableError(
        f"older rows of the table `{table.name}` cannot be read from the database; try again later"
    )
