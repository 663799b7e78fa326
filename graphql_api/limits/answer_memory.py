"""Limit on the memory of all large answers that are being sent.

```
            16 MB, 5 s        16 MB, 1 s       32 MB
 answer ──▶ waiting ────────▶ quick ─────────▶ slow ──▶ sent
            │ no place,       │                │ no place:
            ▼ or too late     ▼ sent           ▼ the slowest is cut off
            503
```

A client that reads fast does not wait for slow ones, which leave the quick places after a second.
Answers of up to `LARGE_BYTES` are not counted: the kernel takes most of each at once.

An answer that is written as a whole has a place from before it is made. It stays quick as long as
it does not wait for its client, or no other answer waits for its place.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

LARGE_BYTES = 65_536
"""How long an answer may be that is written at once; a longer one is sent in parts of this size."""

ANSWERS = "graphql_api.answers"
"""The key in a scope's `extensions`; the value is `{"answers": Answers, "cut_off": …}`. It is for a
large answer that is made while it is sent; `cut_off` ends the connection."""

_MEGABYTE = 1024 * 1024


@dataclass(slots=True, eq=False)
class Sending:
    """One large answer that is being sent.

    Attributes:
        size: How long it is, in bytes.
        cut_off: Ends its connection.
        unsent: How much waits for its client, if it is written as a whole; otherwise see `sent`.
        began_at_s: When it got its place.
        sent: How much of it has been written.
        timer: Goes off when it is no longer quick.
    """

    size: int
    cut_off: Callable[[], None]
    unsent: Callable[[], int] | None = None
    began_at_s: float = 0.0
    sent: int = 0
    timer: asyncio.TimerHandle | None = None

    def rate(self, now_s: float) -> float:
        """How fast it is taken, in bytes per second."""
        sent = self.sent if self.unsent is None else self.size - self.unsent()
        return sent / max(now_s - self.began_at_s, 1e-3)


@dataclass(slots=True, eq=False)
class _Waiting:
    sending: Sending
    turn: asyncio.Future[None]


class Answers:
    """The large answers of one server, and the memory that they share.

    Args:
        quick_bytes: How many bytes of answers may be quick; one answer always may.
        slow_bytes: How many bytes of answers may take longer; one answer always may.
        waiting_bytes: How many bytes of answers may wait; one answer always may.
        quick_s: How long an answer counts as quick.
        wait_s: How long an answer may wait; as long as it must, if None.
    """

    def __init__(
        self,
        *,
        quick_bytes: int = 16 * _MEGABYTE,
        slow_bytes: int = 32 * _MEGABYTE,
        waiting_bytes: int = 16 * _MEGABYTE,
        quick_s: float = 1.0,
        wait_s: float | None = 5.0,
    ) -> None:
        self._quick_bytes = quick_bytes
        self._slow_bytes = slow_bytes
        self._waiting_bytes = waiting_bytes
        self._quick_s = quick_s
        self._wait_s = wait_s
        self._waiting: deque[_Waiting] = deque()
        self._quick: set[Sending] = set()
        self._slow: set[Sending] = set()

    @property
    def held_bytes(self) -> int:
        """How long all of them are together."""
        waiting = [waiting.sending for waiting in self._waiting]
        return _total(self._quick) + _total(self._slow) + _total(waiting)

    async def begin(
        self, size: int, cut_off: Callable[[], None], unsent: Callable[[], int] | None = None
    ) -> Sending | None:
        """Wait until a large answer may be sent; then `end` is to be called.

        Args:
            size: How long it is.
            cut_off: Ends its connection, if it is too slow to be kept.
            unsent: Returns how many bytes wait for its client, if it is written as a whole.

        Returns:
            Its place; None if it cannot have one.
        """
        sending = Sending(size, cut_off, unsent)
        if not self._waiting and self._fits(sending):
            self._let_in(sending)
            return sending
        if (
            self._waiting
            and _total([each.sending for each in self._waiting]) + size > self._waiting_bytes
        ):
            return None
        waiting = _Waiting(sending, asyncio.get_running_loop().create_future())
        self._waiting.append(waiting)
        try:
            await asyncio.wait([waiting.turn], timeout=self._wait_s)
        except asyncio.CancelledError:
            if waiting.turn.done():
                self.end(sending)
            raise
        finally:
            if not waiting.turn.done():
                self._waiting.remove(waiting)
        return sending if waiting.turn.done() else None

    def end(self, sending: Sending) -> None:
        """Give back the place of an answer."""
        if sending.timer is not None:
            sending.timer.cancel()
        self._quick.discard(sending)
        self._slow.discard(sending)
        self._let_in_next()

    def _fits(self, sending: Sending) -> bool:
        return not self._quick or _total(self._quick) + sending.size <= self._quick_bytes

    def _let_in(self, sending: Sending) -> None:
        sending.began_at_s = asyncio.get_running_loop().time()
        self._quick.add(sending)
        self._look_later(sending)

    def _look_later(self, sending: Sending) -> None:
        loop = asyncio.get_running_loop()
        sending.timer = loop.call_later(self._quick_s, self._is_late, sending)

    def _let_in_next(self) -> None:
        while self._waiting and self._fits(self._waiting[0].sending):
            waiting = self._waiting.popleft()
            self._let_in(waiting.sending)
            waiting.turn.set_result(None)

    def _is_late(self, sending: Sending) -> None:
        if sending.unsent is not None and not (self._waiting and sending.unsent()):
            self._look_later(sending)
            return
        now_s = asyncio.get_running_loop().time()
        self._quick.discard(sending)
        self._slow.add(sending)
        while len(self._slow) > 1 and _total(self._slow) > self._slow_bytes:
            slowest = min(self._slow, key=lambda each: each.rate(now_s))
            self._slow.discard(slowest)
            slowest.cut_off()
        self._let_in_next()


def _total(answers: set[Sending] | list[Sending]) -> int:
    return sum(answer.size for answer in answers)
