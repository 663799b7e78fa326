"""The root type `Subscription`: the fields of all tables."""

from __future__ import annotations

from collections.abc import Iterable

import strawberry

from graphql_api.schema.table_schema import TableSchema


def subscription_type(schemas: Iterable[TableSchema]) -> type:
    """`Subscription` for some tables."""
    bases = tuple(schema.subscription for schema in schemas)
    return strawberry.type(
        type("Subscription", bases, {}),
        description="What there is now, and then every change as it happens.",
    )
