"""The root type `Subscription`: the fields of all tables."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import strawberry

from graphql_api.schema.declaration import TableDeclaration
from graphql_api.schema.log_declaration import LogDeclaration


def subscription_type(
    tables: Iterable[TableDeclaration[Any]], logs: Iterable[LogDeclaration[Any]] = ()
) -> type:
    """`Subscription` for some tables."""
    bases = (*(table.subscription for table in tables), *(log.subscription for log in logs))
    return strawberry.type(
        type("Subscription", bases, {}),
        description="What there is now, and then every change as it happens.",
    )
