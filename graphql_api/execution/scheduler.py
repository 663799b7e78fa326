"""Scheduler of subscriptions: those that have something to send are served from one queue.

One callback of the event loop serves them, for a few milliseconds at a time. A subscription has no
task of its own.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from contextvars import Context
from typing import Protocol

from graphql_api.feeds.feed_settings import STEPS_IN_A_ROW
from graphql_api.limits.traffic import Histogram

EVENTS_AT_ONCE = 32
"""How many events one subscription is sent before the others have their turn."""
_PASSES_IN_A_ROUND = 2 * STEPS_IN_A_ROW // EVENTS_AT_ONCE
"""How often a round serves a subscription that always has more to send: all that a feed applies
between two rounds is sent unmerged to each client that can receive it, even if it is large."""
_TURN_S = 0.005
"""How long subscriptions are served before the event loop has its turn."""


class Servable(Protocol):
    """A subscription as the scheduler calls it."""

    def serve(self) -> None:
        """Send what there is, as far as it is this one's turn."""


class Scheduler:
    """The queue of all subscriptions of one server that have something to send.

    Args:
        clock: Returns the time, in seconds; an event loop's own may stand still during a turn.
        lag: Where to count how long it takes from the first that is ready to the last.
        context: The context of all callbacks: not that of the client whose task happens to wake a
            subscription, or that client would be charged.
    """

    def __init__(self, clock: Callable[[], float], lag: Histogram, context: Context) -> None:
        self._clock = clock
        self._lag = lag
        self._context = context
        self._ready: deque[Servable] = deque()
        # Numbers in the order of the queue: of the last that was put in, and of the last served.
        self._queued = 0
        self._served = 0
        self._rounds: deque[tuple[int, asyncio.Event]] = deque()
        self._lag_began_at_s: float | None = None
        self._lag_ends_with: int | None = None
        self._is_scheduled = False

    def __len__(self) -> int:
        return len(self._ready)

    def enqueue(self, ready: Servable) -> None:
        """Serve a subscription soon; it is not in the queue."""
        self._ready.append(ready)
        self._queued += 1
        if self._lag_began_at_s is None:
            self._lag_began_at_s = self._clock()
        if not self._is_scheduled:
            self._schedule()

    async def round(self) -> None:
        """Give the event loop its turn, and every subscription that has something to send a few.

        A feed waits for this between its changes. Otherwise it has a turn as often as all
        subscriptions together, and they fall behind although their clients do not. A client that
        receives nothing holds up no other, nor does one that always has more to send.
        """
        if not self._ready:
            await asyncio.sleep(0)
        for _ in range(_PASSES_IN_A_ROUND):
            if not self._ready:
                return
            served = asyncio.Event()
            self._rounds.append((self._queued, served))
            await served.wait()

    def _schedule(self) -> None:
        self._is_scheduled = True
        asyncio.get_running_loop().call_soon(self._turn, context=self._context)

    def _turn(self) -> None:
        until_s = self._clock() + _TURN_S
        if self._lag_began_at_s is not None and self._lag_ends_with is None:
            # With the last that has something to send when the first of them is served.
            self._lag_ends_with = self._queued
        try:
            for _ in range(len(self._ready)):
                self._served += 1
                self._ready.popleft().serve()
                if self._clock() >= until_s:
                    break
        finally:  # even if one of them has failed
            self._note_progress()
            # After that: a round that goes on is put in the queue before the next turn begins.
            self._is_scheduled = False
            if self._ready:
                self._schedule()

    def _note_progress(self) -> None:
        while self._rounds and self._rounds[0][0] <= self._served:
            self._rounds.popleft()[1].set()
        began_at_s, ends_with = self._lag_began_at_s, self._lag_ends_with
        if began_at_s is not None and ends_with is not None and ends_with <= self._served:
            self._lag.observe(self._clock() - began_at_s)
            self._lag_began_at_s = self._lag_ends_with = None
