"""How many long answers are made at the same time, and whose is next."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from graphql_api.errors import AbandonedError, OverBudgetError
from graphql_api.limits.cpu_budget import ClientBudget
from graphql_api.limits.long_answers import LongAnswers
from graphql_api.limits.turn_queue import TurnQueue
from tests.fault.clock import some_steps
from tests.simulation.loop import SimulatedLoop


class World:
    """Clients of one server, which makes two long answers at the same time."""

    def __init__(self, *, places: int = 2, max_wait_s: float = 10.0) -> None:
        self.answers = LongAnswers(places=places, max_wait_s=max_wait_s)
        self.making: Counter[str] = Counter()  # parts of answers that are held
        self.made: list[str] = []
        self._queue = TurnQueue()

    def client(self, address: str | None) -> ClientBudget:
        return ClientBudget(max_wait_s=10.0, queue=self._queue, address=address)

    async def make(self, client: ClientBudget, name: str, parts: int = 20) -> None:
        answer = self.answers.of(client)
        turns = answer.turns()
        try:
            await answer.begin()
            for _ in range(parts):
                await turns.pause()
                self.making[name] += 1
            self.made.append(name)
        finally:
            del self.making[name]
            answer.close()


def simulated(main: Callable[[], Coroutine[Any, Any, None]]) -> None:
    with asyncio.Runner(loop_factory=SimulatedLoop) as runner:
        runner.run(main())


def test_few_answers_grow_at_the_same_time_and_all_are_made_in_their_order() -> None:
    async def main() -> None:
        world = World()
        names = [f"{number:02}" for number in range(30)]
        tasks = [asyncio.create_task(world.make(world.client(None), name)) for name in names]
        while len(world.made) < len(tasks):
            await asyncio.sleep(0)
            assert len(world.making) <= 2
        assert world.made == names

    simulated(main)


def test_address_with_many_answers_leaves_places_to_others() -> None:
    async def main() -> None:
        world = World(places=3)
        many = [asyncio.create_task(world.answers.made.take("many")) for _ in range(6)]
        await some_steps()
        assert sum(task.done() for task in many) == 1
        await world.answers.made.take("one")
        await world.answers.made.take("other")
        next_of_many = asyncio.create_task(world.answers.made.take("many"))
        third = asyncio.create_task(world.answers.made.take("third"))
        await some_steps()
        world.answers.made.give_back("many")
        await some_steps()
        assert third.done(), "it never had a place"
        assert not next_of_many.done()
        world.answers.made.give_back("one")
        await some_steps()
        assert sum(task.done() for task in many) == 2
        for task in (*many, next_of_many):
            task.cancel()

    simulated(main)


def test_answers_of_many_operators_behind_one_address_are_all_made_however_long_it_takes() -> None:
    async def main() -> None:
        world = World(max_wait_s=7.0)
        loop = asyncio.get_running_loop()
        assert isinstance(loop, SimulatedLoop)

        async def make_slowly(name: str) -> None:
            await world.answers.made.take("proxy")
            loop._now_s += 2.0  # it takes so long
            await some_steps()
            world.made.append(name)
            world.answers.made.give_back("proxy")

        names = [f"{number:02}" for number in range(50)]
        await asyncio.gather(*map(make_slowly, names))
        assert world.made == names

    simulated(main)


def test_answer_that_waits_too_long_is_refused_and_takes_no_place() -> None:
    async def main() -> None:
        world = World(places=1, max_wait_s=7.0)
        await world.answers.made.take(None)
        loop = asyncio.get_running_loop()
        began_s = loop.time()
        with pytest.raises(OverBudgetError):
            await world.make(world.client(None), "late")
        assert loop.time() - began_s == pytest.approx(7.0, abs=0.1)
        world.answers.made.give_back(None)
        await world.make(world.client(None), "next")
        assert world.made == ["next"]

    simulated(main)


def test_fields_of_an_answer_that_gets_no_place_are_all_refused_with_the_first() -> None:
    async def main() -> None:
        world = World(places=1, max_wait_s=7.0)
        await world.answers.made.take(None)
        answer = world.answers.of(world.client(None))
        loop = asyncio.get_running_loop()
        began_s = loop.time()
        results = await asyncio.gather(*(answer.begin() for _ in range(20)), return_exceptions=True)
        assert {*map(type, results)} == {OverBudgetError}
        assert loop.time() - began_s == pytest.approx(7.0, abs=0.1)

    simulated(main)


@pytest.mark.parametrize("gets_a_place", [False, True])
def test_operation_that_is_cancelled_while_it_waits_leaves_its_place(gets_a_place: bool) -> None:
    async def main() -> None:
        world = World(places=1)
        await world.answers.made.take(None)
        waiting = asyncio.create_task(world.make(world.client(None), "cancelled"))
        late = asyncio.create_task(world.make(world.client(None), "late"))
        await some_steps()
        if gets_a_place:
            world.answers.made.give_back(None)
        waiting.cancel()
        if not gets_a_place:
            world.answers.made.give_back(None)
        await asyncio.wait([waiting, late])
        assert world.made == ["late"]

    simulated(main)


def test_connection_makes_its_next_long_answer_once_the_last_is_sent() -> None:
    async def main() -> None:
        world = World()
        client = world.client(None)
        sent = world.answers.of(client)
        await sent.begin()
        sent.is_made()
        following = asyncio.create_task(world.make(client, "following"))
        await world.make(world.client(None), "another client's")
        await some_steps()
        assert not world.making
        sent.close()
        await following
        assert world.made == ["another client's", "following"]

    simulated(main)


def test_fields_of_one_answer_share_its_place() -> None:
    async def main() -> None:
        world = World(places=1)
        answer = world.answers.of(world.client(None))
        await asyncio.gather(*(answer.begin() for _ in range(20)))
        answer.close()
        await world.make(world.client(None), "next")
        assert world.made == ["next"]

    simulated(main)


@pytest.mark.parametrize("waits_for", ["its turn", "the connection", "a place"])
def test_field_that_goes_on_without_its_answer_keeps_no_place(waits_for: str) -> None:
    """As if its answer had failed at once, by the arguments of another field."""

    async def main() -> None:
        world = World(places=1)
        client = world.client(None)
        first, answer = world.answers.of(client), world.answers.of(client)
        if waits_for == "the connection":
            await first.begin()
        elif waits_for == "a place":
            await world.answers.made.take(None)
        begins = answer.turns().pause() if waits_for == "its turn" else answer.begin()
        field = asyncio.create_task(begins)
        if waits_for != "its turn":
            await some_steps()
        answer.is_made()
        answer.close()
        first.close()
        if waits_for == "a place":
            world.answers.made.give_back(None)
        with pytest.raises(AbandonedError):
            await field
        await world.make(client, "next")
        assert world.made == ["next"]

    simulated(main)


def test_answers_that_are_read_hold_up_none_of_rows_in_memory_and_the_other_way_round() -> None:
    async def main() -> None:
        world = World(places=1)
        read, next_read = (world.answers.of(world.client(None)) for _ in range(2))
        await read.read_many()
        waiting = asyncio.create_task(next_read.read_many())
        await world.make(world.client(None), "of rows in memory")
        await some_steps()
        assert not waiting.done()
        await world.answers.made.take(None)
        await read.begin()  # it has its place
        read.close()
        await waiting

    simulated(main)


def test_long_answer_that_then_reads_has_both_places_until_it_is_made() -> None:
    async def main() -> None:
        world = World(places=1)
        client = world.client(None)
        answer = world.answers.of(client)
        await answer.begin()
        await answer.read_many()
        answer.close()
        await world.answers.made.take(None)
        await world.answers.read.take(None)
        assert not client.long_answer.locked()

    simulated(main)


def test_answers_that_need_both_places_never_wait_for_each_other() -> None:
    async def main() -> None:
        world = World(places=1)
        reading, in_memory, both = (world.answers.of(world.client(None)) for _ in range(3))
        await reading.read_many()
        reads = asyncio.create_task(both.read_many())
        begins = asyncio.create_task(both.begin())
        await some_steps()
        await in_memory.begin()
        then_reads = asyncio.create_task(in_memory.read_many())
        reading.close()
        await asyncio.gather(reads, begins)
        both.close()
        await then_reads

    simulated(main)
