"""When a feed has seen a write, whatever happens between the two."""

from __future__ import annotations

import asyncio

from graphql_api.feeds.sightings import Sighting, Sightings

A, B, C = {"id": "k", "v": "a"}, {"id": "k", "v": "b"}, {"id": "k", "v": "c"}


def following() -> Sightings:
    """Sightings of a feed that serves a snapshot."""
    sightings = Sightings()
    sightings.begin()
    sightings.serve({"k"})
    return sightings


async def is_seen(sighting: Sighting, old: object, new: object) -> bool:
    return await sighting.of(old, new, timeout_s=0)  # type: ignore[arg-type]


async def test_change_is_seen_before_and_after_the_answer() -> None:
    sightings = following()
    with sightings.expect("k") as early, sightings.expect("k") as late:
        waiting = asyncio.create_task(late.of(A, B, timeout_s=5))
        await asyncio.sleep(0)
        sightings.saw("k", A, B)
        assert await waiting
        assert await is_seen(early, A, B)


async def test_write_is_seen_though_a_later_one_has_replaced_it() -> None:
    sightings = following()
    with sightings.expect("k") as sighting:
        sightings.saw("k", A, B)
        sightings.saw("k", B, C)
        sightings.saw("k", C, None)
        assert await is_seen(sighting, A, B)
        assert await is_seen(sighting, C, None)


async def test_earlier_change_to_the_same_value_is_not_taken_for_the_write() -> None:
    sightings = following()
    with sightings.expect("k") as sighting:
        sightings.saw("k", C, A)
        sightings.saw("k", A, B)
        assert not await is_seen(sighting, B, A)
        sightings.saw("other", B, A)
        assert not await is_seen(sighting, B, A)
        sightings.saw("k", B, A)
        assert await is_seen(sighting, B, A)


async def test_write_that_changes_nothing_needs_no_sight() -> None:
    with Sightings().expect("k") as sighting:
        assert await is_seen(sighting, A, A)
        assert await is_seen(sighting, None, None)


async def test_what_a_new_changefeed_sends_counts_when_it_is_served() -> None:
    for sent, write in (
        ([(None, B)], (A, B)),
        ([(None, A), (A, B)], (A, B)),
        ([(None, B)], (None, B)),
        ([(None, A), (A, None)], (A, None)),
        ([], (A, None)),
    ):
        sightings = Sightings()
        sightings.begin()
        with sightings.expect("k") as sighting:
            for old, new in sent:
                sightings.saw("k", old, new)
            old, new = write
            waiting = asyncio.create_task(sighting.of(old, new, timeout_s=5))
            await asyncio.sleep(0)
            assert not waiting.done()
            sightings.serve({"k"} if sent and sent[-1][1] else set())
            assert await waiting


async def test_snapshot_from_before_the_write_does_not_show_it() -> None:
    sightings = Sightings()
    sightings.begin()
    with sightings.expect("k") as changed, sightings.expect("k") as deleted:
        sightings.saw("k", None, A)
        sightings.serve({"k"})
        assert not await is_seen(changed, A, B)
        assert not await is_seen(deleted, A, None)
        sightings.saw("k", A, B)
        assert await is_seen(changed, A, B)


async def test_changefeed_opened_after_the_write_shows_it_whatever_it_sends() -> None:
    sightings = following()
    with sightings.expect("k") as sighting:
        waiting = asyncio.create_task(sighting.of(A, B, timeout_s=5))
        await asyncio.sleep(0)
        sightings.begin()
        sightings.saw("k", None, C)
        await asyncio.sleep(0)
        assert not waiting.done()
        sightings.serve({"k"})
        assert await waiting


async def test_what_was_sent_and_never_served_does_not_count() -> None:
    sightings = Sightings()
    sightings.begin()
    with sightings.expect("k") as sighting:
        sightings.saw("k", A, B)
        sightings.begin()
        sightings.saw("k", None, A)
        sightings.serve({"k"})
        assert not await is_seen(sighting, A, B)


async def test_nothing_is_left_of_those_who_have_waited() -> None:
    sightings = following()
    with sightings.expect("k"), sightings.expect("k"):
        pass
    assert sightings._expected == {}


def paced(pace_s: float = 0.01) -> Sightings:
    """Sightings of a feed whose database merges changes."""
    sightings = Sightings(pace_s=pace_s, without=("large", "nested.secret"))
    sightings.begin()
    sightings.serve({"k"})
    return sightings


async def test_write_that_was_merged_is_seen_by_what_it_has_made() -> None:
    sightings = paced(pace_s=60)
    with sightings.expect("k") as sighting:
        sightings.saw("k", A, C)
        assert await is_seen(sighting, B, C)
        assert not await is_seen(sighting, A, B)


async def test_write_that_was_merged_with_a_later_one_is_seen_once_the_pace_has_passed() -> None:
    sightings = paced()
    with sightings.expect("k") as sighting:
        sightings.saw("k", A, C)
        assert await sighting.of(A, B, timeout_s=5)


async def test_pace_says_nothing_of_a_feed_that_was_lost_meanwhile() -> None:
    sightings = paced()
    with sightings.expect("k") as sighting:
        waiting = asyncio.create_task(sighting.of(A, B, timeout_s=0.5))
        await asyncio.sleep(0)
        sightings.begin()
        assert not await waiting


async def test_fields_that_are_left_out_are_not_compared() -> None:
    sightings = paced(pace_s=60)
    with sightings.expect("k") as sighting:
        sightings.saw("k", None, {"id": "k", "nested": {"user": "u"}})
        written = {"id": "k", "large": "x" * 99, "nested": {"user": "u", "secret": "s"}}
        assert await is_seen(sighting, A, written)
