"""The results as text and as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median
from typing import Any

from tests.benchmarks.peers import OURS
from tests.benchmarks.results import Result, rounded


def heading(machine: dict[str, Any]) -> str:
    """What it was measured on."""
    versions = ", ".join(f"{name} {version}" for name, version in machine["packages"].items())
    where = (
        "the server on one core, everything else on another" if machine["pinned"] else "not pinned"
    )
    return (
        f"{machine['processor']}, {machine['cores']} cores ({where}), load {machine['load_before']}"
        f" before; {machine['system']}, Python {machine['python']}, Node {machine['node']}\n"
        f"{versions}"
    )


def table(result: Result) -> str:
    """A measure's rows: medians, the least and the most, and the ratio to this server."""
    lines = [f"\n{result.name}: {result.title}, {result.unit}"]
    width = max(len(row.label) for row in result.rows)
    labels = [row.label for row in result.rows]
    for row in result.rows:
        line = f"  {row.label:<{width}}  {rounded(row.median):>9}"
        line += f"  ({rounded(min(row.samples))} … {rounded(max(row.samples))})"
        if OURS.name in labels and not result.is_curve:
            line += f"  {rounded(result.ratio(row.label, OURS.name))} of ours"
        for name in row.notes[0]:
            line += f"  {name} {rounded(median(note[name] for note in row.notes))}"
        lines.append(line)
    return "\n".join(lines)


def bars(results: Sequence[Result]) -> str:
    """What was to be shown, and whether it was."""
    lines = ["\nbars"]
    for result in results:
        for bar in result.bars:
            word = "holds" if bar.holds else "MISSED"
            lines.append(f"  {word:<6}  {result.name}: {bar.text}: {rounded(bar.value)}")
    return "\n".join(lines)


def as_json(machine: dict[str, Any], results: Sequence[Result]) -> dict[str, Any]:
    """Everything."""
    return {"machine": machine, "measures": [result.as_json() for result in results]}
