"""The root type `Mutation`: the fields of all tables that clients can write to."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import strawberry

from graphql_api.schema.declaration import TableDeclaration


def mutation_type(tables: Iterable[TableDeclaration[Any]]) -> type | None:
    """`Mutation` for some tables; None, if nothing can be written to them."""
    bases = tuple(table.mutation for table in tables if table.mutation is not None)
    if not bases:
        return None
    return strawberry.type(
        type("Mutation", bases, {}),
        description=(
            "Changes. Each is written before the next one begins, and returns when queries show "
            "it. Its field is null if there is an error: see `extensions.code`, and for "
            "BAD_USER_INPUT `extensions.problems`, which lists everything that is wrong. What "
            "would end the crawler's process is not written."
        ),
    )
