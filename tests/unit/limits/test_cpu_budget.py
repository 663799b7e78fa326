from __future__ import annotations

import asyncio
import threading
from collections import Counter
from collections.abc import Coroutine
from itertools import count
from typing import Any

import pytest

from graphql_api.errors import OverBudgetError
from graphql_api.limits.cpu_budget import ClientBudget, charge_new_tasks, charged
from graphql_api.limits.token_bucket import TokenBuckets
from graphql_api.limits.turn_queue import TurnQueue
from tests.cycles import is_freed_after_cancellation
from tests.patience import LONGEST_S
from tests.simulation.loop import SimulatedLoop
from tests.unit.limits.test_refusal_log import Clock


class Processor:
    """A CPU clock that work moves by itself."""

    def __init__(self) -> None:
        self.used_s = 0.0

    def __call__(self) -> float:
        return self.used_s

    def work(self, seconds: float) -> None:
        self.used_s += seconds


class World:
    """Clients of one processor, each with a connection of its own."""

    def __init__(self, *, per_s: float = 0.1, max_wait_s: float = 5.0) -> None:
        self.clock = Clock()
        self.cpu = Processor()
        self._connections = TokenBuckets(per_s, 1.0, clock=self.clock)
        self._addresses = TokenBuckets(2 * per_s, 2.0, clock=self.clock)
        self._max_wait_s = max_wait_s
        self._ports = count()

    def client(self, address: str | None) -> ClientBudget:
        return ClientBudget(
            (self._connections, next(self._ports)),
            (self._addresses, address),
            max_wait_s=self._max_wait_s,
            queue=TurnQueue(),
            clock=self.cpu,
        )


def test_budget_is_overdrawn_by_what_was_used_and_made_up_for_with_time() -> None:
    world = World()
    client = world.client("a")
    client.spend(1.0)
    assert client.wait_s == 0
    client.spend(0.2)
    assert client.wait_s == pytest.approx(2.0)
    world.clock.now_s += 2.0
    assert client.wait_s == 0


async def test_event_loop_goes_on_while_long_work_is_done_apart_and_the_client_pays() -> None:
    world = World(per_s=1.0)
    client = world.client("a")
    is_free = threading.Event()

    def work() -> str:
        assert is_free.wait(LONGEST_S), "the event loop stands still"
        world.cpu.work(5.0)
        return "done"

    working = asyncio.create_task(client.apart(work))
    asyncio.get_running_loop().call_soon(is_free.set)
    assert await working == "done"
    await asyncio.sleep(0)  # what the thread has sent is there
    assert client.wait_s == pytest.approx(4.0)


async def test_client_pays_for_work_apart_whose_end_it_does_not_await() -> None:
    world = World(per_s=1.0)
    client = world.client("a")
    has_begun, may_end = threading.Event(), threading.Event()
    loop = asyncio.get_running_loop()
    is_charged = asyncio.Event()
    spend = client.spend

    class Watched(ClientBudget):
        __slots__ = ()

        def spend(self, seconds: float) -> None:
            spend(seconds)
            is_charged.set()

    watched = Watched(max_wait_s=5.0, queue=TurnQueue(), clock=world.cpu)

    def work() -> None:
        loop.call_soon_threadsafe(working.cancel)
        has_begun.set()
        assert may_end.wait(LONGEST_S)
        world.cpu.work(5.0)

    working = asyncio.create_task(watched.apart(work))
    with pytest.raises(asyncio.CancelledError):
        await working
    may_end.set()
    await asyncio.wait_for(is_charged.wait(), LONGEST_S)
    assert client.wait_s == pytest.approx(4.0)


def test_connections_of_one_address_share_its_budget_and_others_do_not() -> None:
    world = World()
    first, second, other = world.client("a"), world.client("a"), world.client("b")
    first.spend(1.0)
    second.spend(1.0)
    assert first.wait_s == second.wait_s == 0
    for client in (world.client("a"), world.client("a")):
        client.spend(0.1)
    assert first.wait_s > 0
    assert world.client("a").wait_s > 0, "a new connection brings no new budget"
    assert other.wait_s == 0


