"""Limit on the memory of all large answers that are being sent.

```
            8 MB, 5 s         16 MB, 1 s       16 MB
 answer ──▶ waiting ────────▶ quick ─────────▶ slow ──▶ sent
            │ no place,       │                │ no place: the one that
            ▼ or too late     ▼ sent           ▼ would take longest is cut off
            503
```

A client that reads fast does not wait for slow ones:

- An answer leaves the quick places after a second, or sooner, if others wait and its client is
  seen to take it more slowly.
- A connection that took its last large answer slowly waits for one of the slow places, unless it is
  much faster than those who have them. So of equally slow ones, each has its turn.
- The next place goes to the address that has waited for its turn longest, and there to the
  connection that came first.

Answers of up to `LARGE_BYTES` are not counted: the kernel takes most of each at once.

An answer that is written as a whole has a place from before it is made. It stays quick as long as
it is being made, or no other answer waits for its place.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass, field
from math import inf, isfinite

from graphql_api.limits.address_turns import AddressTurns

LARGE_BYTES = 65_536
"""How long an answer may be that is written at once; a longer one is sent in parts of this size."""

ANSWERS = "graphql_api.answers"
"""The key in a scope's `extensions`; the value is `{"answers": Answers, "cut_off": …,
"taker_of": …}`. It is for a large answer that is made while it is sent; `cut_off` ends the
connection, and `taker_of` makes of the scope a `Taker`."""

NO_PLACE = "the server is sending as many large answers as it may; try again later"

_MEGABYTE = 1024 * 1024
_SOONEST = 0.2
"""Which part of the time for quick answers is left to each when many wait."""
_MUCH_FASTER = 2.0
_UNSEEN_S = 1.0
"""For how long a client that has taken nothing of an answer counts as being as fast as before."""


@dataclass(slots=True, eq=False)
class Taker:
    """A connection that takes large answers, one after the other.

    Attributes:
        address: What stands for its client's address.
        rate: How fast it took the last one, in bytes per second; infinite, if it did not wait.
    """

    address: Hashable | None = None
    rate: float = inf


@dataclass(slots=True, eq=False)
class Sending:
    """One large answer that is being sent.

    Attributes:
        size: How long it is, in bytes.
        cut_off: Ends its connection.
        unsent: How much waits for its client, if it is written as a whole; otherwise see `sent`.
        taker: The connection.
        sent: How much of it has been written.
        began_at_s: Since when it is known to wait for its client.
        left_then: How much waited then.
        timer: Goes off when it may no longer be quick.
    """

    size: int
    cut_off: Callable[[], None]
    unsent: Callable[[], int] | None = None
    taker: Taker = field(default_factory=Taker)
    sent: int = 0
    began_at_s: float | None = None
    left_then: int = 0
    timer: asyncio.TimerHandle | None = None

    @property
    def left(self) -> int:
        """How much waits for its client, in bytes."""
        return self.size - self.sent if self.unsent is None else self.unsent()

    def look(self, now_s: float) -> bool:
        """Measure its rate from now on, if it waits for its client more than it did.

        What else is sent on its connection may wait before it is written.

        Returns:
            Whether it was measured before.
        """
        left = self.left
        if self.began_at_s is not None and left <= self.left_then:
            return True
        if left:
            self.left_then, self.began_at_s = left, now_s
        return False

    def rate(self, now_s: float) -> float:
        """How fast it is taken, in bytes per second; infinite, if it was not seen to wait."""
        if self.began_at_s is None:
            return inf
        return max(0, self.left_then - self.left) / max(now_s - self.began_at_s, 1e-3)

    def left_s(self, now_s: float) -> float:
        """How much longer it takes at this rate, in seconds."""
        rate, began_at_s = self.rate(now_s), self.began_at_s
        if rate <= 0 and began_at_s is not None and isfinite(self.taker.rate):
            is_unseen = self.left > self.left_then or now_s - began_at_s < _UNSEEN_S
            rate = self.taker.rate if is_unseen else 0
        return self.left / rate if rate > 0 else inf

    def note_rate(self, now_s: float) -> None:
        """Remember how fast its connection is, unless too little of it was seen to wait."""
        if self.began_at_s is None or 2 * self.left_then >= self.size:
            self.taker.rate = self.rate(now_s)


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
        slow_bytes: int = 16 * _MEGABYTE,
        waiting_bytes: int = 8 * _MEGABYTE,
        quick_s: float = 1.0,
        wait_s: float | None = 5.0,
    ) -> None:
        self._quick_bytes = quick_bytes
        self._slow_bytes = slow_bytes
        self._waiting_bytes = waiting_bytes
        self._quick_s = quick_s
        self._wait_s = wait_s
        self._waiting: list[_Waiting] = []  # in the order of arrival
        self._quick: dict[Sending, None] = {}  # no sets, whose order changes from run to run
        self._slow: dict[Sending, None] = {}
        self._turns = AddressTurns()

    @property
    def held_bytes(self) -> int:
        """How long all of them are together."""
        waiting = [waiting.sending for waiting in self._waiting]
        return _total(self._quick) + _total(self._slow) + _total(waiting)

    async def begin(
        self,
        size: int,
        cut_off: Callable[[], None],
        unsent: Callable[[], int] | None = None,
        *,
        taker: Taker | None = None,
    ) -> Sending | None:
        """Wait until a large answer may be sent; then `end` is to be called.

        Args:
            size: How long it is.
            cut_off: Ends its connection, if it is too slow to be kept.
            unsent: Returns how many bytes wait for its client, if it is written as a whole.
            taker: The connection; one that takes no other answer, if absent.

        Returns:
            Its place; None if it cannot have one.
        """
        sending = Sending(size, cut_off, unsent, taker or Taker())
        is_slow = self._are_slow([sending])[0]
        if self._first(is_slow=is_slow) is None and self._fits(sending, is_slow=is_slow):
            self._let_in(sending, is_slow=is_slow)
            return sending
        if (
            self._waiting
            and _total(each.sending for each in self._waiting) + size > self._waiting_bytes
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
                self._let_in_next()  # those behind it may fit
        return sending if waiting.turn.done() else None

    def end(self, sending: Sending) -> None:
        """Give back the place of an answer."""
        if sending.timer is not None:
            sending.timer.cancel()
        sending.note_rate(asyncio.get_running_loop().time())
        self._quick.pop(sending, None)
        self._slow.pop(sending, None)
        self._let_in_next()

    def _are_slow(self, answers: Sequence[Sending]) -> list[bool]:
        """Whether each of some answers would take too long for a quick place."""
        now_s = asyncio.get_running_loop().time()
        left_s = (each.left_s(now_s) for each in self._slow)
        longest_s = max(filter(isfinite, left_s), default=0.0)
        bound_s = max(self._quick_s, longest_s / _MUCH_FASTER)
        return [each.size > each.taker.rate * bound_s for each in answers]

    def _fits(self, sending: Sending, *, is_slow: bool) -> bool:
        if is_slow:
            return _has_room(self._slow, self._slow_bytes, sending)
        return _has_room(self._quick, self._quick_bytes, sending)

    def _let_in(self, sending: Sending, *, is_slow: bool) -> None:
        self._turns.note(sending.taker.address)
        (self._slow if is_slow else self._quick)[sending] = None
        if sending.unsent is None:
            sending.look(asyncio.get_running_loop().time())
        self._look_later(sending)

    def _look_later(self, sending: Sending) -> None:
        loop = asyncio.get_running_loop()
        delay_s = self._quick_s * max(_SOONEST, 1 / (1 + len(self._waiting)))
        sending.timer = loop.call_later(delay_s, self._look, sending)

    def _first(self, *, is_slow: bool) -> _Waiting | None:
        """The next of those that are slow, or of the others."""
        are_slow = self._are_slow([each.sending for each in self._waiting])
        return min(
            (each for each, slow in zip(self._waiting, are_slow, strict=True) if slow == is_slow),
            key=lambda each: self._turns.last_of(each.sending.taker.address),
            default=None,
        )

    def _let_in_next(self) -> None:
        for is_slow in (False, True):
            while (first := self._first(is_slow=is_slow)) and self._fits(
                first.sending, is_slow=is_slow
            ):
                self._waiting.remove(first)
                self._let_in(first.sending, is_slow=is_slow)
                first.turn.set_result(None)

    def _look(self, sending: Sending) -> None:
        """Check whether an answer is late, now or in a while."""
        now_s = asyncio.get_running_loop().time()
        if not sending.look(now_s):
            self._look_later(sending)
        elif sending in self._quick and sending.began_at_s is not None:
            is_quick = now_s - sending.began_at_s + sending.left_s(now_s) <= self._quick_s
            is_alone = sending.unsent is not None and self._first(is_slow=False) is None
            if is_quick or is_alone:
                self._look_later(sending)
            else:
                self._is_late(sending, now_s)

    def _is_late(self, sending: Sending, now_s: float) -> None:
        self._quick.pop(sending)
        self._slow[sending] = None
        while len(self._slow) > 1 and _total(self._slow) > self._slow_bytes:
            slowest = max(self._slow, key=lambda each: each.left_s(now_s))
            self._slow.pop(slowest)
            slowest.cut_off()
        self._let_in_next()


def _has_room(answers: dict[Sending, None], max_bytes: int, sending: Sending) -> bool:
    return not answers or _total(answers) + sending.size <= max_bytes


def _total(answers: Iterable[Sending]) -> int:
    return sum(answer.size for answer in answers)
