"""The real schema, and the fields of the toy schema: `reference-server.mjs` has these by shape."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any

import strawberry
from graphql import Executor
from strawberry.extensions import SchemaExtension
from strawberry.schema.config import StrawberryConfig

from graphql_api.schema import APISchema, TableDeclaration
from graphql_api.schema.date_time import DATE_TIME
from graphql_api.schema.errors import CodeValidationErrors
from graphql_api.schema.log_declaration import LogDeclaration
from graphql_api.schema.root_types import query_type, subscription_type
from tests.toy_world import ToyMutation, ToyQuery, ToySubscription


def build_schema(
    tables: Sequence[TableDeclaration[Any]],
    *,
    logs: Sequence[LogDeclaration[Any]],
    extensions: Iterable[type[SchemaExtension] | Callable[[], SchemaExtension]],
    suggestions: bool,
    execution_context_class: type[Executor[Any]],
) -> APISchema:
    """The schema, to be served by the real application in the place of its own.

    It has no field of `logs`.
    """
    query = type("Query", (query_type(tables), ToyQuery), {})
    subscription = type("Subscription", (subscription_type(tables), ToySubscription), {})
    return APISchema(
        query=strawberry.type(query),
        mutation=ToyMutation,
        subscription=strawberry.type(subscription),
        config=StrawberryConfig(
            scalar_map={datetime: DATE_TIME}, disable_field_suggestions=not suggestions
        ),
        extensions=(CodeValidationErrors, *extensions),
        execution_context_class=execution_context_class,
    )
