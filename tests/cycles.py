"""Objects that only Python's search for cycles would free."""

from __future__ import annotations

import asyncio
import gc
import weakref
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any

from tests.fault.clock import some_steps


@contextmanager
def no_search() -> Iterator[None]:
    """Let nothing search for cycles, and free only what nothing refers to."""
    gc.collect()
    gc.freeze()  # what is there already need not be looked through
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


class _Held:
    """Something that work refers to."""


async def is_freed_after_cancellation(
    started_by: Callable[[Coroutine[Any, Any, None]], Coroutine[Any, Any, None]],
) -> bool:
    """Whether nothing is left of work, and of what it refers to, once its task is cancelled."""
    held = _Held()
    left = weakref.ref(held)

    async def work(held: _Held) -> None:
        await asyncio.Event().wait()
        del held

    with no_search():
        task = asyncio.create_task(started_by(work(held)))
        del held
        await some_steps()
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled()
        del task
        return left() is None
