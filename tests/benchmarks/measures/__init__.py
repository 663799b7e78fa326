"""What is measured; one file each."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from tests.benchmarks.measures import (
    capacity,
    changefeeds,
    compression,
    every,
    fanout,
    filters,
    frames,
    growth,
    join,
    kept,
    latency,
    memory,
    pace,
    since,
)
from tests.benchmarks.results import Result
from tests.benchmarks.setting import Setting

Measure = Callable[[Setting], Result]

MEASURES: Mapping[str, Measure] = {
    "fanout": fanout.measure,
    "filters": filters.measure,
    "since": since.measure,
    "every": every.measure,
    "single": pace.single,
    "bulk": pace.bulk,
    "compression": compression.measure,
    "frames": frames.measure,
    "latency": latency.measure,
    "join": join.measure,
    "memory": memory.measure,
    "changefeeds": changefeeds.measure,
    "subscribers": growth.of_subscribers,
    "documents": growth.of_documents,
    "kept": kept.measure,
}
"""By the names that the command line takes, in the order in which they are made."""

PROOF: Measure = capacity.measure
"""Made before all others: what they need of the load client."""
