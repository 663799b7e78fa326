"""What is to be known of a table in order to watch it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from graphql_api.watch.differences import Difference, differences
from graphql_api.watch.text import clean
from graphql_api.watch.where import Condition

Row: TypeAlias = Mapping[str, Any]
"""A row as the server serves it, by the names of the schema."""


@dataclass(frozen=True, slots=True)
class Column:
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


@dataclass(frozen=True, slots=True)
class Table:
    """One of the tables, by the names that `schema.graphql` has for it.

    Attributes:
        name: What the operator calls its rows.
        singular: What the operator calls one of them.
        type_name: The type of a row; the union's members begin with it.
        subscription_field: The subscription's root field.
        entity: The field of an Added or Updated event that holds the row.
        deleted_key: The field of a Deleted event that holds the key.
        name_field: The field that names a row for people.
        name_title: What stands above the names in the list.
        fields: The fields of a row beside its key, by their names, each with what is selected in
            it.
        columns: What the list shows of a row beside its name and its key.
        conditions: The keys of `--where`.
        newest_field: The field whose time orders the list, the latest first; by name, if absent.
        counts: The fields that grow while a row gets on, and what they count.
        counted_too: The fields that change with these.
    """

    name: str
    singular: str
    type_name: str
    subscription_field: str
    entity: str
    deleted_key: str
    name_field: str
    name_title: str
    fields: Mapping[str, str]
    columns: tuple[Column, ...]
    conditions: Mapping[str, Condition]
    newest_field: str | None = None
    counts: tuple[tuple[str, str], ...] = ()
    counted_too: tuple[str, ...] = ()

    @property
    def document(self) -> str:
        """The subscription that selects everything of every event."""
        type_name, entity = self.type_name, self.entity
        version = " ".join(f"{name} {inner}".strip() for name, inner in self.fields.items())
        return (
            f"subscription($where: {type_name}Filter, $since: String) {{ "
            f"{self.subscription_field}(where: $where, since: $since) {{ __typename "
            f"... on {type_name}Added {{ cause {entity} {{ id {version} }} cursor }} "
            f"... on {type_name}Updated {{ {entity} {{ id {version} }} previous {{ {version} }} "
            "changedFields cursor } "
            f"... on {type_name}Deleted {{ cause {self.deleted_key} previous {{ {version} }} "
            "cursor } ... on FeedState { status cursor } } }"
        )

    def count(self, number: int) -> str:
        """So many of its rows, in words."""
        return f"{number or 'no'} {self.singular if number == 1 else self.name}"

    def name_of(self, row: Row) -> str:
        """What a row is called, clean; nothing, if it has no name."""
        name = row.get(self.name_field)
        return clean(name) if isinstance(name, str) else ""

    def differences(
        self, old: Row, new: Row, fields: tuple[str, ...] | None = None
    ) -> list[Difference]:
        """What differs, in these fields or in all; the time of the change only if nothing else."""
        every = differences(old, new, self.fields if fields is None else fields)
        return [each for each in every if each.path != "updatedAt"] or every
