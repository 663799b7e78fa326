"""A task that tries again and again, and yet ends when it is cancelled."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


async def in_own_task(work: Coroutine[Any, Any, T]) -> T:
    """Run something in a task of its own, which ends before this one does.

    A task group that is cancelled just when one of its tasks fails raises the failure alone, before
    Python 3.13. A loop that handles the failure and tries again would go on for ever, so the task
    group is held by another task than the loop.

    Returns:
        What the work returns.

    Raises:
        CancelledError: This task was cancelled; the work has ended too.
        Exception: What the work raises.
    """
    task = asyncio.ensure_future(work)
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.wait({task})
        except asyncio.CancelledError as error:
            cancelled = error
            task.cancel()
    if cancelled is not None:
        if not task.cancelled():
            task.exception()  # or asyncio reports that nobody has asked for it
        raise cancelled
    return task.result()
