"""What is measured: values of each server, and the bars that they are held against."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field
from statistics import median
from typing import Any


@dataclass
class Row:
    """One line of a measure's table.

    Attributes:
        label: Whose it is.
        samples: A value for each repetition, in the order of the repetitions.
        notes: What else was seen, for each repetition.
    """

    label: str
    samples: list[float] = field(default_factory=list)
    notes: list[dict[str, float]] = field(default_factory=list)

    @property
    def median(self) -> float:
        return median(self.samples)


@dataclass(frozen=True)
class Bar:
    """What a measure must show.

    Attributes:
        text: What, in words.
        value: What was measured.
        holds: Whether that is enough.
    """

    text: str
    value: float
    holds: bool


@dataclass
class Result:
    """A measure and what came of it.

    Attributes:
        name: By which it is chosen on the command line.
        title: What was measured.
        unit: In what.
        rows: The values.
        bars: What they must show.
        is_curve: Whether the rows are points of one curve, which is drawn as such.
    """

    name: str
    title: str
    unit: str
    rows: list[Row] = field(default_factory=list)
    bars: list[Bar] = field(default_factory=list)
    is_curve: bool = False

    def add(self, label: str, value: float, **notes: float) -> None:
        """Note one value."""
        row = next((row for row in self.rows if row.label == label), None)
        if row is None:
            row = Row(label)
            self.rows.append(row)
        row.samples.append(value)
        row.notes.append(notes)

    def median(self, label: str) -> float:
        """The median of one row."""
        return next(row for row in self.rows if row.label == label).median

    def ratio(self, above: str, below: str) -> float:
        """How many times as large one row is as another: the median of each repetition's ratio."""
        samples = {row.label: row.samples for row in self.rows}
        pairs = zip(samples[above], samples[below], strict=True)
        return median(a / b if b else math.inf for a, b in pairs)

    def at_least(self, factor: float, above: str, below: str, text: str) -> None:
        """Hold a ratio against a bar."""
        value = self.ratio(above, below)
        self.bars.append(Bar(text, value, value >= factor))

    def at_least_value(self, limit: float, label: str, text: str) -> None:
        """Hold a row against a bar."""
        value = self.median(label)
        self.bars.append(Bar(text, value, value >= limit))

    def at_most(self, limit: float, label: str, text: str) -> None:
        """Hold a row against a bar."""
        value = self.median(label)
        self.bars.append(Bar(text, value, value <= limit))

    def as_json(self) -> dict[str, Any]:
        """Everything, as JSON has it."""
        rows = [
            {
                "label": row.label,
                "median": row.median,
                "min": min(row.samples),
                "max": max(row.samples),
                "samples": row.samples,
                "notes": row.notes,
            }
            for row in self.rows
        ]
        return asdict(self) | {"rows": rows}


def rounded(value: float) -> str:
    """A value with three digits that count."""
    if value >= 100:
        return f"{value:,.0f}".replace(",", " ")
    return f"{value:.3g}"
