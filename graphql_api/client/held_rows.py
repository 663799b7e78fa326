"""The rows of a subscription by its events, without I/O.

```
 INITIALIZING ─▶ staged rows ─▶ READY or STALE: they replace those before, by the difference
```
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from graphql_api.client.events import Added, Deleted, Event, State, Status, Updated
from graphql_api.client.table import Row


@dataclass(frozen=True, slots=True)
class Change:
    """A change of one row.

    Attributes:
        kind: A row is added when it begins to pass the filter, too, and deleted when it stops.
        key: Its key.
        row: Its values; of a row that is deleted, the last ones.
        previous: The values before, of a row that is updated.
    """

    kind: Literal["added", "updated", "deleted"]
    key: str
    row: Row
    previous: Row | None = None


class HeldRows:
    """The rows that a subscription holds.

    While a snapshot is read, the rows are those before it. When it is complete, what differs from
    them is what has changed.
    """

    def __init__(self) -> None:
        self._rows: dict[str, Row] = {}
        self._staged: dict[str, Row] | None = None
        self.status = Status.INITIALIZING

    @property
    def rows(self) -> Mapping[str, Row]:
        """The rows by their keys; a view of them, which changes with them."""
        return MappingProxyType(self._rows)

    def apply(self, event: Event) -> list[Change]:
        """Apply an event. Returns what it changes of the rows."""
        rows = self._rows if self._staged is None else self._staged
        match event:
            case State(status=status):
                self.status = status
                if status is Status.INITIALIZING:
                    self._staged = {}
                elif self._staged is not None:
                    staged, self._staged = self._staged, None
                    return list(self._replace(staged))
                return []
            case Added(key=key, row=row) | Updated(key=key, row=row):
                change = _put(rows, key, row)
            case Deleted(key=key):
                change = _remove(rows, key)
        return [] if change is None or rows is not self._rows else [change]

    def _replace(self, staged: dict[str, Row]) -> Iterator[Change]:
        for key in [key for key in self._rows if key not in staged]:
            if (change := _remove(self._rows, key)) is not None:
                yield change
        for key, row in staged.items():
            if (change := _put(self._rows, key, row)) is not None:
                yield change


def _put(rows: dict[str, Row], key: str, row: Row) -> Change | None:
    previous = rows.get(key)
    rows[key] = row
    if previous is None:
        return Change("added", key, row)
    return None if previous == row else Change("updated", key, row, previous)


def _remove(rows: dict[str, Row], key: str) -> Change | None:
    row = rows.pop(key, None)
    return None if row is None else Change("deleted", key, row)
