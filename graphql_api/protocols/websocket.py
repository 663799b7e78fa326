"""graphql-transport-ws over ASGI: the asyncio shell around `graphql_transport_ws`.

```
 GraphQLTransportWS ── one for each server
   └─ Connection ───── one for each socket: reads frames, owns a task group
        ├─ task ────── one for each query and mutation, and for each subscription until it stands
        └─ Member ──── one for each subscription to a feed: no task, see `broadcaster`
```

Whatever a socket holds ends with it, and before its handler returns: no task outlives it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Protocol, Self, TypeAlias

from starlette.types import Receive, Scope, Send

from graphql_api.auth.authenticator import Access, Hold, OnEnd
from graphql_api.auth.principal import Principal
from graphql_api.documents.documents import Documents
from graphql_api.documents.request import Members
from graphql_api.execution.broadcaster import FanOut
from graphql_api.execution.sink import WRITE_BUFFER_BYTES
from graphql_api.limits.cpu_budget import CPUBudgets
from graphql_api.protocols.graphql_transport_ws import CloseCode
from graphql_api.protocols.websocket_connection import Connection
from graphql_api.schema import APISchema, Context

MakeContext: TypeAlias = Callable[[Principal], Context]
"""Makes the context of one operation of a client; its `resume_from` is filled in afterwards."""


class Gate(Protocol):
    """Decides whom to serve, and for how long; `Access` does."""

    async def admit(self, scope: Scope, payload: Members | None) -> Principal:
        """The client, by the ASGI scope of its handshake and the payload of `connection_init`.

        Raises:
            UnauthenticatedError: It is not to be served.
        """

    def hold(self, principal: Principal, on_end: OnEnd) -> Hold:
        """Have `on_end` called as soon as the client is not to be served any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much of the server one socket may use, and for how long.

    Attributes:
        connection_init_timeout_s: How long to wait for `connection_init`.
        max_subscriptions: How many subscriptions one socket may have at a time.
        max_queries: How many queries and mutations one socket may have at a time.
        max_held_chars: How many characters the messages may have together that began the operations
            of one socket; that much of them is kept, for as long as they run.
        max_operations_per_s: How many operations one socket may begin in a second, in the long run.
        operation_burst: How many at once, after a pause.
        max_since: How many cursors a `connection_init` may carry.
        close_timeout_s: How long to wait until the socket takes its last frame.
        send_timeout_s: How long a client may take nothing, on a server without outlets; on others
            the outlet's own limit counts.
        write_buffer_bytes: How much may wait for a client before it is not writable, the same.
    """

    connection_init_timeout_s: float = 3.0
    max_subscriptions: int = 100
    max_queries: int = 100
    max_held_chars: int = 1_048_576
    max_operations_per_s: float = 100.0
    operation_burst: float = 200.0
    max_since: int = 1000
    close_timeout_s: float = 1.0
    send_timeout_s: float = 10.0
    write_buffer_bytes: int = WRITE_BUFFER_BYTES


class GraphQLTransportWS:
    """An ASGI application that speaks graphql-transport-ws on every WebSocket it is given.

    It is to be entered as an async context manager by the application's lifespan, which so owns
    the tasks that belong to no socket.

    Args:
        schema: What to execute operations on.
        make_context: Makes each operation's context.
        limits: Of each socket.
        documents: The parsed documents; may be shared with others.
        fan_out: What serves subscriptions to feeds.
        gate: Decides whom to serve; everybody, if absent.
        budgets: How much of the processor each client may use.
        clock: Tells the time, in seconds, for durations.
    """

    def __init__(
        self,
        schema: APISchema,
        make_context: MakeContext,
        *,
        limits: Limits | None = None,
        documents: Documents | None = None,
        fan_out: FanOut | None = None,
        gate: Gate | None = None,
        budgets: CPUBudgets | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        # In order: a shutdown closes the oldest first.
        self._connections: dict[Connection, None] = {}
        self._is_draining = False
        self._empty = asyncio.Event()
        self.schema = schema
        self.make_context = make_context
        self.limits = limits or Limits()
        self.documents = Documents() if documents is None else documents
        self.fan_out = FanOut() if fan_out is None else fan_out
        self.gate = Access() if gate is None else gate
        self.budgets = CPUBudgets() if budgets is None else budgets
        self.clock = clock

    async def __aenter__(self) -> Self:
        await self.fan_out.__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.fan_out.__aexit__(kind, error, traceback)

    @property
    def connections(self) -> int:
        """How many sockets are open."""
        return len(self._connections)

    @property
    def operations(self) -> int:
        """How many operations are being served."""
        return sum(connection.operations for connection in self._connections)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one WebSocket until it is closed, as ASGI has it."""
        await receive()  # websocket.connect
        if self._is_draining:
            await _refuse_handshake(scope, send)
            return
        connection = Connection(self, scope, receive, send)
        self._connections[connection] = None
        try:
            await connection.run()
        finally:
            del self._connections[connection]
            if not self._connections:
                self._empty.set()

    async def close_all(
        self,
        *,
        code: int = CloseCode.SERVICE_RESTART,
        reason: str = "Service restart",
        spread_s: float = 0.0,
    ) -> None:
        """Accept no more sockets, and close those that are open, one after the other.

        All are gone after `spread_s` and the time in which a socket has to take its last frame.

        Args:
            code: Why, as clients are told.
            reason: The same in words.
            spread_s: Over what time, that clients do not all come back at once.
        """
        self._is_draining = True
        loop = asyncio.get_running_loop()
        started_at_s = loop.time()
        connections = [*self._connections]
        for i, connection in enumerate(connections):
            due_at_s = started_at_s + spread_s * i / len(connections)
            await asyncio.sleep(max(0.0, due_at_s - loop.time()))
            connection.close(code, reason)
        # Whoever has been let in while this was waiting.
        for connection in [*self._connections]:
            connection.close(code, reason)
        if self._connections:
            self._empty.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(2 * self.limits.close_timeout_s):
                    await self._empty.wait()


async def _refuse_handshake(scope: Scope, send: Send) -> None:
    """Say that this server is about to end, if the ASGI server can say anything but 403."""
    if "websocket.http.response" not in (scope.get("extensions") or {}):
        await send({"type": "websocket.close"})
        return
    headers = [(b"content-length", b"0")]
    await send({"type": "websocket.http.response.start", "status": 503, "headers": headers})
    await send({"type": "websocket.http.response.body", "body": b""})
