"""A toy subscription whose source is shared, and sinks that remember what they were given."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import strawberry
from graphql import GraphQLError

from graphql_api.documents.documents import Documents
from graphql_api.documents.request import Request
from graphql_api.execution.broadcaster import Broadcaster
from graphql_api.execution.group import Member
from graphql_api.execution.operation import GraphQLEncoder, SubscriptionExecution
from graphql_api.execution.parts import Parts, parts_of
from graphql_api.execution.responder import Framing
from graphql_api.feeds.feeds import Feeds
from graphql_api.feeds.subscription import EventSource
from graphql_api.feeds.view import Event
from graphql_api.limits.cpu_budget import ClientBudget
from graphql_api.protocols import messages
from graphql_api.schema import APISchema, Context
from graphql_api.schema.context import Info
from graphql_api.schema.errors import CodeValidationErrors
from graphql_api.scopes import ALL_SCOPES, Scope
from tests.no_store import NoStore


@dataclass(frozen=True, kw_only=True)
class ToyContext(Context):
    """A context with what the toy resolvers need."""

    topic: Topic


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


@strawberry.type
class Row:
    value: int

    @strawberry.field
    async def slow(self, info: strawberry.Info[ToyContext, None]) -> int:
        info.context.topic.slow_calls += 1
        await info.context.topic.go.wait()
        return self.value

    @strawberry.field
    def bad(self) -> int:
        raise RuntimeError("a secret")


@strawberry.type
class Query:
    nothing: int = 0


@strawberry.type
class Subscription:
    @strawberry.subscription
    def rows(
        self, info: Info, since: str | None = None, where: int | None = None
    ) -> AsyncIterator[Row]:
        assert isinstance(info.context, ToyContext)
        return ToySource(info.context.topic)


SCHEMA = APISchema(query=Query, subscription=Subscription, extensions=[CodeValidationErrors])


def context(topic: Topic, scopes: frozenset[Scope] = ALL_SCOPES) -> ToyContext:
    feeds = Feeds((), lambda _: None)  # type: ignore[arg-type, return-value]
    return ToyContext(feeds, NoStore(), feed_wait_s=1, scopes=scopes, topic=topic)


@dataclass
class FakeSink:
    """Remembers frames; a test says whether there is room."""

    room: bool = True
    is_closed: bool = False
    frames: list[bytes] = field(default_factory=list)
    writes: int = 0
    lost_because: str = ""
    _callbacks: list[Callable[[], None]] = field(default_factory=list)

    @property
    def is_writable(self) -> bool:
        return self.room and not self.is_closed

    @property
    def unsent_bytes(self) -> int:
        return 0 if self.room else len(self.frames[-1])

    def on_writable(self, callback: Callable[[], None]) -> None:
        self._callbacks.append(callback)

    def write_text(self, text: bytes) -> None:
        self.frames.append(text)
        self.writes += 1

    def write_texts(self, prefix: bytes, middles: Sequence[bytes | Parts], suffix: bytes) -> None:
        self.frames += [b"".join((prefix, *parts_of(middle), suffix)) for middle in middles]
        self.writes += 1

    async def flush(self) -> None: ...

    def abort(self) -> None:
        self.is_closed = True

    def make_room(self) -> None:
        self.room = True
        callbacks, self._callbacks = self._callbacks, []
        for callback in callbacks:
            callback()

    @property
    def messages(self) -> list[Any]:
        return [json.loads(frame) for frame in self.frames]

    @property
    def data(self) -> list[Any]:
        return [message["payload"]["data"] for message in self.messages]


@dataclass
class FakeResponder:
    """Sends to a sink, and remembers why it failed."""

    sink: FakeSink
    framing: Framing
    budget: ClientBudget | None = None
    failures: list[GraphQLError] = field(default_factory=list)

    def next(self, payload: bytes) -> None:
        self.sink.write_text(self.framing.prefix + payload + self.framing.suffix)

    def fail(self, errors: Sequence[GraphQLError]) -> None:
        self.failures += errors

    def complete(self) -> None:
        raise NotImplementedError("a source of events has no end")


DOCUMENTS = Documents()


async def join(
    broadcaster: Broadcaster,
    context: Context,
    sink: FakeSink,
    query: str = "subscription { rows { value } }",
    *,
    schema: APISchema = SCHEMA,
    id_: str = "a",
    framing: Framing | None = None,
    failures: list[GraphQLError] | None = None,
    budget: ClientBudget | None = None,
    on_leave: Callable[[], None] | None = None,
    **variables: Any,
) -> Member:
    """Subscribe as a connection does."""
    request = Request(query, variables=variables)
    document, _ = request.operation(DOCUMENTS)
    execution = SubscriptionExecution(schema, request, document, context)
    source = await execution.subscribe()
    assert isinstance(source, EventSource)
    framing = framing or Framing(messages.next_prefix(id_), messages.NEXT_SUFFIX)
    responder = FakeResponder(sink, framing, budget, [] if failures is None else failures)
    encoder = GraphQLEncoder(execution, broadcaster.traffic)
    return broadcaster.join(encoder, source, responder, on_leave=on_leave)


async def served(broadcaster: Broadcaster) -> None:
    """Wait until there is nothing left to serve."""
    while broadcaster.scheduler._ready:
        await broadcaster.scheduler.round()
