"""Names, columns and conditions by which a table is watched."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from graphql_api.client.table import FollowedTable, Row
from graphql_api.client.text import clean
from graphql_api.watch.differences import Difference, differences
from graphql_api.watch.where import Condition


@dataclass(frozen=True, slots=True)
class ListedColumn:
    """A column of the list that the view begins with.

    Attributes:
        title: What stands above it.
        cell: What stands in it for a row; it need not be clean.
        is_optional: Whether it is left out where there is no room for all.
        is_number: Whether it is aligned to the right.
    """

    title: str
    cell: Callable[[Row], str]
    is_optional: bool = False
    is_number: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Table(FollowedTable):
    """One of the tables, as people see it.

    Attributes:
        name: What the operator calls its rows.
        singular: What the operator calls one of them.
        name_field: The field that names a row for people.
        name_title: What stands above the names in the list.
        columns: What the list shows of a row beside its name and its key.
        conditions: The keys of `--where`.
        newest_field: The field whose time orders the list, the latest first; by name, if absent.
        counts: The fields that grow while a row gets on, and what they count.
        counted_too: The fields that change with these.
    """

    name: str
    singular: str
    name_field: str
    name_title: str
    columns: tuple[ListedColumn, ...]
    conditions: Mapping[str, Condition]
    newest_field: str | None = None
    counts: tuple[tuple[str, str], ...] = ()
    counted_too: tuple[str, ...] = ()

    def count(self, number: int) -> str:
        """So many of its rows, in words."""
        return f"{number or 'no'} {self.singular if number == 1 else self.name}"

    def name_of(self, row: Row) -> str:
        """The name of a row, clean; empty, if it has none."""
        name = row.get(self.name_field)
        return clean(name) if isinstance(name, str) else ""

    def differences(
        self, old: Row, new: Row, fields: tuple[str, ...] | None = None
    ) -> list[Difference]:
        """The differences in these fields, or in all; the time of the change only by itself."""
        every = differences(old, new, self.fields if fields is None else fields)
        return [each for each in every if each.path != "updatedAt"] or every
