"""Token buckets: limits on how many operations a connection or a client may begin in a second."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from itertools import islice
from weakref import WeakValueDictionary

RATE_LIMITED = "RATE_LIMITED"


def rate_limit_text(per_s: float) -> str:
    """The error text for an operation beyond the limit."""
    return f"more than {per_s:g} operations a second on this connection; try again later"


class TokenBucket:
    """A token bucket: lets a number through in a second, and after a pause more at once.

    Args:
        per_s: How many in a second, in the long run.
        burst: How many at once, after a pause.
        clock: Returns the time, in seconds.
    """

    __slots__ = ("_at_s", "_burst", "_clock", "_per_s", "_tokens")

    def __init__(
        self, per_s: float, burst: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._per_s = per_s
        self._burst = burst
        self._clock = clock
        self._tokens = burst
        self._at_s = clock()

    @property
    def is_full(self) -> bool:
        """Whether the pause has been long enough for the whole burst."""
        self._fill()
        return self._tokens >= self._burst

    def take(self) -> bool:
        """Whether one more is let through now."""
        self._fill()
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True

    def spend(self, amount: float) -> None:
        """Take an amount that is known only afterwards; what is missing is made up for later."""
        self._fill()
        self._tokens -= amount

    @property
    def wait_s(self) -> float:
        """How long until what was overdrawn is made up for; 0, if nothing was."""
        self._fill()
        return max(0.0, -self._tokens / self._per_s)

    def _fill(self) -> None:
        now_s = self._clock()
        self._tokens = min(self._burst, self._tokens + (now_s - self._at_s) * self._per_s)
        self._at_s = now_s


class TokenBuckets:
    """Token buckets by keys. A full bucket, which is like a new one, is forgotten.

    Args:
        per_s: Of each bucket.
        burst: Of each bucket.
        max_buckets: How many are remembered at most; of more, those seen longest ago are forgotten.
        clock: Returns the time, in seconds.
    """

    def __init__(
        self,
        per_s: float,
        burst: float,
        *,
        max_buckets: int = 10_000,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.per_s = per_s
        self._burst = burst
        self._clock = clock
        self._max_buckets = max_buckets
        self._buckets: OrderedDict[Hashable, TokenBucket] = OrderedDict()
        self._lines = WeakValueDictionary[Hashable, asyncio.Lock]()

    def __len__(self) -> int:
        return len(self._buckets)

    def take(self, key: Hashable) -> bool:
        """Whether one more is let through now, of those with this key."""
        return self._bucket(key).take()

    def spend(self, key: Hashable, amount: float) -> None:
        """Take an amount from the bucket of a key; see `TokenBucket.spend`."""
        self._bucket(key).spend(amount)

    def wait_s(self, key: Hashable) -> float:
        """How long until the bucket of a key is no longer overdrawn; 0, if it is not."""
        bucket = self._buckets.get(key)
        return 0.0 if bucket is None else bucket.wait_s

    def line(self, key: Hashable) -> asyncio.Lock:
        """A lock to hold while waiting for the bucket with this key: so each waits in its order."""
        return self._lines.setdefault(key, asyncio.Lock())

    def has_line(self, key: Hashable) -> bool:
        """Whether something waits for the bucket with this key, as of `line`."""
        line = self._lines.get(key)
        return line is not None and line.locked()

    def _bucket(self, key: Hashable) -> TokenBucket:
        bucket = self._buckets.pop(key, None)
        if bucket is None:
            bucket = TokenBucket(self.per_s, self._burst, self._clock)
        self._forget()
        self._buckets[key] = bucket
        return bucket

    def _forget(self) -> None:
        """Make room: look at the two seen longest ago, so that no full bucket stays for long."""
        for key in tuple(islice(self._buckets, 2)):
            if self._buckets[key].is_full or len(self._buckets) >= self._max_buckets:
                del self._buckets[key]