def test_client_without_an_address_is_charged_by_its_connection_alone() -> None:
    world = World()
    world.client(None).spend(100)
    assert world.client(None).wait_s == 0


async def test_each_step_of_work_is_charged_and_waiting_is_not() -> None:
    world = World()
    client = world.client("a")
    waiting = asyncio.Event()

    async def work() -> str:
        world.cpu.work(0.3)
        await waiting.wait()
        world.cpu.work(0.2)
        return "done"

    task = asyncio.create_task(charged(work(), client))
    await asyncio.sleep(0)
    world.cpu.work(50)  # somebody else's, while this one waits
    waiting.set()
    assert await task == "done"
    client.spend(0.6)
    assert client.wait_s == pytest.approx(1.0), "0.3 and 0.2 were charged, and nothing else"


async def test_tasks_that_charged_work_creates_are_charged_too() -> None:
    loop = asyncio.get_running_loop()
    charge_new_tasks(loop)
    world = World()
    client = world.client("a")

    async def field(seconds: float) -> None:
        await asyncio.sleep(0)
        world.cpu.work(seconds)

    async def work() -> None:
        await asyncio.gather(field(0.5), field(0.6))

    try:
        await charged(work(), client)
        assert client.wait_s == pytest.approx(1.0)
        other = world.client("b")
        await asyncio.gather(field(3))
        assert client.wait_s == pytest.approx(1.0), (
            "what is created outside is charged to no client"
        )
        assert other.wait_s == 0
    finally:
        loop.set_task_factory(None)


async def test_tasks_that_are_created_at_once_begin_in_turns() -> None:
    loop = asyncio.get_running_loop()
    charge_new_tasks(loop)
    clock = Clock()
    client = ClientBudget(max_wait_s=5.0, queue=TurnQueue(clock), clock=Processor())
    iterations = 0
    began_at: list[int] = []

    def count_iteration() -> None:
        nonlocal iterations
        iterations += 1
        if len(began_at) < 10:
            loop.call_soon(count_iteration)

    async def long() -> None:
        began_at.append(iterations)
        clock.now_s += 1.0

    async def many() -> None:
        count_iteration()
        await asyncio.gather(*(long() for _ in range(10)))

    await charged(many(), client)
    assert len(began_at) == len(set(began_at)) == 10


async def test_task_that_is_cancelled_before_its_turn_leaves_nothing(
    recwarn: pytest.WarningsRecorder,
) -> None:
    charge_new_tasks(asyncio.get_running_loop())
    client = World().client("a")

    async def never() -> None:
        raise AssertionError("it has begun")

    async def outer(inner: Coroutine[Any, Any, None]) -> None:
        await inner

    async def create() -> asyncio.Task[None]:
        return asyncio.create_task(outer(outer(never())))

    task = await charged(create(), client)
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert list(recwarn) == []


async def test_loop_that_makes_its_own_tasks_goes_on_to_make_them() -> None:
    loop = asyncio.get_running_loop()

    class OwnTask(asyncio.Task[Any]):
        pass

    loop.set_task_factory(lambda loop, work, **kwargs: OwnTask(work, loop=loop, **kwargs))
    world = World()
    client = world.client("a")

    async def field() -> None:
        world.cpu.work(1.1)

    async def work() -> None:
        task = asyncio.create_task(field())
        assert isinstance(task, OwnTask)
        await task

    try:
        charge_new_tasks(loop)
        await charged(work(), client)
        assert client.wait_s == pytest.approx(1.0), "its tasks are charged all the same"
    finally:
        loop.set_task_factory(None)


