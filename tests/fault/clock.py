"""The clock of the event loop, which a test puts forward instead of waiting."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any
from unittest import mock

from graphql_api.server import websocket_protocol
from graphql_api.server.keepalive import Keepalive
from tests.fault.proxy import Fault, Proxy

LIMIT_S = 3600.0
"""A limit that no test outlives: what ends either needs none, or the clock is put forward."""


class LoopClock:
    """Makes the timers of asyncio's own event loop, for as long as that lives, obey a test.

    With it a limit can be so long that no machine is too slow for what works, and yet be over at
    once where nothing does.

    Args:
        loop: The event loop of the test.
        stands_still: Time passes only when the test puts the clock forward, so that a test can see
            that a limit is not over yet, however long it takes. Nothing may wait for a timer.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, *, stands_still: bool = False) -> None:
        self._real = loop.time
        self._stands_at_s = loop.time() if stands_still else None
        self._ahead_s = 0.0
        loop.time = self._time  # type: ignore[method-assign]

    def forward(self, seconds: float) -> None:
        """Let so much time have passed."""
        self._ahead_s += seconds

    def _time(self) -> float:
        now_s = self._real() if self._stands_at_s is None else self._stands_at_s
        return now_s + self._ahead_s


async def some_steps() -> None:
    """Let everything begin to wait that does not wait for a socket."""
    for _ in range(20):
        await asyncio.sleep(0)


async def put_forward_until(clock: LoopClock, task: asyncio.Future[Any]) -> None:
    """Let so much time pass that a task ends which waits for a limit, up to `LIMIT_S`."""
    while not task.done():
        clock.forward(LIMIT_S)
        await some_steps()
    await task


@asynccontextmanager
async def limit_over(clock: LoopClock, fault: Fault, fired: asyncio.Event) -> AsyncIterator[None]:
    """`LIMIT_S` is over in the body when a fault has happened of which no side learns."""

    async def put_forward() -> None:
        await fired.wait()
        for _ in range(2):  # at the half of its limit a heartbeat asks
            clock.forward(LIMIT_S / 2)
            await some_steps()

    async with asyncio.TaskGroup() as tasks:
        if fault is Fault.BLACK_HOLE:
            tasks.create_task(put_forward())
        yield


@contextmanager
def websockets_unasked() -> Iterator[None]:
    """WebSockets that are opened in the body are not asked whether they live.

    Their answer would come late by as much as the clock is put forward.
    """

    def unasked(connection: Any, **_: Any) -> Keepalive:
        return Keepalive(connection, interval_s=None, timeout_s=None)

    with mock.patch.object(websocket_protocol, "Keepalive", unasked):
        yield


@asynccontextmanager
async def black_holes_noticed(
    clock: LoopClock, proxy: Proxy, limit_s: float
) -> AsyncIterator[None]:
    """A limit of the clients of a proxy is over in the body as long as one is in a black hole.

    Each time half of it passes, so that a heartbeat can ask and wait for its answer. What is cut
    off by it beside the black hole is tried again. WebSockets are as in `websockets_unasked`.
    """

    async def put_forward() -> None:
        while True:
            await proxy.has_black_hole.wait()
            clock.forward(limit_s / 2)
            await some_steps()

    with websockets_unasked():
        async with asyncio.TaskGroup() as tasks:
            putting = tasks.create_task(put_forward())
            try:
                yield
            finally:
                putting.cancel()
