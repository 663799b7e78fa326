"""What was read off the programs over time, and whether it stays level."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields


@dataclass(frozen=True)
class Sample:
    """One look at everything.

    Attributes:
        at_s: When, since the load began.
        server_mb: The server's resident memory.
        server_blocks: How many blocks of memory its Python uses: what is alive, whatever the
            allocator keeps of what was freed.
        server_descriptors: How many files and sockets it has open.
        server_tasks: How many asyncio tasks it has.
        database_mb: The database's resident memory.
        database_descriptors: How many files and sockets it has open.
        messages: How many the subscribers that stay have received.
        writes: How many were made.
        visits: How many clients have come and gone.
    """

    at_s: float
    server_mb: float
    server_blocks: int
    server_descriptors: int
    server_tasks: int
    database_mb: float
    database_descriptors: int
    messages: int
    writes: int
    visits: int


@dataclass(frozen=True)
class Allowed:
    """How much the median of a gauge may grow from the middle third to the last one."""

    share: float
    more: float


ALLOWED: Mapping[str, Allowed] = {
    "server_mb": Allowed(0.02, 1),
    "server_blocks": Allowed(0.01, 0),
    "server_descriptors": Allowed(0.01, 3),
    "server_tasks": Allowed(0.01, 3),
    "database_mb": Allowed(0.02, 1),
    "database_descriptors": Allowed(0, 2),
}
"""Memory: what an allocator needs to settle. The rest: the clients that happen to be there."""


@dataclass(frozen=True)
class Verdict:
    """How one gauge went.

    Attributes:
        gauge: Which field of the samples.
        middle: Its median in the middle third.
        last: Its median in the last third.
    """

    gauge: str
    middle: float
    last: float

    @property
    def is_level(self) -> bool:
        """Whether it did not grow."""
        allowed = ALLOWED[self.gauge]
        return self.last <= self.middle * (1 + allowed.share) + allowed.more

    def __str__(self) -> str:
        change = f"{self.middle:.1f} -> {self.last:.1f} ({self.last - self.middle:+.1f})"
        return f"{self.gauge:<21}{change:<28}{'level' if self.is_level else 'GROWS'}"


def verdicts(samples: Sequence[Sample]) -> list[Verdict]:
    """Compare the middle third of a run with the last; the first fills caches and histories.

    Raises:
        ValueError: There are fewer than three samples.
    """
    if len(samples) < 3:
        raise ValueError("three samples are the least that can be compared")
    third = len(samples) // 3
    middle, last = samples[third : 2 * third], samples[2 * third :]

    def median(part: Sequence[Sample], gauge: str) -> float:
        return statistics.median([float(getattr(sample, gauge)) for sample in part])

    return [Verdict(gauge, median(middle, gauge), median(last, gauge)) for gauge in ALLOWED]


HEADING = (
    "     s | server  MB   blocks  descr.  tasks | database  MB  descr."
    " | messages/s  writes/s  visits/s"
)


def line(before: Sample, sample: Sample) -> str:
    """A sample as a line of a table, with what happened since the one before."""
    took_s = max(sample.at_s - before.at_s, 0.001)
    messages, writes, visits = (
        (getattr(sample, name) - getattr(before, name)) / took_s
        for name in ("messages", "writes", "visits")
    )
    return (
        f"{sample.at_s:6.0f} | {sample.server_mb:10.1f}  {sample.server_blocks:7}"
        f"  {sample.server_descriptors:6}"
        f"  {sample.server_tasks:5} | {sample.database_mb:12.1f}"
        f"  {sample.database_descriptors:6} | {messages:10.0f}  {writes:8.1f}  {visits:8.1f}"
    )


_HEIGHT, _WIDTH = 8, 72


def drawing(samples: Sequence[Sample], gauge: str) -> str:
    """A gauge over the whole run, as characters: the highest of each stretch, from 0 up."""
    assert gauge in {field.name for field in fields(Sample)}
    width = min(_WIDTH, len(samples))
    bars = [
        max(
            getattr(sample, gauge)
            for sample in samples[n * len(samples) // width : (n + 1) * len(samples) // width]
        )
        for n in range(width)
    ]
    top = max(*bars, 1)
    rows = [
        f"{top * row / _HEIGHT:8.0f} |"
        + "".join("#" if bar > top * (row - 0.5) / _HEIGHT else " " for bar in bars)
        for row in range(_HEIGHT, 0, -1)
    ]
    return "\n".join([gauge, *rows, f"{0:8} +{'-' * width} {samples[-1].at_s:.0f} s"])
