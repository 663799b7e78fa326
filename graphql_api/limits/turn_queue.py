"""Turns for long work: few pieces of it run between two looks of the event loop at its sockets.

An event loop runs everything that is ready before it looks at sockets again. A hundred operations
that each give way after 5 ms would so keep a new message waiting for half a second. Here they
queue: at each iteration of the loop the first ones go on, one if their turns are long, more if they
are short.

After a long turn some iterations have none. What is not long work, such as a change on its way from
the database to a subscriber, takes several iterations, and would wait for a long turn in each. An
iteration in which nothing else is ready takes some microseconds; if the loop has much else to do,
the rest ends when it has taken as long as the turn.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from contextvars import Context
from functools import partial

_ITERATION_S = 0.002
"""How much of an iteration turns may take; if they took more, fewer have theirs in the next one."""
_MOST_AT_ONCE = 32
_REST_ITERATIONS = 6
"""How many iterations have no turn after one in which turns took longer than that."""


class TurnQueue:
    """A queue of tasks, each of which waits for its turn to do a piece of long work.

    Args:
        clock: Returns the time, in seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.clock = clock
        self._waiting: deque[Callable[[], None]] = deque()
        self._at_once = 1
        self._scheduled_on: asyncio.AbstractEventLoop | None = None
        self._began_s: float | None = None  # of the turns in this iteration, if it has any
        self._rests = 0
        self._rests_until_s = 0.0

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
        self._scheduled_on = None
        now_s = self.clock()
        if self._began_s is not None:
            self._end_turns(now_s - self._began_s, now_s)
        if self._rests and now_s < self._rests_until_s:
            self._rests -= 1
            self._schedule(loop)
        elif self._waiting:
            self._began_s = now_s
            try:
                for _ in range(min(self._at_once, len(self._waiting))):
                    self._waiting.popleft()()
            finally:  # even if one of them has failed
                self._schedule(loop)
        else:
            self._at_once = 1  # how long the next turns will be is not known

    def _end_turns(self, took_s: float, now_s: float) -> None:
        """Decide by how long an iteration took with turns how many the next one has, and when."""
        self._began_s = None
        is_long = took_s > _ITERATION_S
        self._at_once = max(1, self._at_once // 2 if is_long else self._at_once * 2)
        self._at_once = min(self._at_once, _MOST_AT_ONCE)
        if is_long:
            self._rests = _REST_ITERATIONS
            self._rests_until_s = now_s + took_s

    def _schedule(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._scheduled_on is not loop:  # an earlier one may have ended
            self._scheduled_on = loop
            # In a context of its own: the client that has work first is not charged for others.
            loop.call_soon(partial(self._next, loop), context=Context())
