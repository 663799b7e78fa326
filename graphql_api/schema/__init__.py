"""The GraphQL schema: the types of the tables, and how to read and watch them."""

from __future__ import annotations

from graphql_api.schema.context import Context
from graphql_api.schema.schema import APISchema, build_schema, export
from graphql_api.schema.table_schema import TableSchema
from graphql_api.schema.tables import TABLE_SCHEMAS

TABLES = tuple(schema.table for schema in TABLE_SCHEMAS)
"""What the feeds serve."""

__all__ = [
    "TABLES",
    "TABLE_SCHEMAS",
    "APISchema",
    "Context",
    "TableSchema",
    "build_schema",
    "export",
]
