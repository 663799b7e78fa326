"""The root type `Query`: the fields of all tables, and of the feeds."""

from __future__ import annotations

from collections.abc import Sequence

import strawberry

from graphql_api.schema.feed import feed_query
from graphql_api.schema.table_schema import TableSchema


def query_type(schemas: Sequence[TableSchema]) -> type:
    """`Query` for some tables."""
    bases = (*(schema.query for schema in schemas), feed_query(schemas))
    return strawberry.type(
        type("Query", bases, {}), description="What there is now. Nothing here waits for changes."
    )
