"""Whatever moment a task is cancelled in, its work ends in order."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest

from graphql_api.cancellation import in_own_task, to_its_end
from tests.cycles import is_freed_after_cancellation
from tests.fault.clock import some_steps
from tests.for_each import for_each


async def fails() -> None:
    await asyncio.sleep(0)
    raise ValueError


async def never_ends() -> None:
    await asyncio.Event().wait()


async def group_that_fails() -> None:
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(fails())
        tasks.create_task(never_ends())


async def tries_again() -> None:
    while True:
        try:
            await in_own_task(group_that_fails())
        except* ValueError:
            pass
        await asyncio.sleep(0)


@for_each("steps", range(20))
async def test_what_tries_again_and_again_ends_whenever_it_is_cancelled(steps: int) -> None:
    task = asyncio.create_task(tries_again())
    for _ in range(steps):
        await asyncio.sleep(0)
    task.cancel()
    await some_steps()
    assert task.cancelled()


async def test_it_gives_what_the_work_gives() -> None:
    async def work() -> int:
        return 7

    assert await in_own_task(work()) == 7
    with pytest.raises(ValueError):  # noqa: PT011 - it has no message
        await in_own_task(fails())


async def test_work_that_is_cancelled_has_ended_before_and_nothing_is_left() -> None:
    ended = asyncio.Event()

    async def work() -> None:
        try:
            await never_ends()
        finally:
            await asyncio.sleep(0)
            ended.set()

    task = asyncio.create_task(in_own_task(work()))
    await some_steps()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ended.is_set()


async def test_clean_up_is_not_cut_short_by_a_cancellation() -> None:
    may_end, ended = asyncio.Event(), asyncio.Event()

    async def clean_up() -> None:
        await may_end.wait()
        ended.set()

    task = asyncio.create_task(to_its_end(clean_up()))
    await some_steps()
    task.cancel()
    await some_steps()
    assert not task.done()
    may_end.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ended.is_set()


async def test_cancelled_work_is_freed_without_a_search_for_cycles() -> None:
    assert await is_freed_after_cancellation(in_own_task)


async def test_clean_up_in_a_cancelled_task_is_freed_without_a_search_for_cycles() -> None:
    async def cleans_up(work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        finally:
            await to_its_end(asyncio.sleep(0))

    assert await is_freed_after_cancellation(cleans_up)
