"""Counters of the transport: plain numbers, which `/metrics` reads."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from dataclasses import dataclass, field

LAG_BOUNDS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class Histogram:
    """A histogram: how often values were within each bound.

    Args:
        bounds: The upper bounds, ascending; a value that is equal to one is within it.
    """

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        """For each bound how many values were within it and not within the one before; then those
        beyond all."""
        self.sum = 0.0

    def observe(self, value: float) -> None:
        """Count one value."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.sum += value


@dataclass(slots=True)
class Traffic:
    """The counters of one server, since it started.

    Attributes:
        messages_received: WebSocket messages from clients.
        messages_sent: WebSocket messages and SSE events to clients.
        bytes_sent: Their payloads, in bytes.
        bytes_written: What was written to WebSockets and event streams, in bytes: payloads, perhaps
            compressed, and all that is around them.
        executions: Events that were executed, or encoded by another protocol.
        execution_s: How long that took, in seconds of the event loop.
        encoding_s: How long it took to make JSON of the results, the same.
        shared_results: How often an event's result was there already, for another subscriber.
        refused: Connections and requests that were refused, since there were too many.
        closes: How often a WebSocket ended with which code.
        responses: How often an HTTP request to GraphQL was answered by which status.
        lag: How long after a change had come from the database it was written to every socket that
            was ready for it, in seconds; except subscriptions in the queue of long work.
    """

    messages_received: int = 0
    messages_sent: int = 0
    bytes_sent: int = 0
    bytes_written: int = 0
    executions: int = 0
    execution_s: float = 0.0
    encoding_s: float = 0.0
    shared_results: int = 0
    refused: int = 0
    closes: Counter[int] = field(default_factory=Counter)
    responses: Counter[int] = field(default_factory=Counter)
    lag: Histogram = field(default_factory=lambda: Histogram(LAG_BOUNDS_S))
