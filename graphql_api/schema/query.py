"""The root type `Query`: the fields of all tables, and of the feeds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import strawberry

from graphql_api.schema.declaration import TableDeclaration
from graphql_api.schema.feed import feed_query


def query_type(tables: Sequence[TableDeclaration[Any]]) -> type:
    """`Query` for some tables."""
    bases = (*(table.query for table in tables), feed_query(tables))
    return strawberry.type(
        type("Query", bases, {}), description="What there is now. Nothing here waits for changes."
    )
