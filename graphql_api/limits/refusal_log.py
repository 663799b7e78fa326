"""Log lines for refused clients: few, however many clients there are."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

log = logging.getLogger(__name__)


class RefusalLog:
    """Logs refused clients, with one line in a while for all of them.

    Args:
        by: What refuses them.
        interval_s: How long to wait between two lines.
        clock: Returns the time, in seconds.
    """

    def __init__(
        self,
        by: str = "access control",
        *,
        interval_s: float = 10.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._by = by
        self._interval_s = interval_s
        self._clock = clock
        self._unsaid = 0
        self._last = ("", "")
        self._said_at_s: float | None = None

    def record(self, address: str, reason: str) -> None:
        """Count a refused client, and log it if the interval has passed.

        Args:
            address: Where it came from.
            reason: Why, without anything that it has sent.
        """
        self._unsaid += 1
        self._last = address, reason
        self.flush()

    def flush(self) -> None:
        """Log what has not been logged, if the interval has passed; call it now and then."""
        now_s = self._clock()
        if not self._unsaid or (
            self._said_at_s is not None and now_s - self._said_at_s < self._interval_s
        ):
            return
        address, reason = self._last
        log.warning(
            "refused by %s: %d, the last from %s: %s", self._by, self._unsaid, address, reason
        )
        self._unsaid = 0
        self._said_at_s = now_s
