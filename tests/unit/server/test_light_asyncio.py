"""What is small here does what asyncio's does."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graphql_api.server.light_asyncio import LightEvent, LightQueue


@pytest.mark.parametrize("make", [LightQueue[int], asyncio.Queue[int]])
@given(steps=st.lists(st.integers(0, 9) | st.sampled_from(["get", "cancel"])))
async def test_queue_gives_what_it_is_given_in_order(
    make: Callable[[], LightQueue[int]], steps: list[int | str]
) -> None:
    queue, put, got = make(), list[int](), list[int]()

    async def get() -> None:
        got.append(await queue.get())

    reader: asyncio.Task[None] | None = None
    for step in steps:
        if isinstance(step, int):
            queue.put_nowait(step)
            put.append(step)
        elif reader is None or reader.done():
            reader = asyncio.create_task(get())
            await asyncio.sleep(0)
            if step == "cancel":
                reader.cancel()
                await asyncio.wait([reader])
    if reader is not None and not reader.done():
        reader.cancel()
        await asyncio.wait([reader])
    assert queue.empty() is (len(got) == len(put))
    while not queue.empty():
        await get()
    assert got == put


@pytest.mark.parametrize("make", [LightEvent, asyncio.Event])
async def test_event_lets_everybody_go_on(make: Callable[[], LightEvent]) -> None:
    event = make()
    waiters = [asyncio.create_task(event.wait()) for _ in range(3)]
    await asyncio.sleep(0)
    waiters[0].cancel()
    event.set()
    event.clear()
    results = await asyncio.gather(*waiters, return_exceptions=True)
    assert isinstance(results[0], asyncio.CancelledError)
    assert results[1:] == [True, True]
    assert not event.is_set()
    event.set()
    assert event.is_set()
    assert await event.wait()
