"""Long pieces of work in turns of a few milliseconds, so that nothing else waits for long."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Final, TypeAlias, TypeVar

T = TypeVar("T")

TURN_S: Final = 0.005
"""How long a piece of work holds the event loop before everything else has a turn."""

Pause: TypeAlias = Callable[[], Awaitable[None]]
"""Waits until everything else has had a turn."""


async def turn_of_the_loop() -> None:
    """Let everything that is ready run once."""
    await asyncio.sleep(0)


class Turns:
    """Divides work into turns.

    A turn ends with `pause`. Time for which the work has waited for something else, such as the
    next change, is no part of it, since the event loop was free then.

    Args:
        pause: Awaited between two turns.
        turn_s: How long a turn is, in seconds; it ends with the step that reaches this.
        max_steps: How many steps there are at most between two pauses; no limit, if absent.
        clock: Returns the time in seconds.
    """

    __slots__ = ("_clock", "_ends_at", "_is_watched", "_max_steps", "_pause", "_steps", "_turn_s")

    def __init__(
        self,
        pause: Pause = turn_of_the_loop,
        *,
        turn_s: float = TURN_S,
        max_steps: int | None = None,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._pause = pause
        self._max_steps = max_steps
        self._clock = clock
        self._turn_s = turn_s
        self._steps = 0
        self._is_watched = False
        with suppress(RuntimeError):  # there may be no event loop so far
            self._start_clock()

    def is_over(self) -> bool:
        """Count a step; whether the turn is over, and `pause` is due."""
        if not self._is_watched:  # the work has waited: this is the first step after it
            self._start_clock()
        self._steps += 1
        return self._steps == self._max_steps or self._clock() >= self._ends_at

    async def pause(self) -> None:
        """Let everything else have a turn, then begin the next one."""
        await self._pause()
        self._steps = 0
        self._start_clock()

    async def take(self) -> None:
        """Count a step, and pause if it was the last of its turn."""
        if self.is_over():
            await self.pause()

    def _start_clock(self) -> None:
        self._ends_at = self._clock() + self._turn_s
        if not self._is_watched:
            asyncio.get_running_loop().call_soon(self._end_watch)
            self._is_watched = True

    def _end_watch(self) -> None:
        self._is_watched = False


async def in_turns(items: Sequence[T], turns: Turns | None = None) -> AsyncIterator[T]:
    """The items, with a pause between two of them whenever a turn is over.

    What the reader does with an item counts: it is done before the next item is asked for.
    """
    turns = turns or Turns()
    for item in items:
        yield item
        await turns.take()
