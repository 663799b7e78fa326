"""Scheduler of subscriptions: those that have something to send are served from one queue.

One callback of the event loop serves them, for a few milliseconds at a time. A subscription has no
task of its own. One that has much to send, as a new one has its first rows, waits in the queue of
long work instead: hundreds of these do not hold up a change on its way to the others.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from contextvars import Context
from functools import partial
from typing import Protocol

from graphql_api.feeds.feed_settings import STEPS_IN_A_ROW
from graphql_api.limits.traffic import Histogram
from graphql_api.limits.turn_queue import TurnQueue
from graphql_api.turns import turn_of_the_loop

EVENTS_AT_ONCE = 32
"""How many events one subscription is sent before the others have their turn."""
_PASSES_IN_A_ROUND = 2 * STEPS_IN_A_ROW // EVENTS_AT_ONCE
"""How often a round serves a subscription that always has more to send: all that a feed applies
between two rounds is sent unmerged to each client that can receive it, even if it is large, as long
as its events are quick to make."""
_TURN_S = 0.005
"""How long subscriptions are served before the event loop has its turn."""
_LONG_S = 0.002
"""If a turn takes longer, and there is more to send, the next one is long work."""
_ROUND_S = 0.02
"""How long a feed waits at most for subscriptions in the queue of long work: the CPU time of all
that the event loop does while it waits."""


class Servable(Protocol):
    """A subscription as the scheduler calls it.

    Attributes:
        is_long: Whether its next turn is long work: of a new one, which may have many rows to send
            first, and of one that has more to send after a long turn.
    """

    is_long: bool

    def serve(self) -> bool:
        """Send what there is, as far as it is this one's turn; enqueue it, if there is more.

        Returns:
            Whether it could send anything; not, if it waits for its client.
        """


class Scheduler:
    """The queue of all subscriptions of one server that have something to send.

    Args:
        clock: Returns the time, in seconds; an event loop's own may stand still during a turn.
        cpu_clock: Measures what work takes, in seconds of CPU time.
        long_work: Where long work waits for its turns.
        lag: Where to count how long it takes from the first that is ready to the last, without
            those that wait with long work.
        context: The context of its callbacks: not that of the client whose task happens to wake a
            subscription, or that client would be charged.
    """

    def __init__(
        self,
        clock: Callable[[], float],
        cpu_clock: Callable[[], float],
        long_work: TurnQueue,
        lag: Histogram,
        context: Context,
    ) -> None:
        self._clock = clock
        self.cpu_clock = cpu_clock
        self.long_work = long_work
        self._lag = lag
        self._context = context
        self._ready: deque[Servable] = deque()
        # Numbers in the order of the queue: of the last that was put in, and of the last served.
        self._queued = 0
        self._served = 0
        self._long_queued = 0  # the same in the queue of long work
        self._long_served = 0
        self._rounds: deque[tuple[int, asyncio.Event]] = deque()
        self._lag_began_at_s: float | None = None
        self._lag_ends_with: int | None = None
        self._is_scheduled = False
        self._serving: Servable | None = None
        self._has_more = False

    def __len__(self) -> int:
        return len(self._ready) + self._long_queued - self._long_served

    def enqueue(self, ready: Servable) -> None:
        """Serve a subscription soon; it is not in the queue."""
        if ready is self._serving:
            self._has_more = True
        elif ready.is_long:
            self._long_queued += 1
            self.long_work.call(partial(self._serve_long, ready), asyncio.get_running_loop())
        else:
            self._enqueue(ready)

    def _enqueue(self, ready: Servable) -> None:
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
        receives nothing holds up no other, nor does one that always has more to send. Those that
        wait with long work are waited for, too, as long as that does not take long.
        """
        if not self._ready:
            await turn_of_the_loop()
        left_s = _ROUND_S
        for _ in range(_PASSES_IN_A_ROUND):
            long_queued = self._long_queued
            if self._ready:
                served = asyncio.Event()
                self._rounds.append((self._queued, served))
                await served.wait()
            until_s = self.cpu_clock() + left_s
            while self._long_served < long_queued and self.cpu_clock() < until_s:
                await turn_of_the_loop()
            left_s = until_s - self.cpu_clock()

    def _schedule(self) -> None:
        self._is_scheduled = True
        asyncio.get_running_loop().call_soon(self._turn, context=self._context)

    def _turn(self) -> None:
        now_s = self._clock()
        until_s = now_s + _TURN_S
        if self._lag_began_at_s is not None and self._lag_ends_with is None:
            # With the last that has something to send when the first of them is served.
            self._lag_ends_with = self._queued
        try:
            for _ in range(len(self._ready)):
                self._served += 1
                now_s = self._serve(self._ready.popleft(), now_s)
                if now_s >= until_s:
                    break
        finally:  # even if one of them has failed
            self._note_progress()
            # After that: a round that goes on is put in the queue before the next turn begins.
            self._is_scheduled = False
            if self._ready:
                self._schedule()

    def _serve_long(self, ready: Servable) -> None:
        self._long_served += 1
        self._serve(ready, self._clock())

    def _serve(self, ready: Servable, began_s: float) -> float:
        """Give a subscription its turn; returns when it ends."""
        self._serving, self._has_more = ready, False
        was_served = True
        try:
            was_served = ready.serve()
        finally:  # even if it has failed
            self._serving = None
            ends_s = self._clock()
            if was_served:
                ready.is_long = self._has_more and ends_s - began_s > _LONG_S
            if self._has_more:
                self.enqueue(ready)
        return ends_s

    def _note_progress(self) -> None:
        while self._rounds and self._rounds[0][0] <= self._served:
            self._rounds.popleft()[1].set()
        began_at_s, ends_with = self._lag_began_at_s, self._lag_ends_with
        if began_at_s is not None and ends_with is not None and ends_with <= self._served:
            self._lag.observe(self._clock() - began_at_s)
            self._lag_began_at_s = self._lag_ends_with = None
