"""The clock of the event loop, which a test puts forward instead of waiting."""

from __future__ import annotations

import asyncio


class LoopClock:
    """Makes the timers of asyncio's own event loop, for as long as that lives, obey a test.

    With it a limit can be so long that no machine is too slow for what works, and yet be over at
    once where nothing does.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._real = loop.time
        self._ahead_s = 0.0
        loop.time = self._time  # type: ignore[method-assign]

    def forward(self, seconds: float) -> None:
        """Let so much time have passed."""
        self._ahead_s += seconds

    def _time(self) -> float:
        return self._real() + self._ahead_s
