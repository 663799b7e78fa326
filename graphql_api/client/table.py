"""Names of a table's fields and types, and the document by which it is followed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from graphql_api.errors import ConfigurationError
from graphql_api.schema import TableDeclaration
from graphql_api.schema.columns import selections
from graphql_api.schema.document import graphql_name
from graphql_api.tables import TABLES

Row: TypeAlias = Mapping[str, Any]
"""A row as the server serves it, by the names of the schema; `id` is its key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FollowedTable:
    """One of the tables, by the names that `schema.graphql` has for it.

    Attributes:
        stored: Its name in the database.
        type_name: The type of a row; the union's members begin with it.
        subscription_field: The subscription's root field.
        entity: The field of an Added or Updated event that holds the row.
        deleted_key: The field of a Deleted event that holds the key.
        fields: The fields of a row beside its key, by their names, each with what is selected in
            it.
    """

    stored: str
    type_name: str
    subscription_field: str
    entity: str
    deleted_key: str
    fields: Mapping[str, str]

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


def followed(table: TableDeclaration[Any]) -> FollowedTable:
    """A table as it is followed, from its declaration."""
    return FollowedTable(
        stored=table.name,
        type_name=table.row_type.__name__,
        subscription_field=graphql_name(f"{table.name}_changes"),
        entity=graphql_name(table.name),
        deleted_key=graphql_name(table.deleted_key),
        fields=selections(table.row_type),
    )


_BY_NAME = {graphql_name(table.plural): followed(table) for table in TABLES}


def table_named(name: str) -> FollowedTable:
    """The table of a query's root field, such as `policies`.

    Raises:
        ConfigurationError: There is no such table; the text lists those that there are.
    """
    try:
        return _BY_NAME[name]
    except KeyError:
        raise ConfigurationError(
            f"there is no table {name!r}; there are {', '.join(_BY_NAME)}"
        ) from None
