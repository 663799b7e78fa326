"""graphql-sse's single connection mode: many operations, one event stream.

```
 PUT                      ──▶ 201, a token          a reservation: expires if it is not used
 GET, token               ──▶ an event stream       one at a time
 POST, token, operationId ──▶ 202                   its results go into the stream
 DELETE, token, operationId ▶ 200                   the operation is stopped
```

The stream is a connection like a WebSocket: it has the same limits, and everything that it holds
ends with it. A token is known to one server only, so a proxy in front of several must send all
requests of a client to the same one. It is of use only with the access token that made it.

A server of graphql-sse takes operations before the stream is open, and keeps their results. This
one refuses them (409), for such results would have no limit. Clients open the stream first.

Source: PROTOCOL.md of github.com/enisdenjo/graphql-sse, "Single connection mode".
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Coroutine, Hashable, Sequence
from dataclasses import replace
from typing import Any, Final, NamedTuple
from urllib.parse import parse_qsl

from graphql import GraphQLError
from starlette.datastructures import Headers
from starlette.types import Scope

from graphql_api.auth.principal import Principal
from graphql_api.documents.request import Request
from graphql_api.execution import result_json
from graphql_api.execution.responder import Framing
from graphql_api.limits.client_limits import ClientLimits
from graphql_api.limits.cpu_budget import ClientBudget
from graphql_api.limits.token_bucket import RATE_LIMITED
from graphql_api.protocols import sse
from graphql_api.protocols.backend import Backend
from graphql_api.protocols.connection_operations import ConnectionOperations
from graphql_api.protocols.event_stream import EventStreams
from graphql_api.protocols.graphql_transport_ws import Start
from graphql_api.protocols.http_request import RefusedError
from graphql_api.protocols.messages import MAX_ID_CHARS
from graphql_api.protocols.operation_ids import Operation, OperationIds
from graphql_api.protocols.stream_response import Exchange, StreamResponse

RESERVED_S: Final = 30.0
"""How long a reservation may wait for its stream."""
MAX_RESERVATIONS: Final = 1000
"""How many may wait at a time."""
MAX_RESERVATIONS_PER_CLIENT: Final = MAX_RESERVATIONS // 4
"""How many of one address may: it leaves some for the others."""

_HEADER: Final = "x-graphql-event-stream-token"


def stream_token(scope: Scope, headers: Headers) -> str | None:
    """The token of a stream that a request names, if it does."""
    return headers.get(_HEADER) or _parameter(scope, "token")


def _parameter(scope: Scope, name: str) -> str | None:
    query = scope.get("query_string", b"").decode("latin-1")
    return dict(parse_qsl(query, keep_blank_values=True)).get(name)


class _Reservation(NamedTuple):
    """A token that waits for its stream."""

    principal: Principal
    address: Hashable | None
    at_s: float


class SingleConnections:
    """The reservations and the streams of one server.

    Args:
        backend: What stands behind them.
        streams: Counts the streams that are open, and ends them.
        limits: Of the operations of one stream.
    """

    def __init__(
        self,
        backend: Backend,
        streams: EventStreams,
        limits: ClientLimits,
    ) -> None:
        self._backend = backend
        self._streams = streams
        self._limits = limits
        # In order: the oldest reservation expires first.
        self._reserved: dict[str, _Reservation] = {}
        self._open: dict[str, SingleConnection] = {}

    @property
    def reservations(self) -> int:
        """How many reservations wait for their streams."""
        self._expire()
        return len(self._reserved)

    def reserve(self, principal: Principal, address: Hashable | None = None) -> str:
        """A token for a client's stream.

        Args:
            principal: The client.
            address: What stands for its address; None, if that has no limits.

        Raises:
            RefusedError: There are too many, or this server shuts down.
        """
        self._streams.refuse_if_draining()
        count = self.reservations
        if address is not None:
            own = sum(reserved.address == address for reserved in self._reserved.values())
            if own >= MAX_RESERVATIONS_PER_CLIENT:
                text = f"{own} reservations of this address wait already: open their streams first"
                raise RefusedError(429, text, code=RATE_LIMITED, headers={"retry-after": "5"})
        if count >= MAX_RESERVATIONS:
            text = f"there are {MAX_RESERVATIONS} reservations already; try again later"
            raise RefusedError(503, text, headers={"retry-after": "5"})
        token = secrets.token_urlsafe(24)
        self._reserved[token] = _Reservation(principal, address, self._backend.clock())
        return token

    async def serve(
        self, token: str, principal: Principal, budget: ClientBudget, exchange: Exchange
    ) -> None:
        """Answer a request by the stream that was reserved, until its client has gone.

        Raises:
            RefusedError: There is no such reservation, its stream is open already, or this server
                shuts down.
        """
        self._streams.refuse_if_draining()
        if not self._is_reserved(token, principal):
            self.find(token, principal)
            raise RefusedError(409, "the event stream of this token is open already")
        del self._reserved[token]
        response = StreamResponse(exchange, sse.FORMAT, self._streams.limits)
        stream = SingleConnection(self._backend, self._limits, response, principal, budget)
        self._open[token] = stream
        try:
            with self._streams.held(stream, principal):
                await response.start()
                await response.run(stream.serve)
        finally:
            del self._open[token]

    def find(self, token: str, principal: Principal) -> SingleConnection:
        """The open stream with a token.

        Raises:
            RefusedError: There is none, or it is another client's.
        """
        stream = self._open.get(token)
        if stream is not None and stream.principal == principal:
            return stream
        if self._is_reserved(token, principal):
            raise RefusedError(409, "open the event stream of this token first")
        raise RefusedError(404, "there is no event stream with this token")

    def _is_reserved(self, token: str, principal: Principal) -> bool:
        self._expire()
        reserved = self._reserved.get(token)
        return reserved is not None and reserved.principal == principal

    def _expire(self) -> None:
        ends_at_s = self._backend.clock() - RESERVED_S
        while self._reserved:
            token, reserved = next(iter(self._reserved.items()))
            if reserved.at_s > ends_at_s:
                return
            del self._reserved[token]


def operation_id(request: Request) -> str:
    """By which id a client asks for the results of a request.

    Raises:
        RefusedError: It names none.
    """
    return _checked((request.extensions or {}).get("operationId"), "extensions.operationId")


def stopped_id(scope: Scope) -> str:
    """The id of the operation that a request stops.

    Raises:
        RefusedError: It names none.
    """
    return _checked(_parameter(scope, "operationId"), "operationId")


def _checked(id_: object, name: str) -> str:
    if not isinstance(id_, str) or not 0 < len(id_) <= MAX_ID_CHARS:
        raise RefusedError(400, f"{name} is not a text of 1 to {MAX_ID_CHARS} characters")
    return id_


class SingleConnection:
    """One event stream with the operations of one client.

    Args:
        backend: What stands behind it.
        limits: Of its operations.
        response: The stream.
        principal: The client.
        budget: What its operations are charged to.
    """

    def __init__(
        self,
        backend: Backend,
        limits: ClientLimits,
        response: StreamResponse,
        principal: Principal,
        budget: ClientBudget,
    ) -> None:
        self._tasks: asyncio.TaskGroup | None = None
        self._ids = _StreamIds()
        self._operations = ConnectionOperations(backend, limits, self._ids, response.sink, budget)
        self.response = response
        self.principal = principal

    def bookmark(self) -> None:
        """Send each subscription that is not behind the newest cursor."""
        self._operations.bookmark()

    def serve(self, tasks: asyncio.TaskGroup) -> Callable[[], object]:
        """Accept operations until the function that this returns is called."""
        self._tasks = tasks
        return self._stop_all

    def _stop_all(self) -> None:
        self._tasks = None
        self._ids.clear()
        self._operations.stop_all()

    async def begin(self, id_: str, request: Request, length: int) -> None:
        """Begin an operation, whose results go into the stream.

        Args:
            id_: The client's name for it.
            request: What it asks for.
            length: How long its request was.

        Raises:
            RefusedError: The id is in use, or the stream is over.
        """
        tasks = self._tasks
        if tasks is None or self.response.is_over:
            raise RefusedError(404, "the event stream of this token is over")
        operation = self._ids.reserve(id_, length)
        if operation is None:
            raise RefusedError(409, f"an operation with this id is running: {id_!r}")
        # Equal subscriptions share their results, whatever their ids.
        extensions = {k: v for k, v in (request.extensions or {}).items() if k != "operationId"}
        start = Start(operation, replace(request, extensions=extensions or None), None)

        def create_task(work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
            return tasks.create_task(work, name=name)

        await self._operations.begin(start, self.principal, create_task)

    def stop(self, id_: str) -> None:
        """Stop an operation, if it is running."""
        operation = self._ids.release(id_)
        if operation is not None:
            self._operations.stop(operation)


class _StreamIds(OperationIds):
    """The ids in use on one event stream."""

    connection = "event stream"

    def framing(self, operation: Operation) -> Framing:
        return sse.framing_of(operation.id)

    def _failure(self, id_: str, errors: Sequence[GraphQLError]) -> bytes:
        framing = sse.framing_of(id_)
        result = framing.prefix + result_json.errors(errors) + framing.suffix
        return result + sse.complete_of(id_)

    def _completion(self, id_: str) -> bytes:
        return sse.complete_of(id_)
