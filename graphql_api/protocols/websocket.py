"""WebSockets over ASGI, of one protocol each: graphql-transport-ws, or Starbelly's.

```
 WebSockets ───────────── one for each protocol of a server: owns the tasks
   └─ WebSocketConnection ── one for each socket
        ├─ task ───────── one while there are messages to handle
        └─ ConnectionOperations
             ├─ task ──── one for each query and mutation, and for each subscription until it stands
             └─ Member ── one for each subscription to a feed: no task, see `broadcaster`
```

Whatever a socket holds ends with it: no task outlives it by more than its own clean-up.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Self, TypeAlias

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from graphql_api.execution.sink import EXTENSION
from graphql_api.limits.client_limits import ClientLimits
from graphql_api.protocols.backend import Backend
from graphql_api.protocols.graphql_transport_ws import CloseCode
from graphql_api.protocols.messages import SUBPROTOCOL
from graphql_api.protocols.socket_connection import AcceptedSocket, SocketConnection
from graphql_api.protocols.websocket_connection import WebSocketConnection
from graphql_api.server.receiver import WebSocketSink

Connect: TypeAlias = Callable[[AcceptedSocket], SocketConnection]
"""Makes the connection of a WebSocket."""


class WebSockets:
    """An ASGI application that speaks one protocol on every WebSocket it is given.

    An async context manager, which the application's lifespan enters: it owns the sockets' tasks.

    Args:
        backend: What stands behind it.
        limits: Of each socket.
        subprotocol: What the protocol is called in handshakes.
        connect: Makes a connection that speaks it.
    """

    def __init__(
        self,
        backend: Backend,
        *,
        limits: ClientLimits | None = None,
        subprotocol: str,
        connect: Connect,
    ) -> None:
        # In order: a shutdown closes the oldest first.
        self._connections: dict[SocketConnection, None] = {}
        self._subprotocol = subprotocol
        self._connect = connect
        self._is_draining = False
        self._empty = asyncio.Event()
        self._backend = backend
        self._tasks = asyncio.TaskGroup()
        self.limits = limits or ClientLimits()

    async def __aenter__(self) -> Self:
        await self._tasks.__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for connection in [*self._connections]:
            connection.abort()
        await self._tasks.__aexit__(kind, error, traceback)

    @property
    def connections(self) -> int:
        """How many sockets are open."""
        return len(self._connections)

    @property
    def operations(self) -> int:
        """How many operations are being served."""
        return sum(connection.operations for connection in self._connections)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Accept one WebSocket, as an ASGI application."""
        await receive()  # websocket.connect
        if self._is_draining:
            await Response(status_code=503)(scope, receive, send)
            return
        is_ours = self._subprotocol in scope.get("subprotocols", ())
        subprotocol = self._subprotocol if is_ours else None
        await send({"type": "websocket.accept", "subprotocol": subprotocol})
        extension = scope["extensions"][EXTENSION]
        extension["attach"](self._connected(scope, extension["sink"]))

    def _connected(self, scope: Scope, sink: WebSocketSink) -> SocketConnection:
        accepted = AcceptedSocket(
            backend=self._backend,
            limits=self.limits,
            scope=scope,
            sink=sink,
            tasks=self._tasks,
            on_end=self._forget,
        )
        connection = self._connect(accepted)
        self._connections[connection] = None
        connection.begin()
        return connection

    def _forget(self, connection: SocketConnection) -> None:
        self._connections.pop(connection, None)
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

        Each subscription that is not behind is sent the newest cursor before, with which its client
        can go on at another server.

        All are gone after `spread_s` and the time in which a socket has to take its last frame.

        Args:
            code: The close code that clients receive.
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
            connection.bookmark()
            connection.close(code, reason)
        # Connections that have begun while this was waiting.
        for connection in [*self._connections]:
            connection.close(code, reason)
        if self._connections:
            self._empty.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(2 * self.limits.close_timeout_s):
                    await self._empty.wait()


class GraphQLTransportWS(WebSockets):
    """An ASGI application that speaks graphql-transport-ws on every WebSocket it is given.

    Args:
        backend: What stands behind it.
        limits: Of each socket.
    """

    def __init__(self, backend: Backend, *, limits: ClientLimits | None = None) -> None:
        super().__init__(
            backend, limits=limits, subprotocol=SUBPROTOCOL, connect=WebSocketConnection
        )
