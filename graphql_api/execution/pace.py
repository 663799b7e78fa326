"""The pace of a group: ticks, at which all members that keep up receive the same batch.

```
 change ──▶ tick ◀─ at least `every_s` ─▶ tick        the first change makes one at once
               all changes between the two, merged
```
"""

from __future__ import annotations

import asyncio
from contextvars import Context
from math import inf
from typing import Final, Protocol

_EARLY_S: Final = 0.001
"""How early a tick may be: timers have a resolution, and floats have rounding errors."""


class Paced(Protocol):
    """A member as its pace calls it."""

    def tick(self, now_s: float) -> bool:
        """Release what the member's source has merged; False, if that is too early for it."""


class Pace:
    """The ticks of one group: at least `every_s` apart, and none while no member waits.

    Args:
        every_s: The least time between two of them, in seconds.
        context: The context of their callbacks.
    """

    def __init__(self, every_s: float, context: Context) -> None:
        self._every_s = every_s
        self._context = context
        self._loop = asyncio.get_running_loop()
        self._last_s = -inf
        self._waiting: dict[Paced, None] = {}
        self._timer: asyncio.TimerHandle | None = None

    @property
    def now_s(self) -> float:
        """The time by which ticks are counted, in seconds."""
        return self._loop.time()

    def is_early(self, since_s: float, now_s: float) -> bool:
        """Whether a tick is too early for a member that was last sent something at `since_s`."""
        return now_s - since_s < self._every_s - _EARLY_S

    def wait(self, member: Paced, since_s: float) -> None:
        """Add a member to the next tick; adding it again changes nothing.

        Args:
            member: The member.
            since_s: When it was last sent something: it sets no timer to less than `every_s` after.
        """
        if member not in self._waiting:
            self._waiting[member] = None
            self._set_timer(since_s + self._every_s)

    def forget(self, member: Paced) -> None:
        """Take a member out of the next tick."""
        self._waiting.pop(member, None)
        if not self._waiting and self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _set_timer(self, at_s: float) -> None:
        at_s = max(at_s, self._last_s + self._every_s, self._loop.time())
        if self._timer is not None:
            if self._timer.when() <= at_s:
                return
            self._timer.cancel()
        self._timer = self._loop.call_at(at_s, self._tick, context=self._context)

    def _tick(self) -> None:
        self._timer = None
        self._last_s = now_s = self._loop.time()
        waiting, self._waiting = self._waiting, {}
        for member in waiting:
            if not member.tick(now_s):
                self._waiting[member] = None
        if self._waiting:
            self._set_timer(now_s)
