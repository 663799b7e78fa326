"""Turns for long work: few pieces of it run between two looks of the event loop at its sockets.

An event loop runs everything that is ready before it looks at sockets again. A hundred operations
that each give way after 5 ms would so keep a new message waiting for half a second. Here they
queue: at each iteration of the loop the first ones go on, one if their turns are long, more if they
are short.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from functools import partial

_ITERATION_S = 0.002
"""How much of an iteration turns may take; if they took more, fewer have theirs in the next one."""
_MOST_AT_ONCE = 32


class TurnQueue:
    """A queue of tasks, each of which waits for its turn to do a piece of long work.

    Args:
        clock: Returns the time, in seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.clock = clock
        self._waiting: deque[Callable[[], None]] = deque()
        self._at_once = 1
        self._is_scheduled = False
        self._began_s: float | None = None

    def __len__(self) -> int:
        """How many wait for their turn."""
        return len(self._waiting)

    async def take(self) -> None:
        """Wait until others have had their turn, and the loop has looked at its sockets."""
        loop = asyncio.get_running_loop()
        turn = loop.create_future()

        def begin() -> None:
            if not turn.done():  # its task may have been cancelled
                turn.set_result(None)

        self.call(begin, loop)
        await turn

    def call(self, work: Callable[[], None], loop: asyncio.AbstractEventLoop) -> None:
        """Call a function in an event loop when it has its turn."""
        self._waiting.append(work)
        self._schedule(loop)

    def _next(self, loop: asyncio.AbstractEventLoop) -> None:
        """Let the first ones go on; tasks run in the next iteration of the loop."""
        self._is_scheduled = False
        now_s = self.clock()
        if self._began_s is None:
            self._at_once = 1  # how long the turns will be is not known yet
        else:
            is_long = now_s - self._began_s > _ITERATION_S
            self._at_once = max(1, self._at_once // 2 if is_long else self._at_once * 2)
            self._at_once = min(self._at_once, _MOST_AT_ONCE)
        try:
            for _ in range(min(self._at_once, len(self._waiting))):
                self._waiting.popleft()()
        finally:  # even if one of them has failed
            self._began_s = now_s if self._waiting else None
            if self._waiting:
                self._schedule(loop)

    def _schedule(self, loop: asyncio.AbstractEventLoop) -> None:
        if not self._is_scheduled:
            self._is_scheduled = True
            loop.call_soon(partial(self._next, loop))
