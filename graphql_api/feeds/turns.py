"""Long pieces of work in turns of a few milliseconds, so that nothing else waits for long."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Final, TypeAlias

TURN_S: Final = 0.005
"""How long a piece of work holds the event loop before everything else has a turn."""

Pause: TypeAlias = Callable[[], Awaitable[None]]
"""Waits until everything else has had a turn."""


async def turn_of_the_loop() -> None:
    """Let everything that is ready run once."""
    await asyncio.sleep(0)


class Turns:
    """Divides work into turns.

    Args:
        pause: Awaited between two turns.
        max_steps: How many steps a turn has at most; no limit, if absent.
        clock: Tells the time in seconds.
    """

    def __init__(
        self,
        pause: Pause = turn_of_the_loop,
        *,
        max_steps: int | None = None,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._pause = pause
        self._max_steps = max_steps
        self._clock = clock
        self._steps = 0
        self._ends_at = clock() + TURN_S

    def is_over(self) -> bool:
        """Count a step; whether the turn is over, and `pause` is due."""
        self._steps += 1
        return self._steps == self._max_steps or self._clock() >= self._ends_at

    async def pause(self) -> None:
        """Let everything else have a turn, then begin the next one."""
        await self._pause()
        self._steps = 0
        self._ends_at = self._clock() + TURN_S

    async def take(self) -> None:
        """Count a step, and pause if it was the last of its turn."""
        if self.is_over():
            await self.pause()
