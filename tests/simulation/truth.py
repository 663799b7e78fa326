"""What the database really held, version by version: what every client's view is judged by."""

from __future__ import annotations

import bisect
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from tests.simulation.tables import TABLES, Document, Served, SimulatedTable, Where


@dataclass(frozen=True, slots=True)
class Moment:
    """One version of one document, as it is served; no row if the document is absent.

    Attributes:
        serial: How many versions the table had before this one.
    """

    serial: int
    row: Served | None


class TableTruth:
    """Every version of every document of a table, in the order of the commits."""

    def __init__(self, table: SimulatedTable, clock: Callable[[], float]) -> None:
        self.table = table
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
        row = None
        if document is not None:
            row = self.table.serve(document)
            row["invalidFields"].sort()
        self._note(key, row)

    def _note(self, key: str, row: Served | None) -> None:
        moments = self._moments.setdefault(key, [])
        if (moments[-1].row if moments else None) == row:
            return  # nothing that is served has changed
        self.serial += 1
        self._times.append(self._clock())
        moments.append(Moment(self.serial, row))
        self._serials.setdefault(key, []).append(self.serial)

    def serial_at(self, at_s: float) -> int:
        """How many versions the table had at a time."""
        return bisect.bisect_right(self._times, at_s)

    def drop(self) -> None:
        """Note that the table is gone, and every document with it."""
        for key in self._moments:
            self._note(key, None)

    @property
    def keys(self) -> Iterator[str]:
        """Every key that the table ever had."""
        return iter(self._moments)

    def history(self, key: str) -> list[Moment]:
        """A document's versions; the first one is that it is not there."""
        return [Moment(0, None), *self._moments.get(key, ())]

    def index_at(self, key: str, serial: int) -> int:
        """Which of a document's versions it had when the table was at a serial."""
        return bisect.bisect_right(self._serials.get(key, ()), serial)

    def rows(self, where: Where, serial: int | None = None) -> dict[str, Served]:
        """The rows that pass a filter, now or at a serial."""
        rows = {}
        for key in self._moments:
            history = self.history(key)
            row = history[-1 if serial is None else self.index_at(key, serial)].row
            if row is not None and self.table.matches(row, where):
                rows[key] = row
        return rows


class Truth:
    """The truth of all tables."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._tables = {name: TableTruth(table, clock) for name, table in TABLES.items()}

    def __getitem__(self, name: str) -> TableTruth:
        return self._tables[name]

    def get(self, name: str) -> TableTruth | None:
        """A table's truth, if clients can see it."""
        return self._tables.get(name)
