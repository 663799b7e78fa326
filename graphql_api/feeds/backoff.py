"""Backoff: how long a feed waits before it tries its database again.

The wait doubles from try to try, and a random part of it is left out, so that many servers do not
come back at the same moment. In the first minutes of an outage it stays within two seconds: most
outages are restarts, and what follows one is seen at once. From then on it may grow with the age
of the outage.
"""

from __future__ import annotations

from typing import Final

EARLY_S: Final = 180.0
"""How long an outage is young, in seconds."""
EARLY_MAX_S: Final = 2.0
"""The longest time between two tries of a young outage, in seconds."""


def backoff_s(
    attempt: int, outage_s: float, *, first_s: float, max_s: float, jitter: float
) -> float:
    """Return how long after one try of an outage the next one begins.

    Args:
        attempt: How many tries of the outage have failed, less one.
        outage_s: How old the outage is, in seconds.
        first_s: The wait after the first try, in seconds.
        max_s: The longest wait, in seconds.
        jitter: A random number from 0 to 1.

    Returns:
        Seconds: between half and the whole of the doubled wait.
    """
    grown_s = EARLY_MAX_S * max(1.0, outage_s / EARLY_S)
    whole_s = min(max_s, grown_s, first_s * 2.0 ** min(attempt, 32))
    return whole_s * (0.5 + jitter / 2)


class Backoff:
    """The tries of one feed; pure, the times and random numbers are given.

    Args:
        first_s: The wait after the first try of an outage, in seconds.
        max_s: The longest wait, in seconds.
    """

    def __init__(self, first_s: float, max_s: float) -> None:
        self._first_s = first_s
        self._max_s = max_s
        self._attempt = 0
        self._lost_at: float | None = None
        self._waited_s = 0.0

    def wait_s(
        self, *, began_at: float, ready_at: float | None, lost_at: float, jitter: float
    ) -> float:
        """Return how long to wait after a try that has ended.

        A feed that was well for longer than the last wait begins a new outage; one that fails
        again before that is in the same one. The time that a failed try took is part of the wait.

        Args:
            began_at: When the try began, in seconds by any clock.
            ready_at: When the feed was ready by it; `None` if it never was.
            lost_at: When it ended.
            jitter: A random number from 0 to 1.
        """
        was_well = ready_at is not None and lost_at - ready_at >= self._waited_s
        if self._lost_at is None or was_well:
            self._lost_at, self._attempt = lost_at, 0
        self._waited_s = backoff_s(
            self._attempt,
            lost_at - self._lost_at,
            first_s=self._first_s,
            max_s=self._max_s,
            jitter=jitter,
        )
        self._attempt += 1
        if ready_at is not None:
            return self._waited_s
        return max(0.0, self._waited_s - (lost_at - began_at))
