"""The rows that the view holds, and what distinguishes each from the others."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from graphql_api.client.table import Row
from graphql_api.client.text import clean
from graphql_api.watch.table import Table


class HeldRows:
    """Rows by their keys.

    Args:
        table: What they are rows of.
        rows: Those that are there at first.
    """

    def __init__(self, table: Table, rows: Mapping[str, Row] | None = None) -> None:
        self._table = table
        self._rows: dict[str, Row] = {}
        self._names: Counter[str] = Counter()
        for key, row in (rows or {}).items():
            self.put(key, row)

    def __len__(self) -> int:
        return len(self._rows)

    @property
    def by_key(self) -> Mapping[str, Row]:
        """The rows."""
        return self._rows

    def put(self, key: str, row: Row) -> None:
        """Hold a row, in the place of one with its key."""
        self.remove(key)
        self._rows[key] = row
        self._names[self._table.name_of(row)] += 1

    def remove(self, key: str) -> None:
        """Hold a row no longer, if it is held."""
        row = self._rows.pop(key, None)
        if row is not None:
            self._names[self._table.name_of(row)] -= 1

    def label(self, key: str, row: Row) -> str:
        """What people call a row, clean: its name, and its key if others have that name."""
        name = self._table.name_of(row)
        if not name:
            return clean(key)
        held = self._rows.get(key)
        is_counted = held is not None and self._table.name_of(held) == name
        return f"{name} ({clean(key)})" if self._names[name] > is_counted else name
