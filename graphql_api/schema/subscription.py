"""The root type `Subscription`: the fields of all tables."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import strawberry

from graphql_api.schema.declaration import TableDeclaration


def subscription_type(tables: Iterable[TableDeclaration[Any]]) -> type:
    """`Subscription` for some tables."""
    bases = tuple(table.subscription for table in tables)
    return strawberry.type(
        type("Subscription", bases, {}),
        description="What there is now, and then every change as it happens.",
    )
