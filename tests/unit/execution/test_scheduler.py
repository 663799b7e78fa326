"""Turns of subscriptions: none waits for those whose turns are long, and all are served."""

from __future__ import annotations

import asyncio
from contextvars import Context

from hypothesis import given
from hypothesis import strategies as st

from graphql_api.execution.scheduler import EVENTS_AT_ONCE, Scheduler
from graphql_api.feeds.feed_settings import STEPS_IN_A_ROW
from graphql_api.limits.traffic import Histogram
from graphql_api.limits.turn_queue import TurnQueue
from tests.for_each import for_each


class World:
    """A scheduler whose subscriptions take the time that they say."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self.scheduler = Scheduler(
            self.clock, self.clock, TurnQueue(self.clock), Histogram((1.0,)), Context()
        )

    def clock(self) -> float:
        return self.now_s

    async def serve_all(self) -> None:
        while len(self.scheduler):
            await asyncio.sleep(0)


class Subscription:
    """One that has something to send for so many turns, each of which takes so long."""

    def __init__(self, world: World, turns: int, turn_s: float, *, is_long: bool = True) -> None:
        self.is_long = is_long
        self.served_at_s: list[float] = []
        self.fails = False
        self.has_room = True
        self.turns = turns
        self._world = world
        self._turn_s = turn_s
        if turns:
            world.scheduler.enqueue(self)

    def serve(self) -> bool:
        self._world.now_s += self._turn_s
        self.turns -= 1
        self.served_at_s.append(self._world.now_s)
        if self.turns:
            self._world.scheduler.enqueue(self)
        if self.fails:
            raise RuntimeError("it cannot be framed")
        return self.has_room


async def test_a_change_does_not_wait_for_hundreds_whose_turns_are_long() -> None:
    world = World()
    many = [Subscription(world, 100, 0.005) for _ in range(200)]
    while not all(each.served_at_s for each in many):
        await asyncio.sleep(0)
    began_s = world.now_s
    watcher = Subscription(world, 1, 0.0001, is_long=False)
    while not watcher.served_at_s:
        await asyncio.sleep(0)
    assert watcher.served_at_s[0] - began_s <= 0.011
    for each in many:
        each.turns = 1
    await world.serve_all()


@for_each(
    ("turns", "turn_s", "is_long"),
    [(2, 0.003, True), (2, 0.001, False), (1, 0.02, False)],
)
async def test_turn_after_a_long_one_is_long_work_if_there_is_more_to_send(
    turns: int, turn_s: float, is_long: bool
) -> None:
    world = World()
    watcher = Subscription(world, turns, turn_s, is_long=False)
    world.scheduler._turn()
    assert watcher.is_long == is_long
    await world.serve_all()


async def test_a_change_after_the_first_rows_does_not_wait_with_long_work() -> None:
    world = World()
    watcher = Subscription(world, 10, 0.004)
    await world.serve_all()
    watcher.turns = 1
    world.scheduler.enqueue(watcher)
    assert watcher in world.scheduler._ready
    await world.serve_all()


@for_each("is_long", [True, False])
async def test_one_whose_turn_has_failed_is_served_again_if_it_has_more(is_long: bool) -> None:
    world = World()
    failures: list[object] = []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, about: failures.append(about["exception"]))
    failing = Subscription(world, 3, 0.001, is_long=is_long)
    failing.fails = True
    await world.serve_all()
    assert len(failing.served_at_s) == 3
    assert len(failures) == 3


async def test_one_that_waits_for_its_client_remains_what_it_was() -> None:
    world = World()
    joined = Subscription(world, 1, 0.001)
    joined.has_room = False
    await world.serve_all()
    assert joined.is_long, "its first rows are still to be sent"


async def test_a_feed_waits_for_a_few_whose_turns_are_long() -> None:
    world = World()
    few = [Subscription(world, 1, 0.004) for _ in range(4)]
    await world.scheduler.round()
    assert all(each.served_at_s for each in few)


async def test_all_that_a_feed_applies_between_two_rounds_is_sent_to_one_with_long_work_too() -> (
    None
):
    world = World()
    joined = Subscription(world, STEPS_IN_A_ROW // EVENTS_AT_ONCE, 0.005)
    await world.scheduler.round()
    assert not joined.turns


async def test_a_feed_does_not_wait_for_hundreds_whose_turns_are_long() -> None:
    world = World()
    many = [Subscription(world, 1, 0.005) for _ in range(200)]
    watcher = Subscription(world, 1, 0.0001, is_long=False)
    await world.scheduler.round()
    assert watcher.served_at_s
    assert world.now_s <= 0.031
    assert any(not each.served_at_s for each in many)
    await world.serve_all()


@given(
    st.lists(
        st.tuples(st.integers(1, 5), st.sampled_from([0.0001, 0.001, 0.003, 0.02]), st.booleans())
    )
)
async def test_all_are_served_as_often_as_they_ask(
    subscriptions: list[tuple[int, float, bool]],
) -> None:
    world = World()
    all_of_them = [
        Subscription(world, turns, turn_s, is_long=is_long)
        for turns, turn_s, is_long in subscriptions
    ]
    await world.scheduler.round()
    await world.serve_all()
    assert [len(each.served_at_s) for each in all_of_them] == [
        turns for turns, _, _ in subscriptions
    ]
