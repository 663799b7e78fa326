"""The schema as a whole."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime

import strawberry
from graphql import DocumentNode, GraphQLError, validate
from strawberry.extensions import SchemaExtension
from strawberry.schema.config import StrawberryConfig
from strawberry.types import ExecutionContext
from strawberry.types.base import StrawberryObjectDefinition
from strawberry.types.field import StrawberryField

from graphql_api.schema.date_time import DATE_TIME
from graphql_api.schema.errors import CodeValidationErrors, expose
from graphql_api.schema.query import query_type
from graphql_api.schema.subscription import subscription_type
from graphql_api.schema.table_schema import TableSchema
from graphql_api.schema.tables import TABLE_SCHEMAS


class APISchema(strawberry.Schema):
    """A schema whose results, of queries and subscriptions alike, hold exposed errors only."""

    def get_fields(self, type_definition: StrawberryObjectDefinition) -> list[StrawberryField]:
        """A type's fields, its `id` first, although the version that it inherits has none."""
        return sorted(super().get_fields(type_definition), key=lambda field: field.name != "id")

    def validate(self, document: DocumentNode) -> list[GraphQLError]:
        """What GraphQL's own rules find wrong with a document."""
        return validate(self._schema, document)

    def process_errors(
        self,
        errors: list[GraphQLError],
        execution_context: ExecutionContext | None = None,  # noqa: ARG002
    ) -> None:
        """Make every error of a result fit for the client."""
        for error in errors:
            expose(error)


def build_schema(
    schemas: Sequence[TableSchema] = TABLE_SCHEMAS,
    *,
    extensions: Iterable[type[SchemaExtension] | Callable[[], SchemaExtension]] = (),
) -> APISchema:
    """The schema of some tables.

    Args:
        schemas: What each table adds.
        extensions: More Strawberry extensions, such as limits.
    """
    return APISchema(
        query=query_type(schemas),
        subscription=subscription_type(schemas),
        config=StrawberryConfig(scalar_map={datetime: DATE_TIME}),
        extensions=(CodeValidationErrors, *extensions),
    )


def export() -> str:
    """The text of `schema.graphql`."""
    return f"# Made by `graphql-api schema`; do not edit.\n\n{build_schema().as_str()}\n"
