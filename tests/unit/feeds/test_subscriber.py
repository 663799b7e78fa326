"""What one subscriber is sent, by example; `test_convergence.py` has the general property."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from graphql_api.errors import BadCursorError
from graphql_api.feeds.cache import FRESH_VERSIONS, WatchCache
from graphql_api.feeds.events import FeedStatus
from graphql_api.feeds.history import History
from graphql_api.feeds.subscriber import Subscriber
from tests.for_each import for_each
from tests.unit.feeds.toy import (
    Added,
    Below,
    Deleted,
    Event,
    Number,
    Numbers,
    PackedNumbers,
    State,
    Updated,
    differing,
    rows_of,
)

Cache = WatchCache[Number, Event]


def make_cache(
    rows: dict[str, int] | None = None,
    *,
    max_changes: int = 100,
    queue_limit: int = 0,
    table: Numbers | None = None,
) -> Cache:
    cache = WatchCache(
        table or Numbers(),
        run=b"the run.",
        history=History[Number](max_changes=max_changes, max_bytes=10**6),
        queue_limit=queue_limit,
    )
    if rows is not None:
        cache.take(rows_of({key: Number(key, n) for key, n in rows.items()}))
        cache.begin()
    return cache


def subscribe(
    cache: Cache,
    where: Below | None = None,
    *,
    include_initial: bool = True,
    since: str | None = None,
    in_batches: bool = False,
) -> Subscriber[Number, Event]:
    return cache.subscribe(
        where,
        include_initial=include_initial,
        since=since,
        wake=lambda: None,
        in_batches=in_batches,
    )


def drain(subscriber: Subscriber[Number, Event]) -> list[Event]:
    return [event.value for event in iter(subscriber.pull, None)]


def write(cache: Cache, key: str, values: Iterable[int | None]) -> None:
    for n in values:
        cache.apply(key, None if n is None else Number(key, n))


def repair(cache: Cache, rows: dict[str, int]) -> None:
    """What a feed does with the snapshot after an outage."""
    table = {key: Number(key, n) for key, n in rows.items()}
    for key in differing(cache.rows, table):
        cache.apply(key, table.get(key))
    cache.recover()


def pull(subscriber: Subscriber[Number, Event]) -> Event:
    event = subscriber.pull()
    assert event is not None
    return event.value


def pull_until_ready(subscriber: Subscriber[Number, Event]) -> str:
    """The cursor of READY."""
    return drain(subscriber)[-1].cursor


def short(events: Iterable[Event]) -> list[tuple[object, ...]]:
    """Events without their cursors."""
    result: list[tuple[object, ...]] = []
    for event in events:
        match event:
            case State(status):
                result.append((status.value,))
            case Added(cause, row):
                result.append(("+", cause.value, row.key, row.n))
            case Updated(previous, row):
                result.append(("~", row.key, previous.n, row.n))
            case Deleted(cause, key, previous):
                result.append(("-", cause.value, key, previous.n))
    return result


def test_snapshot_comes_first_and_is_marked_complete() -> None:
    subscriber = subscribe(make_cache({"b": 2, "a": 1}))
    assert short(drain(subscriber)) == [
        ("INITIALIZING",),
        ("+", "INITIAL", "a", 1),
        ("+", "INITIAL", "b", 2),
        ("READY",),
    ]


def test_empty_table_is_marked_complete() -> None:
    assert short(drain(subscribe(make_cache({})))) == [("INITIALIZING",), ("READY",)]


def test_snapshot_is_of_one_moment_though_the_table_moves_on() -> None:
    cache = make_cache({"a": 1, "b": 1, "c": 1})
    subscriber = subscribe(cache)
    assert short([pull(subscriber), pull(subscriber)]) == [
        ("INITIALIZING",),
        ("+", "INITIAL", "a", 1),
    ]
    write(cache, "a", [2])
    write(cache, "b", [2])
    write(cache, "c", [None])
    write(cache, "d", [1])
    assert short(drain(subscriber)) == [
        ("+", "INITIAL", "b", 1),
        ("+", "INITIAL", "c", 1),
        ("READY",),
        ("~", "a", 1, 2),
        ("~", "b", 1, 2),
        ("-", "DELETED", "c", 1),
        ("+", "CREATED", "d", 1),
    ]


def test_without_initial_rows_the_status_says_from_where() -> None:
    cache = make_cache({"a": 1})
    subscriber = subscribe(cache, include_initial=False)
    write(cache, "a", [2])
    assert short(drain(subscriber)) == [("READY",), ("~", "a", 1, 2)]


def test_who_joins_before_the_snapshot_learns_so_at_once_and_gets_rows_later() -> None:
    cache = make_cache()
    subscriber = subscribe(cache)
    assert short(drain(subscriber)) == [("INITIALIZING",)]
    cache.take(rows_of({"a": Number("a", 1)}))
    cache.begin()
    assert short(drain(subscriber)) == [("+", "INITIAL", "a", 1), ("READY",)]


def test_who_joins_while_stale_gets_stale_in_place_of_ready() -> None:
    cache = make_cache({"a": 1})
    cache.lose()
    subscriber = subscribe(cache)
    assert short(drain(subscriber)) == [("INITIALIZING",), ("+", "INITIAL", "a", 1), ("STALE",)]


def test_an_outage_is_repaired_by_the_difference_alone() -> None:
    cache = make_cache({"kept": 1, "changed": 1, "deleted": 1})
    subscriber = subscribe(cache)
    drain(subscriber)
    cache.lose()
    assert short(drain(subscriber)) == [("STALE",)]
    repair(cache, {"kept": 1, "changed": 2, "new": 1})
    assert short(drain(subscriber)) == [
        ("~", "changed", 1, 2),
        ("-", "DELETED", "deleted", 1),
        ("+", "CREATED", "new", 1),
        ("READY",),
    ]


def test_a_change_of_nothing_that_is_served_is_no_event() -> None:
    cache = make_cache({"a": 1})
    subscriber = subscribe(cache)
    drain(subscriber)
    cache.apply("a", Number("a", 1))
    assert drain(subscriber) == []
    assert cache.position == 0


@for_each(
    ("held", "changes", "expected"),
    [
        (None, [1, 2], [("+", "CREATED", "k", 2)]),
        (1, [2, 3], [("~", "k", 1, 3)]),
        (None, [1, None], []),
        (1, [None, 2], [("~", "k", 1, 2)]),
        (1, [2, 1], []),
        (1, [None, 1], []),
        (1, [2, None], [("-", "DELETED", "k", 1)]),
        (1, [9, None], [("-", "LEFT_FILTER", "k", 1)]),
        (1, [None, 9], [("-", "DELETED", "k", 1)]),
        (1, [9, 8], [("-", "LEFT_FILTER", "k", 1)]),
        (1, [None, 2, 9], [("-", "LEFT_FILTER", "k", 1)]),
        (9, [1], [("+", "ENTERED_FILTER", "k", 1)]),
        (9, [None, 1], [("+", "CREATED", "k", 1)]),
        (None, [1, 9, 2], [("+", "ENTERED_FILTER", "k", 2)]),
    ],
)
def test_pending_changes_of_one_document_merge(
    held: int | None, changes: list[int | None], expected: list[tuple[object, ...]]
) -> None:
    cache = make_cache({} if held is None else {"k": held})
    subscriber = subscribe(cache, Below(5))
    drain(subscriber)
    write(cache, "k", changes)
    assert short(drain(subscriber)) == expected


def test_a_batch_resumes_behind_every_one_of_its_keys() -> None:
    cache = make_cache({"a": 1, "b": 1, "c": 1, "d": 1})
    subscriber = subscribe(cache)
    drain(subscriber)
    for key in "dbca":
        write(cache, key, [2, 3])
    batch = drain(subscriber)
    assert short(batch) == [("~", key, 1, 3) for key in "abcd"]
    write(cache, "e", [1])
    for sent in range(1, 5):
        resumed = subscribe(cache, since=batch[sent - 1].cursor)
        rest = short(drain(resumed))
        assert rest == [*short(batch)[sent:], ("+", "CREATED", "e", 1), ("READY",)]


def test_subscribers_that_are_behind_alike_share_what_has_merged() -> None:
    keys = [f"{number:03}" for number in range(70)]
    cache = make_cache(dict.fromkeys(keys, 0), max_changes=1000)
    first, second, late = [subscribe(cache) for _ in range(3)]
    for subscriber in (first, second, late):
        drain(subscriber)
    for key in keys:
        write(cache, key, [1, 2])
    assert first._pending is second._pending
    late_event = late.pull()
    write(cache, "000", [3])
    event = first.pull()
    assert event is second.pull() is not late_event
    sent = []
    while (bundle := first.bundle()) is not None:
        assert bundle is second.bundle()
        first.take(bundle)
        second.take(bundle)
        sent.append(len(bundle.events))
    assert sent == [32, 32, 5]
    assert drain(first) == drain(second) == []
    assert short(drain(late)) == [("~", key, 0, 2) for key in keys[1:]] + [("~", "000", 2, 3)]


@pytest.mark.parametrize("queue_limit", [0, 100])
def test_bundles_are_the_events_that_are_pulled_one_by_one(queue_limit: int) -> None:
    keys = [f"{number:03}" for number in range(700)]
    rows = {key: int(key) % 30 for key in keys}
    cache = make_cache(rows, queue_limit=queue_limit, max_changes=10_000)
    for where in (None, Below(1)):
        one_by_one, bundled = subscribe(cache, where), subscribe(cache, where)
        expected, sent, sizes = [], [], []
        for n in (1, 2):
            expected += drain(one_by_one)
            while (event := bundled.pull()) is not None:
                sent.append(event.value)
                while (bundle := bundled.bundle()) is not None and bundle.events:
                    sent += [each.value for each in bundle.events]
                    sizes.append(len(bundle.events))
                    bundled.take(bundle)
            assert bundled.cursor_position == one_by_one.cursor_position
            for key in keys[:50]:
                write(cache, key, [n + 50, 0])
        assert sent == expected
        assert max(sizes) <= 32
        assert sum(sizes) > len(sent) / 2


def test_a_status_waits_for_the_changes_before_it() -> None:
    cache = make_cache({"a": 1})
    subscriber = subscribe(cache)
    drain(subscriber)
    write(cache, "a", [2])
    cache.lose()
    assert short(drain(subscriber)) == [("~", "a", 1, 2), ("STALE",)]


def test_a_newer_status_replaces_an_unsent_one() -> None:
    cache = make_cache({"a": 1})
    subscriber = subscribe(cache)
    drain(subscriber)
    cache.lose()
    repair(cache, {"a": 1})
    assert short(drain(subscriber)) == [("READY",)]


def test_a_status_after_changes_that_came_to_nothing_names_their_end() -> None:
    cache = make_cache({})
    subscriber = subscribe(cache)
    drain(subscriber)
    write(cache, "a", [1])
    cache.lose()
    repair(cache, {"a": 1})
    write(cache, "a", [None])
    (ready,) = drain(subscriber)
    assert ready.cursor == drain(subscribe(cache))[-1].cursor


def test_a_cursor_that_the_history_has_forgotten_gets_the_snapshot() -> None:
    cache = make_cache({"a": 1}, max_changes=2)
    ready = drain(subscribe(cache))[-1].cursor
    write(cache, "a", [2, 3])
    assert short(drain(subscribe(cache, since=ready)))[0] == ("~", "a", 1, 2)
    write(cache, "a", [4])
    assert short(drain(subscribe(cache, since=ready))) == [
        ("INITIALIZING",),
        ("+", "INITIAL", "a", 4),
        ("READY",),
    ]


def test_a_replay_that_the_history_overtakes_turns_into_a_snapshot() -> None:
    cache = make_cache({"a": 0}, max_changes=3)
    ready = drain(subscribe(cache))[-1].cursor
    write(cache, "a", [1, 2, 3])
    subscriber = subscribe(cache, since=ready)
    assert short([pull(subscriber)]) == [("~", "a", 0, 1)]
    write(cache, "a", [4, 5])
    assert short(drain(subscriber)) == [("INITIALIZING",), ("+", "INITIAL", "a", 5), ("READY",)]


@for_each("which", ["another run", "another filter", "incomplete"])
def test_a_cursor_from_elsewhere_gets_the_snapshot(which: str) -> None:
    cache = make_cache({"a": 1})
    other = WatchCache(
        Numbers(),
        run=b"another.",
        history=History[Number](max_changes=9, max_bytes=10**6),
        queue_limit=0,
    )
    other.take(rows_of({"other": Number("other", 1)}))
    other.begin()
    cursor = {
        "another run": drain(subscribe(other))[-1].cursor,
        "another filter": drain(subscribe(cache, Below(3)))[-1].cursor,
        "incomplete": drain(subscribe(cache))[0].cursor,
    }[which]
    assert short(drain(subscribe(cache, since=cursor)))[0] == ("INITIALIZING",)


def test_an_altered_cursor_is_an_error_and_leaves_nothing_behind() -> None:
    cache = make_cache({"a": 1})
    with pytest.raises(BadCursorError):
        subscribe(cache, since="altered")
    assert cache.subscribers == 0


def test_an_idle_subscriber_gets_a_fresh_cursor_before_the_history_forgets_its_own() -> None:
    cache = make_cache({"a": 0}, max_changes=16)
    subscriber = subscribe(cache, Below(1))
    cursor = drain(subscriber)[-1].cursor
    write(cache, "a", [5])
    cursor = drain(subscriber)[-1].cursor
    for n in range(6, 500):
        write(cache, "a", [n])
        for event in drain(subscriber):
            assert isinstance(event, State)
            assert event.status is FeedStatus.READY
            cursor = event.cursor
        resumed = subscribe(cache, Below(1), since=cursor)
        assert short(drain(resumed)) == [("READY",)]
        cache.unsubscribe(resumed)


def test_change_that_waits_until_the_history_has_left_it_is_followed_by_a_fresh_cursor() -> None:
    cache = make_cache({"a": 0, "b": 5}, max_changes=16, queue_limit=8)
    subscriber = subscribe(cache, Below(1))
    drain(subscriber)
    write(cache, "a", [5])
    write(cache, "b", range(6, 30))
    events = drain(subscriber)
    assert short(events) == [("-", "LEFT_FILTER", "a", 0), ("READY",)]
    assert short(drain(subscribe(cache, Below(1), since=events[-1].cursor))) == [("READY",)]


def test_first_rows_that_take_long_are_followed_by_a_fresh_cursor() -> None:
    cache = make_cache({"a": 0, "b": 0, "c": 5}, max_changes=16, queue_limit=8)
    subscriber = subscribe(cache, Below(1))
    assert short([pull(subscriber)]) == [("INITIALIZING",)]
    write(cache, "c", range(6, 30))
    events = drain(subscriber)
    initial = [("+", "INITIAL", "a", 0), ("+", "INITIAL", "b", 0)]
    assert short(events) == [*initial, ("READY",), ("READY",)]
    assert short(drain(subscribe(cache, Below(1), since=events[-1].cursor))) == [("READY",)]


def test_status_is_reached_by_a_client_that_stays_far_behind() -> None:
    keys = [f"{number:03}" for number in range(200)]
    cache = make_cache(dict.fromkeys(keys, 0), max_changes=100)
    since = drain(subscribe(cache))[-1].cursor
    for key in keys[:70]:
        write(cache, key, [1])
    subscriber = subscribe(cache, since=since)
    for key in keys:
        write(cache, key, [2])
        if isinstance(pull(subscriber), State):
            return
    pytest.fail("it reads as fast as the table changes, and is never READY")


def test_aged_cursor_makes_no_tick() -> None:
    cache = make_cache({"a": 0}, max_changes=16)
    subscriber = subscribe(cache, in_batches=True)
    drain(subscriber)
    write(cache, "a", range(1, 100))
    assert not subscriber.is_due
    subscriber.release()
    assert short(drain(subscriber)) == [("~", "a", 0, 99)]
    write(cache, "a", [*range(100, 200), 99])
    subscriber.release()
    assert short(drain(subscriber)) == [("READY",)], "its batch has come to nothing"


def test_bookmark_names_the_table_as_of_now_once() -> None:
    cache = make_cache({"a": 5})
    subscriber = subscribe(cache, Below(1))
    drain(subscriber)
    subscriber.bookmark()
    assert drain(subscriber) == [], "its cursor is the newest"
    write(cache, "a", [6, 7])
    subscriber.bookmark()
    (event,) = drain(subscriber)
    assert short([event]) == [("READY",)]
    assert event.cursor == cache.cursor(Below(1))
    subscriber.bookmark()
    assert drain(subscriber) == []


def test_bookmark_comes_behind_the_changes_that_wait() -> None:
    cache = make_cache({"a": 0}, queue_limit=8)
    subscriber = subscribe(cache)
    drain(subscriber)
    write(cache, "a", [1, 2])
    subscriber.bookmark()
    events = drain(subscriber)
    assert short(events) == [("~", "a", 0, 1), ("~", "a", 1, 2), ("READY",)]
    assert events[-1].cursor == cache.cursor()


def test_bookmark_says_how_the_feed_stands() -> None:
    cache = make_cache({"a": 5})
    subscriber = subscribe(cache, Below(1))
    write(cache, "a", [6])
    cache.lose()
    drain(subscriber)
    subscriber.bookmark()
    assert short(drain(subscriber)) == []
    write(cache, "a", [7])
    subscriber.bookmark()
    assert short(drain(subscriber)) == [("STALE",)]


def test_client_that_does_not_hold_the_table_gets_no_bookmark() -> None:
    cache = make_cache()
    waiting = subscribe(cache)
    drain(waiting)
    waiting.bookmark()
    assert drain(waiting) == []

    cache = make_cache({"a": 0, "b": 0})
    reading = subscribe(cache)
    assert short([pull(reading), pull(reading)]) == [("INITIALIZING",), ("+", "INITIAL", "a", 0)]
    write(cache, "c", [1])
    reading.bookmark()
    assert short(drain(reading)) == [("+", "INITIAL", "b", 0), ("READY",), ("+", "CREATED", "c", 1)]

    behind = subscribe(cache)
    drain(behind)
    write(cache, "a", [1, 2])  # they are merged, and their batch ends with the newest cursor
    behind.bookmark()
    assert short(drain(behind)) == [("~", "a", 0, 2)]


def test_equal_filters_are_sent_the_same_objects() -> None:
    cache = make_cache({"a": 1})
    one, two, other = subscribe(cache, Below(5)), subscribe(cache, Below(5)), subscribe(cache)
    rows = [[e for e in drain(s) if isinstance(e, Added)] for s in (one, two, other)]
    assert rows[0][0] is rows[1][0] is rows[2][0]
    assert cache.subscribers == 3


class CountedNumbers(Numbers):
    """Counts the events that are made of changes."""

    def __init__(self) -> None:
        super().__init__()
        self.made = 0

    def updated(self, previous: Number, row: Number, cursor: str) -> Event:
        self.made += 1
        return super().updated(previous, row, cursor)


def test_those_who_replay_at_the_same_time_are_sent_the_same_objects() -> None:
    table = CountedNumbers()
    cache = make_cache({"a": 0}, max_changes=1000, table=table)
    since = pull_until_ready(subscribe(cache))
    write(cache, "a", range(1, 400))
    table.made = 0
    replays = [subscribe(cache, since=since) for _ in range(10)]
    for _ in range(0, 399, 21):
        for replay in replays:
            for _ in range(21):
                # It is not kept here: a slower one gets it nevertheless.
                assert isinstance(pull(replay), Updated)
    assert table.made == 399
    assert table.packing.unpacked == 399 - FRESH_VERSIONS


def test_event_is_made_once_for_all_of_a_view_and_for_none_who_merges() -> None:
    table = CountedNumbers()
    cache = make_cache({"a": 0}, queue_limit=4, table=table)
    quick = [subscribe(cache, include_initial=False) for _ in range(3)]
    slow = subscribe(cache, Below(1000), include_initial=False)
    for subscriber in [*quick, slow]:
        drain(subscriber)
    table.made = 0
    for n in range(1, 100):
        write(cache, "a", [n])
        assert len({id(event) for subscriber in quick for event in drain(subscriber)}) == 1
    assert table.made == 99
    merged = drain(slow)
    assert table.made == 99 + len(merged)
    assert len(merged) <= 5


def test_replay_of_others_with_other_filters_reads_the_same_rows() -> None:
    cache = make_cache({"a": 0}, max_changes=1000)
    since = [pull_until_ready(subscribe(cache, Below(1000 + n))) for n in range(10)]
    write(cache, "a", range(1, 400))
    packing = cache._table.packing
    assert isinstance(packing, PackedNumbers)
    replays = [subscribe(cache, Below(1000 + n), since=since[n]) for n in range(10)]
    for _ in range(399):
        assert len({pull(replay).cursor for replay in replays}) == 10
    assert packing.unpacked == 399 - FRESH_VERSIONS


def test_replay_unpacks_no_row_that_a_filter_hides() -> None:
    cache = make_cache({"a": 5, "b": 0}, max_changes=1000)
    since = pull_until_ready(subscribe(cache, Below(5)))
    write(cache, "a", range(6, 400))
    packing = cache._table.packing
    assert isinstance(packing, PackedNumbers)
    replay = subscribe(cache, Below(5), since=since)
    while replay.pull() is None:
        pass
    assert replay.pull() is None
    assert not replay.is_due
    assert packing.unpacked == 0


def test_those_that_get_the_same_status_are_sent_the_same_object() -> None:
    cache = make_cache({"a": 1})
    one, two = (drain(subscribe(cache)) for _ in range(2))
    assert one[0] is two[0]
    assert one[-1] is two[-1]
    write(cache, "a", [2])
    assert drain(subscribe(cache))[-1] is not one[-1]


def test_those_who_fall_behind_together_are_sent_the_same_merged_objects() -> None:
    cache = make_cache({"a": 1, "b": 1})
    subscribers = [subscribe(cache) for _ in range(3)]
    for subscriber in subscribers:
        drain(subscriber)
    write(cache, "a", [2, 3])
    write(cache, "b", [2, 3])
    one, two, three = (drain(subscriber) for subscriber in subscribers)
    assert len(one) == 2
    assert all(x is y is z for x, y, z in zip(one, two, three, strict=True))


def test_closing_twice_frees_once() -> None:
    cache = make_cache({})
    one, two = subscribe(cache), subscribe(cache)
    cache.unsubscribe(one)
    cache.unsubscribe(one)
    assert cache.subscribers == 1
    cache.unsubscribe(two)
    assert cache.subscribers == 0


def test_who_finds_nothing_in_much_history_is_woken_to_look_on() -> None:
    cache = make_cache({"a": 9}, max_changes=2000)
    ready = drain(subscribe(cache, Below(5)))[-1].cursor
    write(cache, "a", range(10, 1010))
    wakes: list[None] = []
    subscriber = cache.subscribe(Below(5), since=ready, wake=lambda: wakes.append(None))
    while (event := subscriber.pull()) is None:
        assert wakes, "it would sleep for ever"
        wakes.clear()
    assert short([event.value]) == [("READY",)]


def test_a_change_without_an_event_has_not_happened() -> None:
    cache = make_cache({"a": 1})
    subscriber = subscribe(cache, FailingFilter())
    with pytest.raises(ZeroDivisionError):
        write(cache, "a", [0])
    assert cache.rows["a"].row.n == 1
    assert cache.position == 0
    assert differing(cache.rows, {"a": Number("a", 0)}) == ["a"]
    cache.unsubscribe(subscriber)


class FailingFilter(Below):
    """A filter with a bug."""

    def __init__(self) -> None:
        super().__init__(1)

    def matches(self, row: Number) -> bool:
        return bool(1 / row.n)
