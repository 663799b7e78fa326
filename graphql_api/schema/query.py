"""The root type `Query`: the fields of all tables, and of the feeds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import strawberry

from graphql_api.schema.declaration import TableDeclaration
from graphql_api.schema.feed import feed_query
from graphql_api.schema.log_declaration import LogDeclaration


def query_type(
    tables: Sequence[TableDeclaration[Any]], logs: Sequence[LogDeclaration[Any]] = ()
) -> type:
    """`Query` for some tables."""
    bases = (
        *(table.query for table in tables),
        *(log.query for log in logs),
        feed_query(tables),
    )
    return strawberry.type(
        type("Query", bases, {}), description="What there is now. Nothing here waits for changes."
    )
