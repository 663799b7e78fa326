"""Sinks that remember what they were given, and subscriptions of the toy schema that use them."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from graphql import GraphQLError

from graphql_api.documents.documents import Documents
from graphql_api.documents.request import Request
from graphql_api.execution.broadcaster import Broadcaster
from graphql_api.execution.group import Member
from graphql_api.execution.operation import GraphQLEncoder, SubscriptionExecution
from graphql_api.execution.parts import Parts, parts_of
from graphql_api.execution.responder import Framing
from graphql_api.feeds.subscription import EventSource
from graphql_api.limits.cpu_budget import ClientBudget
from graphql_api.protocols import messages
from graphql_api.schema import APISchema, Context
from tests.toy_world import SCHEMA


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
    while len(broadcaster.scheduler):
        await broadcaster.scheduler.round()
