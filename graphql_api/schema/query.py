"""The root type `Query`: the fields of all tables, of the feeds, and of the server."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import strawberry

from graphql_api.schema.declaration import TableDeclaration
from graphql_api.schema.feed import feed_query
from graphql_api.schema.log_declaration import LogDeclaration
from graphql_api.schema.server_field import ServerQuery


def query_type(
    tables: Sequence[TableDeclaration[Any]], logs: Sequence[LogDeclaration[Any]] = ()
) -> type:
    """`Query` for some tables."""
    bases = (
        *(table.query for table in tables),
        *(log.query for log in logs),
        feed_query(tables),
        ServerQuery,
    )
    return strawberry.type(
        type("Query", bases, {}), description="What there is now. Nothing here waits for changes."
    )
