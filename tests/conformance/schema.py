"""The real schema, and some fields that end in every way in which an operation can.

`reference-server.mjs` has the same ones by shape.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from datetime import datetime
from typing import Any, cast

import strawberry
from graphql import Executor
from strawberry.extensions import SchemaExtension
from strawberry.schema.config import StrawberryConfig

from graphql_api.schema import APISchema, TableDeclaration
from graphql_api.schema.date_time import DATE_TIME
from graphql_api.schema.errors import CodeValidationErrors
from graphql_api.schema.log_declaration import LogDeclaration
from graphql_api.schema.query import query_type
from graphql_api.schema.subscription import subscription_type
from tests.toy_fields import SimpleMutation, SimpleQuery, SimpleSubscription


class Toys:
    """What the resolvers share with the test.

    Attributes:
        open: How many subscriptions and blocked queries their resolvers have not left.
        release: Set to let blocked queries go.
    """

    def __init__(self) -> None:
        self.open = 0
        self.release = asyncio.Event()


toys = Toys()


@strawberry.type
class ToyQuery(SimpleQuery):
    @strawberry.field
    async def blocked(self) -> str:
        toys.release = asyncio.Event()
        toys.open += 1
        try:
            await toys.release.wait()
        finally:
            toys.open -= 1
        return "done"


@strawberry.type
class Mutation(SimpleMutation):
    @strawberry.mutation
    def release(self) -> int:
        toys.release.set()
        return 1


@strawberry.type
class Odd:
    even: int
    number: strawberry.Private[int]

    @strawberry.field
    def value(self) -> int | None:
        if self.number % 2:
            raise RuntimeError("a secret")
        return self.number


@strawberry.type
class ToySubscription(SimpleSubscription):
    @strawberry.subscription
    async def silence(self) -> AsyncIterator[int]:
        toys.open += 1
        try:
            yield 0
            await asyncio.Event().wait()
        finally:
            toys.open -= 1

    @strawberry.subscription
    async def stumbles(self) -> AsyncIterator[int]:
        yield 1
        yield cast("int", "one")
        yield 2

    @strawberry.subscription
    async def odd(self) -> AsyncIterator[Odd]:
        for number in range(3):
            yield Odd(even=0, number=number)


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
        mutation=Mutation,
        subscription=strawberry.type(subscription),
        config=StrawberryConfig(
            scalar_map={datetime: DATE_TIME}, disable_field_suggestions=not suggestions
        ),
        extensions=(CodeValidationErrors, *extensions),
        execution_context_class=execution_context_class,
    )
