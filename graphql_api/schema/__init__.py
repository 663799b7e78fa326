"""The GraphQL schema: the types of the tables, and how to read and watch them."""

from __future__ import annotations

from graphql_api.schema.context import Context
from graphql_api.schema.schema import APISchema, build_schema, export
from graphql_api.schema.table_schema import TableSchema
from graphql_api.schema.tables import TABLE_SCHEMAS

TABLES = tuple(schema.table for schema in TABLE_SCHEMAS)
"""What the feeds serve."""

NEEDED_TO_READ = {schema.table.name: schema.needed_to_read for schema in TABLE_SCHEMAS}
"""The scopes without which a client may know nothing of a table, by its name."""

__all__ = [
    "NEEDED_TO_READ",
    "TABLES",
    "TABLE_SCHEMAS",
    "APISchema",
    "Context",
    "TableSchema",
    "build_schema",
    "export",
]