async def test_tasks_are_charged_once_on_a_loop_of_several_servers() -> None:
    loop = asyncio.get_running_loop()
    world = World()
    client = world.client("a")

    async def field() -> None:
        world.cpu.work(1.1)

    async def work() -> None:
        await asyncio.create_task(field())

    try:
        charge_new_tasks(loop)
        charge_new_tasks(loop)
        await charged(work(), client)
        assert client.wait_s == pytest.approx(1.0)
    finally:
        loop.set_task_factory(None)


async def test_cancellation_reaches_the_work_and_is_charged_like_everything() -> None:
    world = World()
    client = world.client("a")
    seen: list[str] = []

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            world.cpu.work(1.1)
            seen.append("cancelled")
            raise

    task = asyncio.create_task(charged(work(), client))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert seen == ["cancelled"]
    assert client.wait_s == pytest.approx(1.0)


async def test_cancelled_work_is_freed_without_a_search_for_cycles() -> None:
    client = World().client("a")
    assert await is_freed_after_cancellation(lambda work: charged(work, client))


async def test_errors_and_results_pass_through_unchanged() -> None:
    client = World().client("a")

    async def failing() -> None:
        await asyncio.sleep(0)
        raise LookupError("why")

    with pytest.raises(LookupError, match="why"):
        await charged(failing(), client)


async def test_pause_lets_others_have_a_turn_even_with_budget_left() -> None:
    client = World().client("a")
    turns: list[str] = []

    async def other() -> None:
        turns.append("other")

    task = asyncio.create_task(other())
    await client.pause()
    assert turns == ["other"]
    await task


async def test_pause_waits_until_the_budget_is_made_up_for(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()
    client = world.client("a")
    client.spend(1.2)
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        world.clock.now_s += seconds

    monkeypatch.setattr(asyncio, "sleep", sleep)
    await client.pause()
    assert sum(slept) == pytest.approx(2.0)
    assert client.wait_s == 0


async def test_one_that_would_wait_too_long_is_refused_at_once() -> None:
    world = World(max_wait_s=1.0)
    client = world.client("a")
    client.spend(5.0)
    with pytest.raises(OverBudgetError):
        await client.pause()


async def test_waiting_that_others_prolong_has_the_same_limit(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = World(max_wait_s=5.0)
    client, sibling = world.client("a"), world.client("a")
    client.spend(1.1)

    async def sleep(seconds: float) -> Any:
        world.clock.now_s += seconds
        if seconds:
            sibling.spend(1.2)  # which keeps the address overdrawn

    monkeypatch.setattr(asyncio, "sleep", sleep)
    with pytest.raises(OverBudgetError):
        await client.pause()


def test_connections_of_one_address_wait_for_its_budget_in_turns() -> None:
    """One has an operation at a time, and others have many; all have the same share."""
    step_s, connections, each = 0.005, 10, 8
    steps: Counter[int] = Counter()
    simulated_s = 20

    async def work(client: ClientBudget, name: int, loop: SimulatedLoop) -> None:
        while True:
            await client.pause()
            loop._now_s += step_s
            client.spend(step_s)
            steps[name] += 1

    async def main() -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, SimulatedLoop)
        of_connections = TokenBuckets(0.5, 0.1, clock=loop.time)
        of_addresses = TokenBuckets(0.5, 0.1, clock=loop.time)
        queue = TurnQueue(loop.time)
        working = []
        for name in range(connections):
            client = ClientBudget(
                (of_connections, name), (of_addresses, "a"), max_wait_s=10.0, queue=queue
            )
            number = 1 if name == 0 else each
            working += [loop.create_task(work(client, name, loop)) for _ in range(number)]
        done, _ = await asyncio.wait(working, timeout=simulated_s)
        assert not done, "none is refused"
        for task in working:
            task.cancel()
        await asyncio.wait(working)

    with asyncio.Runner(loop_factory=SimulatedLoop) as runner:
        runner.run(main())
    share = steps.total() / connections
    assert steps.total() > 0.9 * 0.5 * simulated_s / step_s, "the budget is used"
    assert all(0.8 * share < number < 1.2 * share for number in steps.values()), steps
