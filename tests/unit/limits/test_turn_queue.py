from __future__ import annotations

import asyncio
from contextvars import ContextVar, copy_context
from functools import partial
from itertools import groupby

from graphql_api.limits.turn_queue import TurnQueue
from tests.patience import LONGEST_S
from tests.unit.limits.test_refusal_log import Clock

CLIENT: ContextVar[str] = ContextVar("client", default="none")


async def test_long_turns_run_one_at_a_time_with_iterations_of_the_loop_between_them() -> None:
    clock = Clock()
    turns = TurnQueue(clock)
    story: list[str] = []

    async def work(name: str) -> None:
        for _ in range(3):
            await turns.take()
            clock.now_s += 0.005
            story.append(name)

    def look_at_sockets() -> None:
        story.append("loop")
        if len(turns):
            asyncio.get_running_loop().call_soon(look_at_sockets)

    tasks = [asyncio.create_task(work(name)) for name in "abcd"]
    await asyncio.sleep(0)
    look_at_sockets()
    await asyncio.gather(*tasks)
    pauses = [len(list(group)) for what, group in groupby(story) if what == "loop"]
    assert len(pauses) >= 12, "a turn has an iteration of its own"
    assert all(pause > 5 for pause in pauses[1:12]), "what takes some iterations waits for one turn"
    assert [name for name in story if name != "loop"] == [*"abcdabcdabcd"], "all have their turn"


async def test_short_functions_run_together() -> None:
    turns = TurnQueue(Clock())
    loop = asyncio.get_running_loop()
    called: list[int] = []
    for number in range(1000):
        turns.call(partial(called.append, number), loop)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert called == [*range(1000)]


async def test_long_turns_behind_short_ones_have_an_iteration_each() -> None:
    clock = Clock()
    turns = TurnQueue(clock)
    story: list[str] = []

    async def work(took_s: float) -> None:
        await turns.take()
        clock.now_s += took_s
        story.append("turn" if took_s else "")

    def look_at_sockets() -> None:
        story.append("loop")
        if len(turns):
            asyncio.get_running_loop().call_soon(look_at_sockets)

    tasks = [asyncio.create_task(work(took_s)) for took_s in [0.0] * 100 + [0.005] * 40]
    await asyncio.sleep(0)
    look_at_sockets()
    await asyncio.gather(*tasks)
    together = [len([*group]) for what, group in groupby(filter(None, story)) if what == "turn"]
    assert together == [1] * 40


async def test_tasks_and_functions_take_turns() -> None:
    clock = Clock()
    turns = TurnQueue(clock)
    loop = asyncio.get_running_loop()
    story: list[str] = []

    def function() -> None:
        clock.now_s += 0.005
        story.append("function")

    async def task() -> None:
        for _ in range(3):
            await turns.take()
            clock.now_s += 0.005
            story.append("task")

    for _ in range(100):
        turns.call(function, loop)
    await task()
    assert [name for name, _ in groupby(story)] == ["task", "function"] * 2 + ["task"]
    assert len(story) == 5
    tasks = [asyncio.create_task(task()) for _ in range(100)]
    while "function" not in story[5:]:
        await asyncio.sleep(0)
    assert len(story) <= 7
    await asyncio.gather(*tasks)
    while len(turns):
        await asyncio.sleep(0)
    assert story.count("function") == 100


async def test_cancelled_task_takes_no_turn_from_others() -> None:
    turns = TurnQueue()
    done: list[str] = []

    async def work(name: str) -> None:
        await turns.take()
        done.append(name)

    tasks = {name: asyncio.create_task(work(name)) for name in "abc"}
    await asyncio.sleep(0)
    tasks["a"].cancel()
    await asyncio.gather(*tasks.values(), return_exceptions=True)
    assert done == ["b", "c"]
    assert len(turns) == 0
    await asyncio.wait_for(turns.take(), LONGEST_S)


async def test_work_is_in_no_context_of_whoever_had_work_first() -> None:
    turns = TurnQueue()
    seen: list[str] = []
    loop = asyncio.get_running_loop()

    def first() -> None:
        CLIENT.set("a")
        turns.call(lambda: seen.append(CLIENT.get()), loop)

    copy_context().run(first)
    turns.call(lambda: seen.append(CLIENT.get()), loop)
    while len(turns):
        await asyncio.sleep(0)
    assert seen == ["none", "none"]


async def test_a_rest_takes_no_longer_than_the_turn_before_it() -> None:
    clock = Clock()
    turns = TurnQueue(clock)
    iterations: list[int] = []

    def work() -> None:
        clock.now_s += 0.005
        iterations.append(0)

    def something_else() -> None:
        """What the loop does all the time, beside the turns."""
        clock.now_s += 0.005
        if iterations:
            iterations[-1] += 1
        if len(turns):
            asyncio.get_running_loop().call_soon(something_else)

    something_else()
    for _ in range(20):
        turns.call(work, asyncio.get_running_loop())
    something_else()
    while len(turns):
        await asyncio.sleep(0)
    assert len(iterations) == 20
    assert max(iterations[:-1]) <= 4


async def test_a_function_that_calls_itself_and_takes_no_time_has_one_turn_an_iteration() -> None:
    turns = TurnQueue(lambda: 0.0)
    loop = asyncio.get_running_loop()
    calls = 0

    def again() -> None:
        nonlocal calls
        calls += 1
        if calls < 10:
            turns.call(again, loop)

    turns.call(again, loop)
    iterations = 0
    while len(turns):
        await asyncio.sleep(0)
        iterations += 1
        assert calls <= iterations
    assert calls == 10
