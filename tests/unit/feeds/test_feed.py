"""A feed and its source: outages, repairs and self-checks, with a source that obeys."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

import pytest

from graphql_api.errors import (
    DatabaseUnavailableError,
    FeedLostError,
    FeedUnavailableError,
)
from graphql_api.feeds.events import ChangeCause, FeedStatus
from graphql_api.feeds.feed import Feed
from graphql_api.feeds.feed_settings import FeedSettings
from graphql_api.feeds.keys import BINARY, INTEGER, TEXT, Key, KeyKind
from graphql_api.feeds.part import WHOLE, WINDOW, TablePart, TimeWindow
from graphql_api.feeds.source import DocumentChange, SourceReady
from graphql_api.schema.document import stored_value
from tests.fault.clock import LIMIT_S, some_steps
from tests.for_each import for_each
from tests.simulation.loop import simulated, time_passes_until
from tests.unit.feeds.toy import (
    Added,
    Event,
    Number,
    Numbers,
    State,
    Updated,
    document,
)

Document = dict[str, Any]
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
QUICK = FeedSettings(reconnect_first_s=0, reconnect_max_s=0, self_check_s=0)


async def _each(documents: list[Document]) -> AsyncIterator[Document]:
    for stored in documents:
        yield stored


class ScriptedSource:
    """A table in memory, whose changefeed can be lost at will, and can be made to lie.

    Its keys are given as they are served.
    """

    def __init__(self, kind: KeyKind = TEXT, /, **rows: int) -> None:
        self.kind = kind
        self.stored: dict[Key, Document] = {}
        for key, n in rows.items():
            self._store(key, n)
        self.opened = 0
        self.reads = 0
        self.is_reachable = True
        self._feed: asyncio.Queue[DocumentChange | Exception] | None = None

    @asynccontextmanager
    async def changes(
        self, table: str, part: TablePart = WHOLE
    ) -> AsyncIterator[AsyncIterator[DocumentChange | SourceReady]]:
        assert table == Numbers.name
        if not self.is_reachable:
            raise DatabaseUnavailableError("nobody is there")
        self.opened += 1
        self._feed = asyncio.Queue()
        yield self._read(self._feed)

    @asynccontextmanager
    async def documents(
        self, table: str, keys: Collection[Key] | None = None, part: TablePart = WHOLE
    ) -> AsyncIterator[AsyncIterator[Document]]:
        assert table == Numbers.name
        self.reads += 1
        wanted = list(self.stored) if keys is None else keys
        yield _each([self.stored[key] for key in wanted if key in self.stored])

    async def _read(
        self, feed: asyncio.Queue[DocumentChange | Exception]
    ) -> AsyncIterator[DocumentChange | SourceReady]:
        for stored in list(self.stored.values()):
            yield DocumentChange(None, stored)
        yield SourceReady()
        while True:
            change = await feed.get()
            if isinstance(change, Exception):
                raise change
            yield change

    def write(self, key: str, n: int | None, *, silently: bool = False) -> None:
        """Write a document; silently, the changefeed says nothing of it."""
        old, new = self._store(key, n)
        if self._feed is not None and not silently:
            self._feed.put_nowait(DocumentChange(old, new))

    def _store(self, key: str, n: int | None) -> tuple[Document | None, Document | None]:
        stored = self.kind.stored(key)
        assert stored is not None
        old = self.stored.pop(stored, None)
        if n is not None:
            self.stored[stored] = {**document(key, n), "id": stored_value(stored)}
        return old, self.stored.get(stored)

    def lose(self, error: Exception | None = None, *, reachable: bool = True) -> None:
        self.is_reachable = reachable
        assert self._feed is not None
        self._feed.put_nowait(error or FeedLostError("the test has lost it"))
        self._feed = None


@asynccontextmanager
async def following(
    source: ScriptedSource, settings: FeedSettings = QUICK, **options: Any
) -> AsyncIterator[Feed[Number, Event]]:
    feed: Feed[Number, Event] = Feed(Numbers(source.kind), source, settings, **options)
    running = asyncio.create_task(feed.run())
    try:
        yield feed
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def until(events: AsyncIterator[Event], status: FeedStatus) -> list[Event]:
    """All events up to and with the next of this status."""
    got: list[Event] = []
    async for event in events:
        got.append(event)
        if isinstance(event, State) and event.status is status:
            break
    return got


async def test_outage_is_reported_and_repaired_on_the_open_subscription() -> None:
    source = ScriptedSource(kept=1, changed=1, deleted=1, back=1)
    async with following(source) as feed:
        subscription = feed.subscribe()
        await until(subscription, FeedStatus.READY)
        source.lose(reachable=False)
        assert await until(subscription, FeedStatus.STALE)
        source.write("changed", 2)
        source.write("deleted", None)
        source.write("new", 3)
        source.write("back", 2)
        source.write("back", 1)
        source.is_reachable = True
        difference = await until(subscription, FeedStatus.READY)
        assert [type(event).__name__ for event in difference] == [
            "Updated",
            "Deleted",
            "Added",
            "State",
        ]
        assert feed.outages == 1
        assert feed.problem is None


@pytest.mark.parametrize(
    "error",
    [
        FeedLostError("a gap"),
        DatabaseUnavailableError("gone"),
        RuntimeError("a bug"),
    ],
)
async def test_whatever_ends_the_changefeed_it_is_opened_again(
    error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    source = ScriptedSource(a=1)
    async with following(source) as feed:
        subscription = feed.subscribe()
        await until(subscription, FeedStatus.READY)
        source.lose(error)
        await until(subscription, FeedStatus.READY)
        assert source.opened == 2
    bugs = [record for record in caplog.records if record.exc_info]
    assert bool(bugs) == isinstance(error, RuntimeError)


async def test_query_before_the_first_snapshot_is_refused_after_its_wait() -> None:
    source = ScriptedSource()
    source.is_reachable = False
    async with following(source) as feed:
        with pytest.raises(FeedUnavailableError):
            await feed.ready(0)
        source.is_reachable = True
        await feed.ready(3600)


async def test_an_outage_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    source = ScriptedSource(a=1)
    source.is_reachable = False
    async with following(source) as feed:
        for _ in range(50):
            await asyncio.sleep(0)
        source.is_reachable = True
        await feed.ready(3600)
    said = [record.getMessage() for record in caplog.records]
    assert sum("nobody is there" in text for text in said) == 1
    assert sum("following 1 document" in text for text in said) == 1


async def test_subscription_ends_when_it_is_closed_while_it_waits() -> None:
    async with following(ScriptedSource()) as feed:
        subscription = feed.subscribe()
        await until(subscription, FeedStatus.READY)
        waiting = asyncio.ensure_future(anext(subscription, None))
        await asyncio.sleep(0)
        subscription.close()
        assert await waiting is None
        assert feed.subscribers == 0


async def test_cancelled_wait_loses_no_event() -> None:
    source = ScriptedSource()
    async with following(source) as feed:
        subscription = feed.subscribe()
        await until(subscription, FeedStatus.READY)
        for n in range(1, 20):
            waiting = asyncio.ensure_future(anext(subscription))
            await asyncio.sleep(0)
            source.write("a", n)
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting
            event = await anext(subscription)
            assert isinstance(event, Added | Updated)
            assert event.row.n == n


SELF_CHECKED = QUICK.model_copy(update={"self_check_s": 0.001, "self_check_confirm_s": 0})


@pytest.mark.parametrize(
    ("kind", "keys"),
    [(TEXT, "a b c d"), (INTEGER, "1 2 3 4"), (BINARY, "0a 0b 0c 0d")],
    ids=["text", "integer", "binary"],
)
async def test_self_check_finds_and_repairs_what_the_changefeed_kept_back(
    kind: KeyKind, keys: str, caplog: pytest.LogCaptureFixture
) -> None:
    a, b, c, d = keys.split()
    source = ScriptedSource(kind, **{a: 1, b: 1, c: 1})
    async with following(source, SELF_CHECKED) as feed:
        subscription = feed.subscribe()
        await until(subscription, FeedStatus.READY)
        source.write(a, 2, silently=True)
        source.write(b, None, silently=True)
        source.write(d, 1, silently=True)
        await until(subscription, FeedStatus.STALE)
        assert len(await until(subscription, FeedStatus.READY)) == 4
        assert feed.consistency_check.differences == 3
    assert "3 documents differ" in caplog.text


async def test_self_check_finds_nothing_where_nothing_is() -> None:
    source = ScriptedSource(a=1)
    async with following(source, SELF_CHECKED) as feed:
        await feed.ready(3600)
        while feed.consistency_check.checks < 5:
            source.write("a", feed.consistency_check.checks)
            await asyncio.sleep(0)
        assert feed.consistency_check.differences == 0
        assert source.opened == 1


class LateSource(ScriptedSource):
    """A table that is written to just before each read, and whose changes come a little later."""

    @asynccontextmanager
    async def documents(
        self, table: str, keys: Collection[Key] | None = None, part: TablePart = WHOLE
    ) -> AsyncIterator[AsyncIterator[Document]]:
        old = self.stored["a"]
        self.write("a", old["n"] + 1, silently=True)
        assert self._feed is not None
        change = DocumentChange(old, self.stored["a"])
        asyncio.get_running_loop().call_later(1.0, self._feed.put_nowait, change)
        async with super().documents(table, keys) as documents:
            yield documents


def test_self_check_takes_no_change_that_comes_late_for_a_missing_one() -> None:
    async def story() -> None:
        source = LateSource(a=1)
        async with following(
            source, SELF_CHECKED.model_copy(update={"self_check_confirm_s": 5.0})
        ) as feed:
            await feed.ready(3600)
            await time_passes_until(lambda: feed.consistency_check.checks >= 5)
            assert feed.consistency_check.differences == 0
            assert source.reads >= 10, "each check had to look twice"

    simulated(story)


def test_self_check_waits_for_what_a_pace_holds_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Numbers, "pace_s", 5.0)

    async def story() -> None:
        async with following(LateSource(a=1), SELF_CHECKED) as feed:
            await feed.ready(3600)
            await time_passes_until(lambda: feed.consistency_check.checks >= 5)
            assert feed.consistency_check.differences == 0

    simulated(story)


async def test_what_is_no_change_is_taken_over_after_an_outage_too() -> None:
    source = ScriptedSource(a=1)
    async with following(source) as feed:
        await feed.ready(3600)
        first = feed.subscribe()
        (added,) = [e for e in await until(first, FeedStatus.READY) if isinstance(e, Added)]
        assert added.row.note == ""
        source.stored["a"]["note"] = "new"
        source.lose()
        await until(first, FeedStatus.READY)
        row = feed.get("a")
        assert row is not None
        assert row.note == "new"
        later = await until(feed.subscribe(), FeedStatus.READY)
        assert [e.row.note for e in later if isinstance(e, Added)] == ["new"]
        assert feed.reflector.repaired_documents == 0


async def test_a_long_snapshot_lets_others_have_their_turn() -> None:
    async with following(ScriptedSource(**{f"k{n:03}": n for n in range(500)})) as feed:
        await feed.ready(3600)
        turns = 0

        async def other() -> None:
            nonlocal turns
            while True:
                turns += 1
                await asyncio.sleep(0)

        running = asyncio.create_task(other())
        assert len(await until(feed.subscribe(), FeedStatus.READY)) == 502
        running.cancel()
        assert turns > 10


async def test_a_flood_merges_nothing_for_subscribers_that_keep_up() -> None:
    got: list[Event] = []

    async def pause() -> None:
        while (event := subscription.pull()) is not None:
            got.append(event.value)

    source = ScriptedSource(a=0)
    async with following(source, pause=pause) as feed:
        await feed.ready(3600)
        subscription = feed.subscribe(include_initial=False)
        for n in range(1, 1001):
            source.write("a", n)
        source.write("fence", 0)
        while feed.get("fence") is None:
            await asyncio.sleep(0)
        await pause()
    assert [event.row.n for event in got if isinstance(event, Updated)] == [*range(1, 1001)]


async def test_the_time_of_the_last_change_is_that_of_changes_only() -> None:
    source = ScriptedSource(a=1)
    async with following(source) as feed:
        await feed.ready(3600)
        subscription = feed.subscribe(include_initial=False)
        await anext(subscription)
        assert feed.reflector.last_change_at is None
        before = feed.position
        source.write("a", 1)
        source.write("a", 2)
        await anext(subscription)
        assert feed.reflector.last_change_at is not None
        assert feed.position != before


async def test_a_feed_is_not_ready_before_those_that_its_rows_are_resolved_from() -> None:
    other_source = ScriptedSource(b=1)
    other_source.is_reachable = False
    async with following(other_source) as other:
        feed: Feed[Number, Event] = Feed(Numbers(), ScriptedSource(a=1), QUICK)
        feed.follow_after([other])
        running = asyncio.create_task(feed.run())
        with pytest.raises(FeedUnavailableError):
            await feed.ready(0.02)
        other_source.is_reachable = True
        await feed.ready(3600)
        assert other.status is FeedStatus.READY
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def test_a_feed_that_waits_for_others_begins_with_what_has_changed_until_then() -> None:
    other_source, source = ScriptedSource(b=1), ScriptedSource(a=1, gone=1)
    other_source.is_reachable = False
    async with following(other_source) as other:
        feed: Feed[Number, Event] = Feed(Numbers(), source, QUICK)
        feed.follow_after([other])
        running = asyncio.create_task(feed.run())
        while feed.get("a") is None:
            await asyncio.sleep(0)
        subscription = feed.subscribe()
        source.write("a", 2)
        source.write("gone", None)
        source.write("new", 3)
        while feed.get("new") is None:
            await asyncio.sleep(0)
        assert feed.status is FeedStatus.INITIALIZING
        assert feed.position == 0
        other_source.is_reachable = True
        first = await until(subscription, FeedStatus.READY)
        rows = [event.row for event in first if isinstance(event, Added)]
        assert rows == [Number("a", 2), Number("new", 3)]
        source.write("a", 4)
        event = await anext(subscription)
        assert isinstance(event, Updated)
        assert event.row == Number("a", 4)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def test_a_feed_that_is_lost_while_it_waits_for_others_does_not_begin() -> None:
    other_source, source = ScriptedSource(b=1), ScriptedSource(a=1)
    other_source.is_reachable = False
    async with following(other_source) as other:
        feed: Feed[Number, Event] = Feed(Numbers(), source, QUICK)
        feed.follow_after([other])
        running = asyncio.create_task(feed.run())
        while feed.get("a") is None:
            await asyncio.sleep(0)
        source.lose(reachable=False)
        while feed.problem is None:
            await asyncio.sleep(0)
        other_source.is_reachable = True
        await other.ready(3600)
        await some_steps()
        assert feed.status is FeedStatus.INITIALIZING
        source.write("a", 2)
        source.is_reachable = True
        await feed.ready(3600)
        assert feed.get("a") == Number("a", 2)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


class _ByNumber(TimeWindow):
    """A window of numbers: they are the seconds since 1970 by which they leave it."""

    def time(self, row: Number) -> float:
        return row.n


class _Windowed(Numbers):
    window = _ByNumber("n", 3600.0)
    sort_keys = MappingProxyType({**Numbers.sort_keys, WINDOW: lambda row: (row.n, row.key)})


async def test_only_a_row_that_was_outside_of_the_window_enters_it() -> None:
    now = round(NOON.timestamp())
    source = ScriptedSource(outside=1)
    feed: Feed[Number, Event] = Feed(_Windowed(), source, QUICK, clock=lambda: NOON)
    running = asyncio.create_task(feed.run())
    subscription = feed.subscribe()
    assert len(await until(subscription, FeedStatus.READY)) == 2
    source.write("outside", now)
    source.write("lost", now, silently=True)
    source.write("lost", now + 1)
    entered, created = await anext(subscription), await anext(subscription)
    assert isinstance(entered, Added)
    assert (entered.cause, entered.row.key) == (ChangeCause.ENTERED_FILTER, "outside")
    assert isinstance(created, Added)
    assert (created.cause, created.row.key) == (ChangeCause.CREATED, "lost")
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_write_is_seen_when_queries_show_it_also_after_an_outage() -> None:
    source = ScriptedSource(a=1)
    async with following(source) as feed:
        await feed.ready(3600)
        with feed.expect("a") as expected:
            old = source.stored["a"]
            source.write("a", 2)
            assert await expected.is_seen(old, source.stored["a"], timeout_s=LIMIT_S)
            row = feed.get("a")
            assert row is not None
            assert row.n == 2
        source.lose(reachable=False)
        with feed.expect("a") as expected:
            old = source.stored["a"]
            source.write("a", None)
            source.write("a", 4)
            waiting = asyncio.create_task(expected.is_seen(old, None, timeout_s=LIMIT_S))
            await asyncio.sleep(0)
            assert not waiting.done()
            source.is_reachable = True
            assert await waiting
            assert feed.get("a") == Number("a", 4)


@for_each("steps", range(12))
async def test_feed_that_is_cancelled_while_it_loses_its_changefeed_ends(steps: int) -> None:
    source = ScriptedSource(a=1)
    feed: Feed[Number, Event] = Feed(Numbers(), source, QUICK)
    running = asyncio.create_task(feed.run())
    await feed.ready(1000)
    source.lose()
    for _ in range(steps):
        await asyncio.sleep(0)
    running.cancel()
    await some_steps()
    assert running.cancelled()
