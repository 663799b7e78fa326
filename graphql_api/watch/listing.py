"""The rows as an aligned list: what the view begins with."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from graphql_api.watch.line import Line, Span, Style, fit
from graphql_api.watch.table import Row, Table
from graphql_api.watch.text import clean, columns, shorten

_GAP = "  "
_LEAST = 8
"""How many columns each column of the list keeps, if it has as many."""


class _Column(NamedTuple):
    title: str
    cells: list[str]
    style: Style = Style.PLAIN
    is_optional: bool = False
    is_number: bool = False

    @property
    def width(self) -> int:
        return max(columns(text) for text in (self.title, *self.cells))


def listing(table: Table, rows: Mapping[str, Row], width: int | None) -> Iterable[Line]:
    """A line of titles, and one for each row, ordered as a page of the API is.

    Where there is no room for all columns those that are optional are left out, the last first;
    then the widest ones are shortened.

    Args:
        table: What they are rows of.
        rows: The rows by their keys.
        width: How many columns a line may take; None is no limit.
    """
    ordered = sorted(rows.items(), key=lambda item: _order(table, *item))
    if (field := table.newest_field) is not None:
        ordered.sort(key=lambda item: str(item[1].get(field) or ""), reverse=True)
    shown = _fewer(_columns(table, ordered), width)
    widths = _narrower([column.width for column in shown], width)
    titles = [column.title for column in shown]
    yield fit(_line(shown, titles, widths, is_title=True), width)
    for cells in zip(*(column.cells for column in shown), strict=True):
        yield fit(_line(shown, cells, widths), width)


def _order(table: Table, key: str, row: Row) -> tuple[bool, str, str]:
    name = table.name_of(row)
    return not name, name.casefold(), key


def _columns(table: Table, ordered: Sequence[tuple[str, Row]]) -> list[_Column]:
    names = [table.name_of(row) or clean(key) for key, row in ordered]
    keys = [clean(key) for key, _ in ordered]
    shown = [_Column(table.name_title, names, Style.NAME)]
    for column in table.columns:
        cells = [clean(column.cell(row)) for _, row in ordered]
        shown.append(
            _Column(column.title, cells, Style.PLAIN, column.is_optional, column.is_number)
        )
    if keys != names:
        shown.append(_Column("ID", keys, Style.FAINT, is_optional=True))
    return shown


def _fewer(shown: list[_Column], width: int | None) -> list[_Column]:
    while width is not None and _total([column.width for column in shown]) > width:
        optional = [column for column in shown if column.is_optional]
        if not optional:
            break
        shown = [column for column in shown if column is not optional[-1]]
    return shown


def _narrower(widths: list[int], width: int | None) -> list[int]:
    widths = list(widths)
    while width is not None and _total(widths) > width and max(widths) > _LEAST:
        widths[widths.index(max(widths))] -= 1
    return widths


def _total(widths: Sequence[int]) -> int:
    return sum(widths) + len(_GAP) * (len(widths) - 1)


def _line(
    shown: Sequence[_Column], cells: Sequence[str], widths: Sequence[int], *, is_title: bool = False
) -> Line:
    spans = []
    for column, text, width in zip(shown, cells, widths, strict=True):
        cell = shorten(text, width)
        padding = " " * (width - columns(cell))
        cell = padding + cell if column.is_number else cell + padding
        spans += [Span(cell, Style.FAINT if is_title else column.style), Span(_GAP)]
    return tuple(spans[:-1])
