"""The schema as a whole."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import strawberry
from graphql import DocumentNode, Executor, GraphQLError, validate
from strawberry.extensions import SchemaExtension
from strawberry.schema.config import StrawberryConfig
from strawberry.schema.name_converter import NameConverter
from strawberry.types import ExecutionContext
from strawberry.types.base import StrawberryObjectDefinition
from strawberry.types.field import StrawberryField

from graphql_api.schema.date_time import DATE_TIME
from graphql_api.schema.declaration import TableDeclaration
from graphql_api.schema.document import graphql_name
from graphql_api.schema.errors import CodeValidationErrors, expose
from graphql_api.schema.forbidden import ForbidEarly
from graphql_api.schema.input_reader import read_inputs_quickly
from graphql_api.schema.log_declaration import LogDeclaration
from graphql_api.schema.root_types import mutation_type, query_type, subscription_type
from graphql_api.schema.scopes import SCOPE_OF_ROOT_TYPE, guarded
from graphql_api.schema.sequence_number import SEQUENCE_NUMBER, SequenceNumber
from graphql_api.scopes import Scope


class APISchema(strawberry.Schema):
    """A schema whose root fields are guarded, and whose results hold exposed errors only.

    Args:
        scopes: What the fields of a type need besides the scope of the root type into which it is
            merged.
        arguments: Those of `strawberry.Schema`.
    """

    def __init__(
        self, *, scopes: Mapping[Any, Collection[Scope]] | None = None, **arguments: Any
    ) -> None:
        self._scopes = scopes or {}
        super().__init__(**arguments)
        read_inputs_quickly(self._schema)

    def get_fields(self, type_definition: StrawberryObjectDefinition) -> list[StrawberryField]:
        """The fields of a type, `id` first; a row's type inherits the others from its version.

        Those of a root type are guarded.
        """
        fields = sorted(super().get_fields(type_definition), key=lambda field: field.name != "id")
        scope = SCOPE_OF_ROOT_TYPE.get(type_definition.name)
        if scope is None:
            return fields
        return [guarded(field, {scope, *self._scopes.get(field.origin, ())}) for field in fields]

    def validate(self, document: DocumentNode) -> list[GraphQLError]:
        """The errors that GraphQL's own rules find in a document."""
        return validate(self._schema, document)

    def process_errors(
        self,
        errors: list[GraphQLError],
        execution_context: ExecutionContext | None = None,  # noqa: ARG002
    ) -> None:
        """Make every error of a result fit for the client."""
        for error in errors:
            expose(error)


class RememberedNames(NameConverter):
    """Strawberry's names, each made once: it asks for them for each field of each input."""

    def apply_naming_config(self, name: str) -> str:
        """The name in GraphQL of a member in Python."""
        return graphql_name(name)


def build_schema(
    tables: Sequence[TableDeclaration[Any]],
    *,
    logs: Sequence[LogDeclaration[Any]] = (),
    extensions: Iterable[type[SchemaExtension] | Callable[[], SchemaExtension]] = (),
    suggestions: bool = True,
    execution_context_class: type[Executor[Any]] | None = None,
) -> APISchema:
    """The schema of some tables.

    Args:
        tables: What each table adds.
        logs: What each insert-only table adds.
        extensions: More Strawberry extensions, such as limits.
        suggestions: Whether errors name what the client may have meant.
        execution_context_class: The executor of queries and mutations; Strawberry's, if absent.
    """
    needed = {type_: table.scopes for table in tables for type_ in table.root_types}
    needed |= {type_: log.scopes for log in logs for type_ in (log.query, log.subscription)}
    return APISchema(
        query=query_type(tables, logs),
        mutation=mutation_type(tables),
        subscription=subscription_type(tables, logs),
        scopes=needed,
        config=StrawberryConfig(
            name_converter=RememberedNames(),
            scalar_map={datetime: DATE_TIME, SequenceNumber: SEQUENCE_NUMBER},
            disable_field_suggestions=not suggestions,
        ),
        extensions=(CodeValidationErrors, ForbidEarly, *extensions),
        execution_context_class=execution_context_class,
    )


def export(
    tables: Sequence[TableDeclaration[Any]], logs: Sequence[LogDeclaration[Any]] = ()
) -> str:
    """The text of `schema.graphql`, for some tables."""
    text = build_schema(tables, logs=logs).as_str()
    return f"# Made by `graphql-api schema`; do not edit.\n\n{text}\n"
