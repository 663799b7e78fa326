"""The results as one drawing: a group of bars for each measure, a curve for each growth."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from xml.sax.saxutils import escape

from tests.benchmarks.peers import OURS
from tests.benchmarks.results import Result, Row, rounded

_WIDTH = 890
_LEFT = 280
_BARS = 480
_LINE = 20
_COLOURS = {"ours": "#1f6feb", "other": "#8c959f"}


def draw(machine: dict[str, Any], results: Sequence[Result]) -> str:
    """An SVG of its own."""
    y = 10
    parts: list[str] = []
    for result in results:
        y += _LINE
        parts.append(_text(10, y, f"{result.title} ({result.unit})", weight="bold"))
        most = max(row.median for row in result.rows)
        for row in result.rows:
            y += _LINE
            parts += _bar(y, row, most, is_ours=result.is_curve or row.label.startswith(OURS.name))
        y += _LINE // 2
    y += _LINE
    cores = f"{machine['processor']}, {machine['cores']} cores, {machine['at'][:10]}"
    parts.append(_text(10, y, f"Medians; the line is from least to most. {cores}.", size=11))
    height = y + 12
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" '
        f'width="{_WIDTH}" height="{height}" font-family="sans-serif" fill="#24292f">\n'
        f'<rect width="{_WIDTH}" height="{height}" fill="#ffffff"/>\n'
        + "\n".join(parts)
        + "\n</svg>\n"
    )


def _bar(y: int, row: Row, most: float, *, is_ours: bool) -> list[str]:
    scale = _BARS / most if most else 0.0
    width = max(1.0, row.median * scale)
    least, greatest = (_LEFT + min(value * scale, _BARS + 20) for value in _range(row))
    colour = _COLOURS["ours" if is_ours else "other"]
    middle = y - 4.5
    return [
        _text(_LEFT - 8, y, row.label, anchor="end"),
        f'<rect x="{_LEFT}" y="{y - 12}" width="{width:.1f}" height="14" fill="{colour}"/>',
        f'<path d="M{least:.1f} {middle}H{greatest:.1f}" stroke="#24292f"/>',
        _text(int(max(_LEFT + width, greatest)) + 8, y, rounded(row.median)),
    ]


def _range(row: Row) -> tuple[float, float]:
    return min(row.samples), max(row.samples)


def _text(
    x: int, y: int, text: str, *, anchor: str = "start", weight: str = "normal", size: int = 12
) -> str:
    return (
        f'<text x="{x}" y="{y}" font-size="{size}" font-weight="{weight}" '
        f'text-anchor="{anchor}">{escape(text)}</text>'
    )
