"""Pages of a table with a window: the rows that the feed holds, and older ones of the database.

Both are in the order of one time, the latest first, and most of what is held is later than all that
is not:

    held            ████████████ █  █      █
    not held                     ██ ██████ ██████
                    ├─────┤├─────┤├─────┤├─────┤   looks at the database

The database is looked at 200 rows at a time, until the page is full; until the end, if the total is
asked for. The client is charged for each of these rows, and other work has its turn between two
looks. So a far offset, or a filter that few rows pass, takes long for its own client only.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from datetime import datetime
from enum import Enum
from math import inf
from typing import Any, Final, NamedTuple, TypeVar

from graphql_api.errors import DatabaseError, FeedUnavailableError
from graphql_api.feeds.archive import ArchivePlace, Outside, Relation, Spot, WantedValue
from graphql_api.feeds.events import FeedStatus
from graphql_api.feeds.feed import Feed
from graphql_api.feeds.keys import TEXT
from graphql_api.feeds.order import SortKey
from graphql_api.feeds.pages import Matching, UnpackedRows
from graphql_api.feeds.part import TablePart
from graphql_api.feeds.table import FeedTable, Filter
from graphql_api.schema.context import Context
from graphql_api.schema.filters import NOTHING, Where, conditions_of

RowT = TypeVar("RowT")

ROWS_AT_ONCE: Final = 100
"""How many documents are read by one query, whose reply is looked through in one go."""

ROWS_OF_A_LOOK: Final = 200
"""How many rows the database looks at for one query."""

ROW_S: Final = 20e-6
"""What a client is charged for a row that the database looks at, in seconds."""


class OlderRows:
    """The reader of the rows of a table that its feed does not hold.

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
        table = self._table
        wanted = [
            WantedValue(
                self._stored_names[self._conditions[name].attribute],
                self._conditions[name].relation,
                _stored(value),
            )
            for name, value in conditions
        ]
        keys = None
        for each in wanted:
            if each.field == table.primary_key and each.relation is Relation.ONE_OF:
                keys = tuple(key for key in sorted(each.value) if TEXT.stored(key) is not None)
                wanted.remove(each)
                break
        return Outside(table.name, table.primary_key, self._index, feed.edge, tuple(wanted), keys)

    @property
    def part(self) -> TablePart:
        """The part of a document that is read."""
        return TablePart(without=self._table.without)


def _stored(value: Any) -> Any:
    """A condition's value as documents have it."""
    if isinstance(value, frozenset):
        return frozenset(map(_stored, value))
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
) -> tuple[Sequence[RowT], int]:
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
        with_total: Whether the number is asked for; if not, it counts those that were looked at.

    Raises:
        FeedUnavailableError: The database cannot be asked.
        OverBudgetError: The client has used more than its budget, and would wait for too long.
    """
    table = feed.table
    outside = older.outside(feed, where)
    if outside is None or held.status is FeedStatus.STALE:
        keys = held.keys[offset : offset + limit]
        return UnpackedRows([held.rows[key[-1]] for key in keys]), len(held.keys)
    both = _Places(held, offset, limit)
    rows: dict[str, RowT] = {}
    try:
        await _find(context, outside, both, to_the_end=with_total)
        missing = [place.key for place in both.page if place.key not in held.rows]
        for begin in range(0, len(missing), ROWS_AT_ONCE):
            some = missing[begin : begin + ROWS_AT_ONCE]
            for document in await context.store.read(table.name, some, older.part):
                key = document[table.primary_key]
                rows[key] = table.decode(key, document)
                await context.turns.take()  # a job takes a fifth of a millisecond
    except DatabaseError as error:
        raise _unavailable(table) from error
    page = [
        held.rows[place.key] if place.key in held.rows else _OlderRow(rows[place.key])
        for place in both.page
        if place.key in held.rows or place.key in rows  # or else it has just been deleted
    ]
    return UnpackedRows(page), len(held.keys) + both.found


class _OlderRow(NamedTuple):
    row: Any


class _Places:
    """The places of a page among those that are held and those that are found, which come in order.

    Args:
        held: The rows that are held and that pass.
        offset: How many places to leave out at the beginning.
        limit: How many places at most.

    Attributes:
        page: The places of the page, so far.
        found: How many have been found.
    """

    def __init__(self, held: Matching[Any], offset: int, limit: int) -> None:
        self._held = held
        self._begin, self._end = offset, offset + limit
        self._passed = 0
        self.page: list[ArchivePlace] = []
        self.found = 0

    @property
    def is_full(self) -> bool:
        """Whether nothing that may still be found belongs to the page."""
        return self._begin == self._end or self.found + self._passed >= self._end

    def holds(self, key: str) -> bool:
        """Whether a row is held, whether it passes or not."""
        return key in self._held.rows

    def add(self, places: Sequence[ArchivePlace]) -> None:
        """Add what was found next."""
        for place in places:
            if self.holds(place.key):
                continue  # it has been moved into the window just now
            keys, passed = self._held.keys, self._passed
            at = bisect_right(keys, _Backwards(place), passed, key=_backwards)
            self._pass(at)
            if self._begin <= self.found + self._passed < self._end:
                self.page.append(place)
            self.found += 1

    def finish(self) -> None:
        """Add the held rows behind all that was found."""
        self._pass(len(self._held.keys))

    def _pass(self, upto: int) -> None:
        """Add the next held rows, up to one of them, as far as they belong to the page."""
        begin = max(self._passed, self._begin - self.found)
        end = min(upto, self._end - self.found)
        self.page += map(_place, self._held.keys[begin : max(begin, end)])
        self._passed = upto


async def _find(context: Context, outside: Outside, both: _Places, *, to_the_end: bool) -> None:
    """Look for documents until the page is full, or until the end.

    Raises:
        DatabaseError: The database cannot be asked.
        OverBudgetError: The client has used more than its budget, and would wait for too long.
    """
    if outside.keys is not None:
        places: list[ArchivePlace] = []
        unknown = [key for key in outside.keys if not both.holds(key)]
        for begin in range(0, len(unknown), ROWS_OF_A_LOOK):
            await context.turns.pause()
            keys = unknown[begin : begin + ROWS_OF_A_LOOK]
            places += await context.store.look_at_keys(outside, keys)
            context.spend(len(keys) * ROW_S)
        both.add(sorted(places, reverse=True))
        both.finish()
        return
    spot: Spot | None = None
    while to_the_end or not both.is_full:
        await context.turns.pause()
        look = await context.store.look_outside(outside, spot, limit=ROWS_OF_A_LOOK)
        context.spend(look.looked_at * ROW_S)
        both.add(look.places)
        spot = look.spot
        if spot is None:
            break
    both.finish()


class _Backwards(tuple[float, str]):
    """A place that sorts before those that are earlier."""

    __slots__ = ()

    def __lt__(self, other: tuple[Any, ...]) -> bool:
        return tuple.__gt__(self, other)


def _backwards(sort_key: SortKey) -> _Backwards:
    return _Backwards(_place(sort_key))


def _place(sort_key: SortKey) -> ArchivePlace:
    """The place of a row that is held; one without a time comes last."""
    has_no_time, *place = sort_key
    return ArchivePlace(-inf, place[-1]) if has_no_time else ArchivePlace(*place)


def _unavailable(table: FeedTable[Any, Any]) -> FeedUnavailableError:
    return FeedUnavailableError(
        f"older rows of the table `{table.name}` cannot be read from the database; try again later"
    )
