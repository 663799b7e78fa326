"""Labels of the rows in the view: their names, and their keys where names are the same."""

from __future__ import annotations

from collections import Counter

from graphql_api.client.held_rows import Change
from graphql_api.client.table import Row
from graphql_api.client.text import clean
from graphql_api.watch.table import Table


class Labels:
    """Counts the names of the rows that are held.

    Args:
        table: What they are rows of.
    """

    def __init__(self, table: Table) -> None:
        self._table = table
        self._names: dict[str, str] = {}
        self._counts: Counter[str] = Counter()

    def apply(self, change: Change) -> None:
        """Count a row that is held from now on, or not any more."""
        before = self._names.pop(change.key, None)
        if before is not None:
            self._counts[before] -= 1
        if change.kind != "deleted":
            name = self._names[change.key] = self._table.name_of(change.row)
            self._counts[name] += 1

    def label(self, key: str, row: Row) -> str:
        """The label of a row, clean: its name, and its key if others have that name."""
        name = self._table.name_of(row)
        if not name:
            return clean(key)
        is_counted = self._names.get(key) == name
        return f"{name} ({clean(key)})" if self._counts[name] > is_counted else name
