"""What a test must not leave behind: tasks, sockets, and errors that only asyncio saw."""

from __future__ import annotations

import asyncio
import gc
import os
import stat
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

from tests.patience import LONGEST_S

_DESCRIPTORS = Path("/dev/fd")
_SETTLING_S = LONGEST_S / 5
"""What is left then is left for good, and the test says what it is."""


def sockets() -> int:
    """How many sockets this process has open."""
    count = 0
    for entry in _DESCRIPTORS.iterdir():
        with suppress(OSError):  # the one that listed the directory
            count += stat.S_ISSOCK(os.fstat(int(entry.name)).st_mode)
    return count


@asynccontextmanager
async def nothing_left_behind() -> AsyncIterator[None]:
    """Fail if the body leaves a task or a socket, or something for asyncio to report.

    "Task was destroyed but it is pending", "exception was never retrieved" and the like go to the
    loop's exception handler once the garbage is collected; unclosed sockets are warnings.
    """
    loop = asyncio.get_running_loop()
    reports: list[dict[str, Any]] = []
    handler = loop.get_exception_handler()
    loop.set_exception_handler(lambda _, context: reports.append(context))
    tasks_before, sockets_before = asyncio.all_tasks(), sockets()
    gc.collect()
    gc.freeze()  # what is there already need not be looked through afterwards, by no test
    try:
        yield
        # What ends does so within some steps of the loop; a server in the same loop needs more.
        with suppress(TimeoutError):
            async with asyncio.timeout(_SETTLING_S):
                while _tasks() - tasks_before or sockets() > sockets_before:
                    await asyncio.sleep(0.001)
        gc.collect()
        await asyncio.sleep(0)
    finally:
        loop.set_exception_handler(handler)
    tasks = _tasks() - tasks_before
    assert tasks == set(), tasks
    assert reports == [], reports
    # Fewer is no leak: the session's database, in its thread, may still have been closing some.
    assert sockets() <= sockets_before


def _tasks() -> set[asyncio.Task[Any]]:
    return asyncio.all_tasks() - {asyncio.current_task()}
