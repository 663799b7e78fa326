"""A toy schema: root fields that end in each way in which an operation can, and a shared source."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any, cast

import strawberry

from graphql_api.errors import BadCursorError
from graphql_api.feeds.feeds import Feeds
from graphql_api.feeds.subscription import EventSource
from graphql_api.feeds.view import Event
from graphql_api.schema import APISchema, Context
from graphql_api.schema.context import Info
from graphql_api.schema.errors import CodeValidationErrors
from graphql_api.scopes import ALL_SCOPES, Scope
from tests.no_store import NoStore
from tests.server.client import WAIT_S


class Topic:
    """Gives the same events to all who subscribe to it.

    Attributes:
        sources: Those that are open.
        go: Lets the field `slow` end.
        slow_calls: How often that has begun.
    """

    def __init__(self) -> None:
        self.sources: list[ToySource] = []
        self.go = asyncio.Event()
        self.slow_calls = 0

    def publish(self, *values: object) -> None:
        events = [Event(value) for value in values]
        for source in self.sources:
            source.put(*events)


class ToySource(EventSource[Any], AsyncIterator[Any]):
    """Events that a test puts; an async iterator, too, as resolvers must return one."""

    def __init__(self, topic: Topic) -> None:
        self._topic = topic
        self._events: deque[Event[Any]] = deque()
        self._callback: Callable[[], None] | None = None
        self.failure: Exception | None = None
        topic.sources.append(self)

    def put(self, *events: Event[Any]) -> None:
        self._events.extend(events)
        if self._callback is not None:
            self._callback()

    def pull(self) -> Event[Any] | None:
        if self.failure is not None:
            raise self.failure
        return self._events.popleft() if self._events else None

    def on_wake(self, callback: Callable[[], None] | None) -> None:
        self._callback = callback

    def close(self) -> None:
        self._topic.sources.remove(self)

    async def __anext__(self) -> Any:
        raise NotImplementedError


class Toys:
    """What the resolvers share with the test.

    Attributes:
        open: How many subscriptions their resolvers have not left.
        blocked: How many queries are waiting for `go`.
        topic: The shared source of `rows`.
    """

    def __init__(self) -> None:
        self.open = 0
        self.blocked = 0
        self.topic = Topic()
        self.go = asyncio.Event()

    async def wait_for(self, predicate: Callable[[], bool]) -> None:
        """Wait until something is so; looks again whenever the event loop has had a turn."""
        async with asyncio.timeout(WAIT_S):
            while not predicate():
                await asyncio.sleep(0)


class _Place:
    """Where resolvers find the toys of the test that runs: they have no other way to them."""

    toys = Toys()


def current_toys() -> Toys:
    """The toys of the test that runs."""
    return _Place.toys


def new_toys() -> Toys:
    """Toys that resolvers use from now on."""
    _Place.toys = Toys()
    return _Place.toys


@dataclass(frozen=True, kw_only=True)
class ToyContext(Context):
    """A context with a topic of its own."""

    topic: Topic


def context(topic: Topic, scopes: frozenset[Scope] = ALL_SCOPES) -> ToyContext:
    feeds = Feeds((), lambda _: None)  # type: ignore[arg-type, return-value]
    return ToyContext(feeds, NoStore(), feed_wait_s=1, scopes=scopes, topic=topic)


@strawberry.type
class Row:
    value: int
    text: str = ""

    @strawberry.field
    async def slow(self, info: strawberry.Info[ToyContext, None]) -> int:
        info.context.topic.slow_calls += 1
        await info.context.topic.go.wait()
        return self.value

    @strawberry.field
    def bad(self) -> int:
        raise RuntimeError("a secret")


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
class ToyQuery:
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

    @strawberry.field
    async def blocked(self) -> str:
        toys = current_toys()
        if not toys.blocked:
            toys.go = asyncio.Event()  # of this event loop
        toys.blocked += 1
        try:
            await toys.go.wait()
        finally:
            toys.blocked -= 1
        return "done"


@strawberry.type
class ToyMutation:
    @strawberry.mutation
    def set(self, value: int) -> int:
        return value

    @strawberry.mutation
    def release(self) -> int:
        current_toys().go.set()
        return 1


@strawberry.type
class ToySubscription:
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

    @strawberry.subscription
    async def silence(self) -> AsyncIterator[int]:
        toys = current_toys()
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


@strawberry.type
class Subscription(ToySubscription):
    @strawberry.subscription
    def rows(
        self, info: Info, since: str | None = None, where: int | None = None
    ) -> AsyncIterator[Row]:
        found = info.context
        return ToySource(found.topic if isinstance(found, ToyContext) else current_toys().topic)

    @strawberry.subscription
    async def flood(self, size: int) -> AsyncIterator[str]:
        toys = current_toys()
        toys.open += 1
        try:
            while True:
                yield "x" * size
                await asyncio.sleep(0)
        finally:
            toys.open -= 1

    @strawberry.subscription
    async def resumed(self, info: Info, since: str | None = None) -> AsyncIterator[str]:
        yield f"from {info.context.resume_from or since}"

    @strawberry.subscription
    def fails(self) -> AsyncIterator[int]:
        raise RuntimeError("a secret")


SCHEMA = APISchema(
    query=ToyQuery,
    mutation=ToyMutation,
    subscription=Subscription,
    extensions=[CodeValidationErrors],
)
