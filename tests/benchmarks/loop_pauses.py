"""The longest time between two turns of an event loop.

It is the thread's CPU time: what other programs take of the processor is no fault of the loop.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

_TICK_S = 0.001


class LoopPauses:
    """Looks at the clock at each turn of the loop.

    Attributes:
        longest_s: The longest pause of the last stage, in seconds.
    """

    def __init__(self) -> None:
        self.longest_s = 0.0
        self._has_turned = asyncio.Event()

    async def run(self) -> None:
        """Look at the clock, for ever."""
        last_s = time.thread_time()
        while True:
            await asyncio.sleep(_TICK_S)
            now_s = time.thread_time()
            if now_s - last_s > self.longest_s:
                self.longest_s = now_s - last_s
                self.on_longest()
            self.on_turn()
            self._has_turned.set()
            last_s = now_s

    def on_longest(self) -> None:
        """A pause is over that was longer than all before."""

    def on_turn(self) -> None:
        """The clock was looked at."""

    @asynccontextmanager
    async def stage(self) -> AsyncIterator[None]:
        """Begin again with no pause; one at either end is counted as a whole."""
        await self._turn()
        self.longest_s = 0.0
        yield
        await self._turn()

    async def _turn(self) -> None:
        self._has_turned.clear()
        await self._has_turned.wait()
