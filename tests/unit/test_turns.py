"""Long work is divided into turns, and what it finds is as of one moment all the same."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

import pytest

from graphql_api.feeds.cache import FRESH_VERSIONS, WatchCache
from graphql_api.feeds.events import FeedStatus
from graphql_api.feeds.feed_settings import APPLY_TURN_S
from graphql_api.feeds.order import OrderBy
from graphql_api.turns import TURN_S, Turns
from tests.unit.feeds.test_feed import QUICK, ScriptedSource, following, until
from tests.unit.feeds.toy import Below, Deleted, Number

ROWS = 1000
STEPS = int(TURN_S * 1000)


class StepClock:
    """A clock that goes on by a millisecond whenever it is looked at."""

    def __init__(self) -> None:
        self.looks = 0

    def __call__(self) -> float:
        self.looks += 1
        return self.looks / 1000


@dataclass
class CountingPause:
    """Notes how many steps of the clock were between two pauses."""

    clock: StepClock
    lengths: list[int] = field(default_factory=list)
    _last: int = 0

    async def __call__(self) -> None:
        self.lengths.append(self.clock.looks - self._last)
        self._last = self.clock.looks
        await asyncio.sleep(0)


def numbers() -> ScriptedSource:
    return ScriptedSource(**{f"k{number:04}": number for number in range(ROWS)})


async def test_turn_ends_by_its_time_or_by_its_steps() -> None:
    clock = StepClock()
    pause = CountingPause(clock)
    by_time = Turns(pause, clock=clock)
    for _ in range(100):
        await by_time.take()
    assert len(pause.lengths) == pytest.approx(100 / STEPS, abs=5)
    assert max(pause.lengths) <= STEPS + 2
    pause.lengths.clear()
    by_steps = Turns(pause, max_steps=2, clock=lambda: 0.0)
    for _ in range(100):
        await by_steps.take()
    assert len(pause.lengths) == 50


async def test_time_for_which_work_waited_is_no_part_of_its_turn() -> None:
    now = 0.0
    pauses = 0

    async def pause() -> None:
        nonlocal pauses
        pauses += 1
        await asyncio.sleep(0)

    turns = Turns(pause, clock=lambda: now)
    for _ in range(10):  # each time, work waits for long, and then does a little
        await asyncio.sleep(0)
        now += 100 * TURN_S
        await turns.take()
        await turns.take()
    assert pauses == 0
    now += TURN_S
    await turns.take()
    assert pauses == 1


async def test_changes_that_come_together_after_a_wait_are_applied_in_one_turn() -> None:
    now = 0.0
    source = numbers()
    pauses = 0

    async def pause() -> None:
        nonlocal pauses
        pauses += 1
        await asyncio.sleep(0)

    async with (
        following(source, pause=pause, turn_clock=lambda: now) as feed,
    ):
        await feed.ready(3600)
        subscription = feed.subscribe(include_initial=False)
        await until(subscription, FeedStatus.READY)
        pauses = 0
        now += 100 * TURN_S
        for number in range(16):
            source.write(f"k{number:04}", number + 1)
        for _ in range(16):
            await anext(subscription)
        assert pauses == 0


async def test_first_read_self_check_and_repair_take_turns() -> None:
    clock = StepClock()
    pause = CountingPause(clock)
    source = numbers()
    settings = QUICK.model_copy(update={"self_check_s": 0.001, "self_check_confirm_s": 0.0})
    steps = int(APPLY_TURN_S * 1000)
    fewest = ROWS // (steps + 2)
    async with (
        following(source, settings, pause=pause, turn_clock=clock) as feed,
    ):
        await feed.ready(3600)
        assert len(pause.lengths) >= fewest
        pause.lengths.clear()
        checks = feed.consistency_check.checks
        while feed.consistency_check.checks == checks:
            await asyncio.sleep(0)
        assert len(pause.lengths) >= fewest
        subscription = feed.subscribe(include_initial=False)
        await until(subscription, FeedStatus.READY)
        source.lose(reachable=False)
        await until(subscription, FeedStatus.STALE)
        for number in range(ROWS):
            source.write(f"k{number:04}", number + 1)
        pause.lengths.clear()
        source.is_reachable = True
        while feed.status is not FeedStatus.READY:
            await asyncio.sleep(0)
        assert len(pause.lengths) >= 2 * fewest
        # Two pieces of work look at the same clock: the repair and a self-check.
        assert max(pause.lengths) <= 2 * (steps + 2)
        assert feed.reflector.repaired_documents == ROWS


async def test_filtered_page_takes_turns_and_is_as_of_one_moment() -> None:
    source = numbers()
    async with (
        following(source, turn_clock=StepClock()) as feed,
    ):
        await feed.ready(3600)
        page_of = feed.page(Below(500), order_by=OrderBy("n"), offset=10, limit=3)
        asking = asyncio.ensure_future(page_of)
        await asyncio.sleep(0)
        assert not asking.done()
        for number in range(ROWS):
            source.write(f"k{number:04}", ROWS - number)
        page = await asking
        assert feed.position > 0, "the table has changed in between"
        assert [*page.rows] == [Number(f"k{number:04}", number) for number in (10, 11, 12)]
        assert page.total == 500
        # The cursor is of the same moment: the first change is there for those who go on from it.
        first = await anext(feed.subscribe(Below(500), since=page.cursor))
        assert isinstance(first, Deleted)
        assert first.key == "k0000"


async def test_pages_with_filters_wait_for_each_other_and_for_nothing_else() -> None:
    source = numbers()
    looks: list[int] = []

    class Noting(Below):
        def matches(self, row: Number) -> bool:
            looks.append(self.limit)
            return super().matches(row)

    async with following(source, turn_clock=StepClock()) as feed:
        await feed.ready(3600)
        pages = [
            asyncio.ensure_future(
                feed.page(Noting(limit), order_by=OrderBy("n"), offset=0, limit=1)
            )
            for limit in (500, 600)
        ]
        await asyncio.sleep(0)
        unfiltered = await feed.page(None, order_by=OrderBy("n"), offset=0, limit=1)
        assert unfiltered.total == ROWS
        assert not any(page.done() for page in pages)
        assert [(await page).total for page in pages] == [500, 600]
        assert looks == [500] * ROWS + [600] * ROWS


async def test_page_without_a_filter_looks_at_its_own_rows_only(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(WatchCache, "snapshot", None)  # of all rows
    source = ScriptedSource(a=3, b=1, c=2)
    async with following(source) as feed:
        await feed.ready(3600)
        page = await feed.page(None, order_by=OrderBy("n"), offset=1, limit=1)
        assert [*page.rows] == [Number("c", 2)]
        assert page.total == 3


async def test_feed_says_again_and_again_while_it_reads_the_table_that_there_are_rows() -> None:
    """After an outage, too: a row replaces one that may differ in what is not compared."""
    source = ScriptedSource(**{f"k{number:04}": number for number in range(3000)})
    calls: list[FeedStatus] = []

    def note() -> None:
        calls.append(feed.status)

    async with following(source, on_rows=note) as feed:
        await feed.ready(3600)
        assert calls == [FeedStatus.INITIALIZING] * 12
        calls.clear()
        source.lose()
        while feed.outages == 0 or feed.status is not FeedStatus.READY:
            await asyncio.sleep(0)
        assert calls == [FeedStatus.STALE] * 12
        calls.clear()
        for number in range(300):
            source.write(f"k{number:04}", -1)
        while feed.position < 300:
            await asyncio.sleep(0)
        assert calls == [], "what is left out of the search while others come and go may stay"


async def test_few_rows_are_at_hand_and_all_others_are_packed() -> None:
    async with following(numbers()) as feed:
        await feed.ready(3600)
        versions = feed.cache.rows.values()
        assert sum(version._row is not None for version in versions) <= FRESH_VERSIONS < ROWS
        page = await feed.page(None, order_by=OrderBy("n"), offset=0, limit=ROWS)
        assert [*page.rows] == [Number(f"k{number:04}", number) for number in range(ROWS)]
