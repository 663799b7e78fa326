"""Work that ends in order, in whatever moment the task behind it is cancelled."""

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
        CancelledError: This task was cancelled; the work was cancelled too, and has ended.
        Exception: What the work raises.
    """
    task = asyncio.ensure_future(work)
    cancelled = await _wait(task, passes_on=True)
    if cancelled is not None:
        if not task.cancelled():
            task.exception()  # asyncio would report it as never retrieved
        raise asyncio.CancelledError(*cancelled)
    return task.result()


async def to_its_end(cleanup: Coroutine[Any, Any, None]) -> None:
    """Run clean-up that is itself bounded to its end; a cancellation is raised only then.

    Raises:
        CancelledError: This task was cancelled in the course of it.
        Exception: What the clean-up raises.
    """
    task = asyncio.ensure_future(cleanup)
    cancelled = await _wait(task, passes_on=False)
    task.result()
    if cancelled is not None:
        raise asyncio.CancelledError(*cancelled)


async def _wait(task: asyncio.Task[Any], *, passes_on: bool) -> tuple[Any, ...] | None:
    """Wait until a task has ended.

    Returns:
        The arguments of the cancellation that came before, if one did. The error itself would be
        kept by its own traceback, together with all that its frames refer to.
    """
    cancelled: tuple[Any, ...] | None = None
    while not task.done():
        try:
            await asyncio.wait({task})
        except asyncio.CancelledError as error:
            cancelled = error.args
            if passes_on:
                task.cancel()
    return cancelled
