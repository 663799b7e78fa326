"""What is measured; one file each, with a function `measure`."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from tests.benchmarks.measures import fanout, filters
from tests.benchmarks.results import Result
from tests.benchmarks.setting import Setting

Measure = Callable[[Setting], Result]

MEASURES: Mapping[str, Measure] = {
    "fanout": fanout.measure,
    "filters": filters.measure,
}
"""By the names that the command line takes, in the order in which they are made."""
