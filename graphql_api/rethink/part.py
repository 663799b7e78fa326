"""The part of a table that a feed asks for, in ReQL."""

from __future__ import annotations

from typing import Any

from graphql_api.feeds.part import Edge, TablePart
from graphql_api.rethink.driver import r


def part_of(rows: Any, part: TablePart) -> Any:
    """The rows and fields of a part, of a table or of some of its documents."""
    if part.edge is not None:
        edge = part.edge
        rows = rows.filter(lambda row: is_inside(row, edge))
    return without(rows, part.without)


def is_inside(row: Any, edge: Edge) -> Any:
    """Whether a row belongs to a window: its field is no time, or none before the edge."""
    return is_no_time(row, edge.field) | (row[edge.field] >= r.epoch_time(edge.since_s))


def is_no_time(row: Any, field: str) -> Any:
    """Whether a row has something else than a time in a field, or nothing."""
    return row[field].default(None).type_of() != "PTYPE<TIME>"


def without(rows: Any, paths: tuple[str, ...]) -> Any:
    """Rows, or one of them, without some fields: `policy.captcha_solver` is a part of one."""
    if not paths:
        return rows
    return rows.without(*map(_selector, paths))


def _selector(path: str) -> Any:
    *outer, last = path.split(".")
    selector: Any = last
    for name in reversed(outer):
        selector = {name: selector}
    return selector
