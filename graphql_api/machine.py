"""Time and chance of the machine on which a server runs."""

from __future__ import annotations

import random
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """The clocks and the sources of chance of one server; a test gives its own.

    Timers are the event loop's, and so is the time that they go by.

    Attributes:
        now: The time of day, in UTC. It may leap.
        monotonic_s: A clock that never leaps, in seconds, for durations.
        cpu_s: What the running thread has used of the processor, in seconds.
        rng: Chance that may be guessed, such as the jitter of a wait.
        random_bytes: As many bytes as are asked for, of a kind that is never seen twice.
    """

    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    monotonic_s: Callable[[], float] = time.monotonic
    cpu_s: Callable[[], float] = time.thread_time
    rng: random.Random = field(default_factory=random.Random)
    random_bytes: Callable[[int], bytes] = secrets.token_bytes

    def epoch_s(self) -> float:
        """The time of day in seconds since 1970."""
        return self.now().timestamp()
