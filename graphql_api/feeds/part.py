"""The part of a table that a feed reads: which rows, which fields, and how often."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import inf
from typing import Any, Final, NamedTuple

WINDOW: Final = "window"
"""The name of the order in which the rows of a table with a window leave it."""

_LONGEST_LOOK_S: Final = 60.0
_LOOKS: Final = 100


@dataclass(frozen=True, slots=True)
class TimeWindow:
    """The rows that a feed holds: all but those whose time in a field lies too far back.

    A row that has no time in that field is held. A feed that begins asks the database for the rows
    of its window; those that are too old later leave it by the feed's own clock.

    Attributes:
        field: The stored field, and the attribute of the row.
        length_s: How far back the time may lie, in seconds.
        setting: The name of the setting that says how many days that is; None for no setting.
    """

    field: str
    length_s: float
    setting: str | None = None

    def edge(self, now: datetime) -> float:
        """The time, in seconds since 1970, before which a row is outside."""
        return (now - timedelta(seconds=self.length_s)).timestamp()

    def time(self, row: Any) -> float:
        """The time of a row, in seconds since 1970; infinity, if it has none."""
        time: datetime | None = getattr(row, self.field)
        return inf if time is None else time.timestamp()

    @property
    def look_s(self) -> float:
        """How often to look for rows that have left, in seconds."""
        return min(_LONGEST_LOOK_S, self.length_s / _LOOKS)


class Edge(NamedTuple):
    """The edge of a window: rows whose field is no earlier time, in seconds since 1970."""

    field: str
    since_s: float


@dataclass(frozen=True, slots=True)
class TablePart:
    """The rows and fields that a feed asks its database for, and its pace.

    Attributes:
        without: The stored fields that the database leaves out, `policy.captcha_solver` for a part
            of one.
        pace_s: How often one document's changes are sent at most: the database merges what comes
            in between; 0 for each change.
        edge: Which rows; None for all.
    """

    without: tuple[str, ...] = ()
    pace_s: float = 0.0
    edge: Edge | None = None


WHOLE: Final = TablePart()
"""All rows with all fields, and each change of them."""


def left_out(document: Mapping[str, Any], without: Collection[str]) -> Mapping[str, Any]:
    """A document as the database sends it without some fields."""
    for path in without:
        name, _, rest = path.partition(".")
        if name not in document:
            continue
        if not rest:
            document = {other: value for other, value in document.items() if other != name}
        elif isinstance(inner := document[name], dict):
            document = {**document, name: left_out(inner, (rest,))}
    return document
