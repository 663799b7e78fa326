"""graphql-transport-ws over ASGI: the asyncio shell around `protocol`.

```
 GraphQLTransportWS ── one for each server
   └─ _Connection ──── one for each socket: reads frames, owns a task group
        └─ task ────── one for each operation
```

Whatever a socket holds ends with it, and before its handler returns: no task outlives it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import aclosing, suppress
from dataclasses import dataclass, replace
from typing import TypeAlias, assert_never

from graphql import GraphQLError, OperationType
from starlette.types import Message, Receive, Scope, Send
from strawberry.types import ExecutionResult

from graphql_api.schema import APISchema, Context
from graphql_api.schema.errors import INTERNAL
from graphql_api.transport import messages
from graphql_api.transport.documents import Documents
from graphql_api.transport.messages import SUBPROTOCOL
from graphql_api.transport.protocol import (
    Close,
    CloseCode,
    Connect,
    Operation,
    Protocol,
    Reply,
    Start,
    Stop,
)
from graphql_api.transport.request import Members, is_request_error, refusal

log = logging.getLogger(__name__)

MakeContext: TypeAlias = Callable[[], Context]
"""Makes the context of one operation; its `resume_from` is filled in afterwards."""

OnConnect: TypeAlias = Callable[[Scope, Members | None], Awaitable[MakeContext | None]]
"""Looks at the ASGI scope and the payload of `connection_init`, and tells what contexts the
operations of this client have; None, if it is not to be served."""

TOO_MANY_OPERATIONS = "TOO_MANY_OPERATIONS"


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much of the server one socket may use, and for how long.

    Attributes:
        connection_init_timeout_s: How long to wait for `connection_init`.
        max_subscriptions: How many subscriptions one socket may have at a time.
        max_queries: How many queries and mutations one socket may have at a time.
        max_since: How many cursors a `connection_init` may carry.
        close_timeout_s: How long to wait until the socket takes its last frame.
    """

    connection_init_timeout_s: float = 3.0
    max_subscriptions: int = 100
    max_queries: int = 100
    max_since: int = 1000
    close_timeout_s: float = 1.0


class GraphQLTransportWS:
    """An ASGI application that speaks graphql-transport-ws on every WebSocket it is given.

    Args:
        schema: What to execute operations on.
        make_context: Makes each operation's context, unless `on_connect` decides.
        limits: Of each socket.
        documents: The parsed documents; may be shared with others.
        on_connect: Decides whom to serve; everybody, if absent.
    """

    def __init__(
        self,
        schema: APISchema,
        make_context: MakeContext,
        *,
        limits: Limits | None = None,
        documents: Documents | None = None,
        on_connect: OnConnect | None = None,
    ) -> None:
        self._connections: set[_Connection] = set()
        self.schema = schema
        self.make_context = make_context
        self.limits = limits or Limits()
        self.documents = documents or Documents()
        self.on_connect = on_connect

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
        if SUBPROTOCOL not in scope["subprotocols"]:
            await send({"type": "websocket.accept"})
            reason = "Subprotocol not acceptable"
            code = CloseCode.SUBPROTOCOL_NOT_ACCEPTABLE
            await send({"type": "websocket.close", "code": code, "reason": reason})
            return
        await send({"type": "websocket.accept", "subprotocol": SUBPROTOCOL})
        connection = _Connection(self, scope, receive, send)
        self._connections.add(connection)
        try:
            await connection.run()
        finally:
            self._connections.discard(connection)


