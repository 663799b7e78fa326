"""The root types `Query`, `Mutation` and `Subscription`: the fields of all tables together."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import strawberry

from graphql_api.schema.declaration import TableDeclaration
from graphql_api.schema.feed import feed_query
from graphql_api.schema.log_declaration import LogDeclaration
from graphql_api.schema.server_field import ServerQuery


def query_type(
    tables: Sequence[TableDeclaration[Any]], logs: Iterable[LogDeclaration[Any]] = ()
) -> type:
    """`Query` for some tables: their fields, and those of the feeds and of the server."""
    bases = (
        *(table.query for table in tables),
        *(log.query for log in logs),
        feed_query(tables),
        ServerQuery,
    )
    return _merged("Query", bases, "What there is now. Nothing here waits for changes.")


def mutation_type(tables: Iterable[TableDeclaration[Any]]) -> type | None:
    """`Mutation` for some tables; None, if nothing can be written to them."""
    bases = tuple(table.mutation for table in tables if table.mutation is not None)
    if not bases:
        return None
    return _merged(
        "Mutation",
        bases,
        "Changes. Each is written before the next one begins, and returns when queries show it. "
        "Its field is null if there is an error: see `extensions.code`, and for BAD_USER_INPUT "
        "`extensions.problems`, which lists everything that is wrong. What would end the crawler's "
        "process is not written.",
    )


def subscription_type(
    tables: Iterable[TableDeclaration[Any]], logs: Iterable[LogDeclaration[Any]] = ()
) -> type:
    """`Subscription` for some tables."""
    bases = (*(table.subscription for table in tables), *(log.subscription for log in logs))
    description = "What there is now, and then every change as it happens."
    return _merged("Subscription", bases, description)


def _merged(name: str, bases: tuple[type, ...], description: str) -> type:
    return strawberry.type(type(name, bases, {}), description=description)
