"""Turns for long work: few pieces of it run between two looks of the event loop at its sockets.

An event loop runs everything that is ready before it looks at sockets again. A hundred operations
that each give way after 5 ms would so keep a new message waiting for half a second. Here they
queue: at each iteration of the loop one goes on, the first of its kind. How long its turn is going
to be is not known, and long ones may stand behind many short ones: so a task is alone in its
iteration, which costs a short turn some microseconds. Functions are called one after the other
while they are short.
Tasks and functions take turns: hundreds of subscriptions, whose turns are functions, may always
have more to send, and an operation begins with a turn of its task.

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
"""How much of an iteration short turns may take."""
_REST_ITERATIONS = 6
"""How many iterations have no turn after one in which a turn took longer than that."""


class TurnQueue:
    """Tasks and functions, each of which waits for its turn to do a piece of long work.

    Args:
        clock: Returns the time, in seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.clock = clock
        self._tasks: deque[asyncio.Future[None]] = deque()
        self._functions: deque[Callable[[], None]] = deque()
        self._is_turn_of_functions = False
        self._scheduled_on: asyncio.AbstractEventLoop | None = None
        self._began_s: float | None = None  # of the turns in this iteration, if it has any
        self._rests = 0
        self._rests_until_s = 0.0

    def __len__(self) -> int:
        """How many wait for their turn."""
        return len(self._tasks) + len(self._functions)

    async def take(self) -> None:
        """Wait until others have had their turn, and the loop has looked at its sockets."""
        loop = asyncio.get_running_loop()
        turn: asyncio.Future[None] = loop.create_future()
        self._tasks.append(turn)
        self._schedule(loop)
        await turn

    def call(self, work: Callable[[], None], loop: asyncio.AbstractEventLoop) -> None:
        """Call a function in an event loop when it has its turn."""
        self._functions.append(work)
        self._schedule(loop)

    def _next(self, loop: asyncio.AbstractEventLoop) -> None:
        """Let one go on; a task runs in the next iteration of the loop."""
        self._scheduled_on = None
        now_s = self.clock()
        if self._began_s is not None:
            self._end_turn(now_s - self._began_s, now_s)
        if self._rests and now_s < self._rests_until_s:
            self._rests -= 1
            self._schedule(loop)
        elif len(self):
            self._began_s = now_s
            try:
                self._begin(now_s)
            finally:  # even if a function has failed
                self._schedule(loop)

    def _begin(self, now_s: float) -> None:
        """Let one task go on, or call functions as long as they are short."""
        while self._tasks and not (self._is_turn_of_functions and self._functions):
            turn = self._tasks.popleft()
            if not turn.done():  # its task may have been cancelled
                turn.set_result(None)
                self._is_turn_of_functions = True
                return
        self._is_turn_of_functions = False
        for _ in range(len(self._functions)):
            self._functions.popleft()()
            if self.clock() - now_s > _ITERATION_S:
                break

    def _end_turn(self, took_s: float, now_s: float) -> None:
        """Decide by how long an iteration took with a turn when there is another one."""
        self._began_s = None
        if took_s > _ITERATION_S:
            self._rests = _REST_ITERATIONS
            self._rests_until_s = now_s + took_s

    def _schedule(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._scheduled_on is not loop:  # an earlier one may have ended
            self._scheduled_on = loop
            # In a context of its own: the client that has work first is not charged for others.
            loop.call_soon(partial(self._next, loop), context=Context())
