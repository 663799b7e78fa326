"""The GraphQL schema: built from the declarations of tables, and what these are made of."""

from __future__ import annotations

from graphql_api.schema.context import Context
from graphql_api.schema.declaration import TableDeclaration
from graphql_api.schema.schema import APISchema, build_schema, export

__all__ = [
    "APISchema",
    "Context",
    "TableDeclaration",
    "build_schema",
    "export",
]
