"""What the database really held, version by version: what every client's view is judged by."""

from __future__ import annotations

import bisect
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from tests.simulation.entropy import EPOCH_S
from tests.simulation.log_truth import LogTruth
from tests.simulation.tables import TABLES, Document, Served, SimulatedTable, Where


@dataclass(frozen=True, slots=True)
class Moment:
    """One version of one document, as it is served; no row if the document is absent.

    Attributes:
        serial: How many versions the table had before this one.
        is_outside: Whether the document is there, and was finished too long ago to be served.
        leaves_at_s: When the document will be that old, if nothing happens to it.
    """

    serial: int
    row: Served | None
    is_outside: bool = False
    leaves_at_s: float = math.inf


_EDGE_LAG_S = 5.0
"""How far a feed's window may be behind the clock: it moves now and then, once there are rows."""


class TableTruth:
    """Every version of every document of a table, in the order of the commits."""

    def __init__(self, table: SimulatedTable, clock: Callable[[], float], window_s: float) -> None:
        self.table = table
        self._window_s = window_s
        self._ends: dict[str, float] = {}
        self._clock = clock
        self._moments: dict[str, list[Moment]] = {}
        self._serials: dict[str, list[int]] = {}
        self._times: list[float] = []
        self.serial = 0

    def commit(self, key: Any, document: Document | None) -> None:
        """Note a committed document; one whose key is of another kind is not served."""
        key = self.table.served_key(key)
        if key is None:
            return
        self._age()
        row, is_outside = None, False
        self._ends.pop(key, None)
        if document is not None:
            row = self.table.serve(document)
            row["invalidFields"].sort()
            if self.table.ends_by is not None and (time := document.get(self.table.ends_by)):
                self._ends[key] = time["epoch_time"] - EPOCH_S + self._window_s
                if self._ends[key] <= self._clock() - _EDGE_LAG_S:
                    row, is_outside = None, True
                    del self._ends[key]
        self._note(key, row, self._clock(), is_outside=is_outside)
        self._age()

    def _note(self, key: str, row: Served | None, at_s: float, *, is_outside: bool) -> None:
        moments = self._moments.setdefault(key, [])
        last = moments[-1] if moments else Moment(0, None)
        if last.row == row and last.is_outside == is_outside:
            return  # nothing that is served has changed
        self.serial += 1
        self._times.append(at_s)
        leaves_at_s = math.inf if row is None else self._ends.get(key, math.inf)
        moments.append(Moment(self.serial, row, is_outside, leaves_at_s))
        self._serials.setdefault(key, []).append(self.serial)

    def _age(self) -> None:
        """Note what has left the window since the last look."""
        due = sorted((at_s, key) for key, at_s in self._ends.items() if at_s <= self._clock())
        for at_s, key in due:
            del self._ends[key]
            self._note(key, None, max(at_s, self._times[-1]), is_outside=True)

    def has_left(self, moment: Moment) -> bool:
        """Whether a version would have left the window by now."""
        return moment.leaves_at_s <= self._clock()

    def serial_at(self, at_s: float) -> int:
        """How many versions the table had at a time."""
        self._age()
        return bisect.bisect_right(self._times, at_s)

    def drop(self) -> None:
        """Note that the table is gone, and every document with it."""
        self._age()
        self._ends.clear()
        for key in self._moments:
            self._note(key, None, self._clock(), is_outside=False)

    @property
    def keys(self) -> Iterator[str]:
        """Every key that the table ever had."""
        self._age()
        return iter(self._moments)

    def history(self, key: str) -> list[Moment]:
        """A document's versions; the first one is that it is not there."""
        self._age()
        return [Moment(0, None), *self._moments.get(key, ())]

    def index_at(self, key: str, serial: int) -> int:
        """Which of a document's versions it had when the table was at a serial."""
        return bisect.bisect_right(self._serials.get(key, ()), serial)

    def rows(self, where: Where, serial: int | None = None) -> dict[str, Served]:
        """The rows that pass a filter, now or at a serial."""
        self._age()
        rows = {}
        for key in self._moments:
            history = self.history(key)
            row = history[-1 if serial is None else self.index_at(key, serial)].row
            if row is not None and self.table.matches(row, where):
                rows[key] = row
        return rows


class Truth:
    """The truth of all tables."""

    def __init__(self, clock: Callable[[], float], window_s: float) -> None:
        self._tables = {name: TableTruth(table, clock, window_s) for name, table in TABLES.items()}
        self.logs = LogTruth(clock)

    def __getitem__(self, name: str) -> TableTruth:
        return self._tables[name]

    def get(self, name: str) -> TableTruth | None:
        """A table's truth, if clients can see it."""
        return self._tables.get(name)
