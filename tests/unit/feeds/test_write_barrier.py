"""When a feed has seen a write, whatever happens between the two."""

from __future__ import annotations

import asyncio

from graphql_api.feeds.write_barrier import ExpectedWrite, WriteBarrier
from tests.fault.clock import LIMIT_S
from tests.for_each import for_each
from tests.simulation.loop import simulated

A, B, C = {"id": "k", "v": "a"}, {"id": "k", "v": "b"}, {"id": "k", "v": "c"}


def following() -> WriteBarrier:
    """The barrier of a feed that serves a snapshot."""
    barrier = WriteBarrier()
    barrier.begin()
    barrier.serve({"k"})
    return barrier


async def is_seen(expected: ExpectedWrite, old: object, new: object) -> bool:
    return await expected.is_seen(old, new, timeout_s=0)  # type: ignore[arg-type]


async def test_change_is_seen_before_and_after_the_answer() -> None:
    barrier = following()
    with barrier.expect("k") as early, barrier.expect("k") as late:
        waiting = asyncio.create_task(late.is_seen(A, B, timeout_s=LIMIT_S))
        await asyncio.sleep(0)
        barrier.saw("k", A, B)
        assert await waiting
        assert await is_seen(early, A, B)


async def test_write_is_seen_though_a_later_one_has_replaced_it() -> None:
    barrier = following()
    with barrier.expect("k") as expected:
        barrier.saw("k", A, B)
        barrier.saw("k", B, C)
        barrier.saw("k", C, None)
        assert await is_seen(expected, A, B)
        assert await is_seen(expected, C, None)


async def test_earlier_change_to_the_same_value_is_not_taken_for_the_write() -> None:
    barrier = following()
    with barrier.expect("k") as expected:
        barrier.saw("k", C, A)
        barrier.saw("k", A, B)
        assert not await is_seen(expected, B, A)
        barrier.saw("other", B, A)
        assert not await is_seen(expected, B, A)
        barrier.saw("k", B, A)
        assert await is_seen(expected, B, A)


async def test_write_that_changes_nothing_needs_no_sight() -> None:
    with WriteBarrier().expect("k") as expected:
        assert await is_seen(expected, A, A)
        assert await is_seen(expected, None, None)


async def test_what_a_new_changefeed_sends_counts_when_it_is_served() -> None:
    for sent, write in (
        ([(None, B)], (A, B)),
        ([(None, A), (A, B)], (A, B)),
        ([(None, B)], (None, B)),
        ([(None, A), (A, None)], (A, None)),
        ([], (A, None)),
    ):
        barrier = WriteBarrier()
        barrier.begin()
        with barrier.expect("k") as expected:
            for old, new in sent:
                barrier.saw("k", old, new)
            old, new = write
            waiting = asyncio.create_task(expected.is_seen(old, new, timeout_s=LIMIT_S))
            await asyncio.sleep(0)
            assert not waiting.done()
            barrier.serve({"k"} if sent and sent[-1][1] else set())
            assert await waiting


async def test_snapshot_from_before_the_write_does_not_show_it() -> None:
    barrier = WriteBarrier()
    barrier.begin()
    with barrier.expect("k") as changed, barrier.expect("k") as deleted:
        barrier.saw("k", None, A)
        barrier.serve({"k"})
        assert not await is_seen(changed, A, B)
        assert not await is_seen(deleted, A, None)
        barrier.saw("k", A, B)
        assert await is_seen(changed, A, B)


@for_each("pace_s", [0, 60])
async def test_what_was_sent_initially_and_has_changed_since_does_not_show_a_write(
    pace_s: float,
) -> None:
    barrier = WriteBarrier(pace_s=pace_s)
    barrier.begin()
    with barrier.expect("k") as deleted, barrier.expect("k") as changed:
        barrier.serve(set())
        barrier.saw("k", None, B)
        barrier.saw("k", B, A)
        assert not await is_seen(deleted, A, None)
        assert not await is_seen(changed, A, B)
        barrier.saw("k", A, None)
        assert await is_seen(deleted, A, None)


async def test_changefeed_opened_after_the_write_shows_it_whatever_it_sends() -> None:
    barrier = following()
    with barrier.expect("k") as expected:
        waiting = asyncio.create_task(expected.is_seen(A, B, timeout_s=LIMIT_S))
        await asyncio.sleep(0)
        barrier.begin()
        barrier.saw("k", None, C)
        await asyncio.sleep(0)
        assert not waiting.done()
        barrier.serve({"k"})
        assert await waiting


async def test_what_was_sent_and_never_served_does_not_count() -> None:
    barrier = WriteBarrier()
    barrier.begin()
    with barrier.expect("k") as expected:
        barrier.saw("k", A, B)
        barrier.begin()
        barrier.saw("k", None, A)
        barrier.serve({"k"})
        assert not await is_seen(expected, A, B)


async def test_nothing_is_left_of_those_who_have_waited() -> None:
    barrier = following()
    with barrier.expect("k"), barrier.expect("k"):
        pass
    assert barrier._expected == {}


def paced() -> WriteBarrier:
    """The barrier of a feed whose database merges changes."""
    barrier = WriteBarrier(pace_s=60, without=("large", "nested.secret"))
    barrier.begin()
    barrier.serve({"k"})
    return barrier


async def test_write_that_was_merged_is_seen_by_what_it_has_made() -> None:
    barrier = paced()
    with barrier.expect("k") as expected:
        barrier.saw("k", A, C)
        assert await is_seen(expected, B, C)
        assert not await is_seen(expected, A, B)


def test_write_that_was_merged_with_a_later_one_is_seen_once_the_pace_has_passed() -> None:
    async def story() -> None:
        barrier = paced()
        with barrier.expect("k") as expected:
            barrier.saw("k", A, C)
            assert not await expected.is_seen(A, B, timeout_s=60)
            assert await expected.is_seen(A, B, timeout_s=61)

    simulated(story)


def test_pace_says_nothing_of_a_feed_that_was_lost_since() -> None:
    async def story() -> None:
        barrier = paced()
        with barrier.expect("k") as expected:
            waiting = asyncio.create_task(expected.is_seen(A, B, timeout_s=LIMIT_S))
            await asyncio.sleep(0)
            barrier.begin()
            assert not await waiting

    simulated(story)


async def test_fields_that_are_left_out_are_not_compared() -> None:
    barrier = paced()
    with barrier.expect("k") as expected:
        barrier.saw("k", None, {"id": "k", "nested": {"user": "u"}})
        written = {"id": "k", "large": "x" * 99, "nested": {"user": "u", "secret": "s"}}
        assert await is_seen(expected, A, written)
