"""The rows in memory: what they are counted as is what they take."""

from __future__ import annotations

import gc
import json
import tracemalloc
from collections.abc import Callable

from graphql_api.feeds.view import Event
from graphql_api.log_feeds import cursor as cursors
from graphql_api.log_feeds.cursor import Cursor, LogPlace, Mark
from graphql_api.log_feeds.rows import HeldRow, RowCache, size_of
from graphql_api.tables.response import RESPONSES, Response
from tests.for_each import for_each
from tests.server.results import response

ROWS = 500
MANY_BYTES = 10**9


def fill(cache: RowCache[Response], *, events: int) -> None:
    """Hold rows as a partition does, each with the events of so many places."""
    for number in range(ROWS):
        document = json.loads(json.dumps(response(number + 1, "j1")))
        row = RESPONSES.decode(document)
        cache.put(number, HeldRow(row, RESPONSES.kind(row), size_of(document)))
        for count in range(events):
            place = LogPlace(
                number + count, number, Mark(number + 1000, 1_800_000_000_000 + number)
            )
            cursor = cursors.encode(Cursor(bytes(8), 7, place, number))
            key = (7, place, 1_800_000_000)
            cache.keep(number, key, Event(RESPONSES.added(row, cursor)))


def taken(work: Callable[[], None]) -> int:
    """How many bytes are allocated, and kept, by some work."""
    gc.collect()
    tracemalloc.start()
    try:
        work()
        gc.collect()
        return tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()


@for_each("events", [0, 1, 4])
def test_rows_with_their_events_are_counted_as_what_they_take(events: int) -> None:
    fill(RowCache(MANY_BYTES), events=events)  # what is made once is made now
    cache: RowCache[Response] = RowCache(MANY_BYTES)
    bytes_ = taken(lambda: fill(cache, events=events))
    assert 0.8 * bytes_ <= cache.size <= 1.25 * bytes_


def test_events_of_rows_are_bounded_with_the_rows() -> None:
    cache: RowCache[Response] = RowCache(100_000)
    fill(cache, events=4)
    assert cache.size <= 100_000
    assert cache.get(ROWS - 1) is not None
    assert cache.get(0) is None
    sizes = [held.size for held in map(cache.get, range(ROWS)) if held is not None]
    assert sum(sizes) == cache.size