class _Connection:
    """One socket, from its acceptance to its end."""

    def __init__(
        self, server: GraphQLTransportWS, scope: Scope, receive: Receive, send: Send
    ) -> None:
        self._server = server
        self._scope = scope
        self._receive = receive
        self._send = send
        self._limits = server.limits
        self._protocol = Protocol(max_since=server.limits.max_since)
        self._make_context = server.make_context
        self._subscriptions: dict[Operation, asyncio.Task[None]] = {}
        self._queries: dict[Operation, asyncio.Task[None]] = {}
        self._tasks = asyncio.TaskGroup()

    @property
    def operations(self) -> int:
        """How many operations are being served."""
        return len(self._subscriptions) + len(self._queries)

    async def run(self) -> None:
        """Serve until the socket is closed, by whomever."""
        async with self._tasks:
            try:
                close = await self._read()
            except Exception:
                log.exception("a WebSocket connection ends with an internal error")
                close = self._protocol.close(
                    CloseCode.INTERNAL_SERVER_ERROR, "Internal server error"
                )
            finally:
                self._protocol.connection_lost()
                for task in (*self._subscriptions.values(), *self._queries.values()):
                    task.cancel()
            if close is not None:
                await self._close(close)

    async def _read(self) -> Close | None:
        """Do what the client asks for, until it has gone (None) or is to be sent away."""
        try:
            async with asyncio.timeout(self._limits.connection_init_timeout_s) as deadline:
                while True:
                    message = await self._receive()
                    if message["type"] == "websocket.disconnect":
                        return None
                    match self._take(message):
                        case None:
                            pass
                        case Reply(text):
                            await self._send_text(text)
                        case Start(operation):
                            await self._start(operation)
                        case Stop(operation):
                            self._stop(operation)
                        case Connect(payload):
                            deadline.reschedule(None)
                            if (close := await self._connect(payload)) is not None:
                                return close
                        case Close() as close:
                            return close
                        case other:
                            assert_never(other)
        except TimeoutError:
            return self._protocol.init_timeout()

    def _take(self, message: Message) -> Connect | Reply | Start | Stop | Close | None:
        text = message.get("text")
        if text is None:
            return self._protocol.receive_bytes()
        return self._protocol.receive_text(text)

    async def _connect(self, payload: Members | None) -> Close | None:
        if self._server.on_connect is not None:
            make_context = await self._server.on_connect(self._scope, payload)
            if make_context is None:
                return self._protocol.forbid()
            self._make_context = make_context
        await self._reply(self._protocol.acknowledge())
        return None

    async def _start(self, operation: Operation) -> None:
        """Begin to serve an operation whose id has been reserved."""
        try:
            definition = operation.request.operation(self._server.documents)
        except GraphQLError as error:
            await self._reply(self._protocol.error(operation, [error]))
            return
        if definition.operation is OperationType.SUBSCRIPTION:
            running, limit, kind = (
                self._subscriptions,
                self._limits.max_subscriptions,
                "subscriptions",
            )
        else:
            running, limit, kind = self._queries, self._limits.max_queries, "queries and mutations"
        if len(running) >= limit:
            text = f"this socket has {limit} {kind} already, and may not have more"
            await self._refuse(operation, text, TOO_MANY_OPERATIONS)
            return
        context = replace(self._make_context(), resume_from=operation.resume_from)
        task = self._tasks.create_task(
            self._serve(operation, context), name=f"operation {operation.id}"
        )
        running[operation] = task
        task.add_done_callback(lambda _: running.pop(operation, None))

    def _stop(self, operation: Operation) -> None:
        for running in (self._subscriptions, self._queries):
            task = running.pop(operation, None)
            if task is not None:
                task.cancel()

    async def _serve(self, operation: Operation, context: Context) -> None:
        """Execute an operation, and send what comes of it."""
        try:
            await self._execute(operation, context)
        except Exception:
            log.exception("an operation ends with an internal error")
            await self._refuse(operation, "Internal error", INTERNAL)

    async def _execute(self, operation: Operation, context: Context) -> None:
        request = operation.request
        results = await self._server.schema.stream(
            request.query,
            variable_values=request.variables,
            context_value=context,
            operation_name=request.operation_name,
            operation_extensions=request.extensions,
        )
        prefix = messages.next_prefix(operation.id)
        async with aclosing(results):
            async for result in results:
                assert isinstance(result, ExecutionResult), "no incremental delivery"
                if result.errors and is_request_error(result):
                    await self._reply(self._protocol.error(operation, result.errors))
                    return
                payload = messages.execution_result(result.data, result.errors, result.extensions)
                if self._protocol.is_active(operation):
                    await self._send_text(prefix + payload + messages.NEXT_SUFFIX)
        await self._reply(self._protocol.complete(operation))

    async def _refuse(self, operation: Operation, text: str, code: str) -> None:
        await self._reply(self._protocol.error(operation, [refusal(text, code)]))

    async def _reply(self, reply: Reply | None) -> None:
        if reply is not None:
            await self._send_text(reply.text)

    async def _send_text(self, text: bytes) -> None:
        with suppress(OSError):  # the client has gone, which the reader is about to be told
            await self._send({"type": "websocket.send", "text": text.decode()})

    async def _close(self, close: Close) -> None:
        message = {"type": "websocket.close", "code": int(close.code), "reason": close.reason}
        # TimeoutError is an OSError, too: the client has gone, or takes nothing any more.
        with suppress(OSError):
            async with asyncio.timeout(self._limits.close_timeout_s):
                await self._send(message)
