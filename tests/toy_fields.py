"""Root fields of toy schemas that end in the usual ways: with a value, an error, or a refusal."""

from __future__ import annotations

from collections.abc import AsyncIterator

import strawberry

from graphql_api.errors import BadCursorError


@strawberry.type
class SimpleQuery:
    @strawberry.field
    def hello(self, name: str = "world") -> str:
        return f"hello {name}"

    @strawberry.field
    def secret(self) -> str:
        raise RuntimeError("a secret")

    @strawberry.field
    def perhaps(self) -> str | None:
        raise RuntimeError("a secret")

    @strawberry.field
    def large(self, size: int) -> str:
        return "x" * size


@strawberry.type
class SimpleMutation:
    @strawberry.mutation
    def set(self, value: int) -> int:
        return value


@strawberry.type
class SimpleSubscription:
    @strawberry.subscription
    async def count(self, to: int = 3) -> AsyncIterator[int]:
        for i in range(to):
            yield i

    @strawberry.subscription
    async def breaks(self) -> AsyncIterator[int]:
        yield 1
        raise RuntimeError("a secret")

    @strawberry.subscription
    def refused(self) -> AsyncIterator[int]:
        raise BadCursorError("no cursor of this server")
