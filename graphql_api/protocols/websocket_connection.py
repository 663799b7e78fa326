"""One WebSocket connection of graphql-transport-ws, from its handshake to its end."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, assert_never

from graphql import GraphQLError, OperationType
from starlette.types import Scope

from graphql_api.auth.authenticator import Session
from graphql_api.documents.request import Members, Request, refusal
from graphql_api.errors import OverBudgetError, UnauthenticatedError
from graphql_api.execution.encoder import RequestError
from graphql_api.execution.responder import Framing
from graphql_api.execution.runner import Asked, Results
from graphql_api.execution.sink import Sink, writable
from graphql_api.limits.cpu_budget import ClientBudget, charged
from graphql_api.limits.rate_limit import RATE_LIMITED, TokenBucket, rate_limit_text
from graphql_api.protocols import messages
from graphql_api.protocols.backend import Backend
from graphql_api.protocols.graphql_transport_ws import (
    Action,
    Close,
    CloseCode,
    Connect,
    Operation,
    Reply,
    ServerProtocol,
    Start,
    Stop,
)
from graphql_api.protocols.messages import SUBPROTOCOL
from graphql_api.protocols.websocket_limits import WebSocketLimits
from graphql_api.schema.errors import internal_error
from graphql_api.server.receiver import LongText, Message, WebSocketSink

log = logging.getLogger(__name__)

TOO_MANY_OPERATIONS = "TOO_MANY_OPERATIONS"


class WebSocketConnection:
    """One WebSocket connection, from its handshake to its end.

    It is what the socket's server gives messages to. A task handles them while there are any; an
    idle socket has none.

    Args:
        backend: What stands behind it.
        limits: What it may use.
        scope: The handshake's, as ASGI has it.
        sink: The server's side of the socket, whose handshake has been accepted.
        tasks: Own the tasks of the socket.
        on_end: Called once nothing of the socket is left.
    """

    __slots__ = (
        "_backend",
        "_began_at_s",
        "_client",
        "_init_timer",
        "_is_ending",
        "_is_lost",
        "_last_word",
        "_limits",
        "_messages",
        "_on_end",
        "_protocol",
        "_queries",
        "_rate",
        "_reader",
        "_running",
        "_scope",
        "_session",
        "_subscriptions",
        "_tasks",
        "_traffic",
        "budget",
        "sink",
    )

    def __init__(
        self,
        backend: Backend,
        limits: WebSocketLimits,
        scope: Scope,
        sink: WebSocketSink,
        *,
        tasks: asyncio.TaskGroup,
        on_end: Callable[[WebSocketConnection], None],
    ) -> None:
        self._backend = backend
        self._limits = limits
        self._tasks = tasks
        self._on_end = on_end
        self.sink = sink
        self._traffic = backend.traffic
        self._began_at_s = backend.clock()
        self._client: tuple[str, int] = scope.get("client") or ("somewhere", 0)
        self._scope: Scope | None = scope  # until the client is known
        self._protocol = ServerProtocol(max_since=limits.max_since)
        self._session: Session | None = None
        # Each operation that is being served, and how to stop it.
        self._subscriptions: dict[Operation, Callable[[], object]] = {}
        self._queries: dict[Operation, Callable[[], object]] = {}
        self.budget = backend.budgets.of(scope)
        self._rate = TokenBucket(limits.max_operations_per_s, limits.operation_burst, backend.clock)
        self._messages: list[Message] | None = None
        self._reader: asyncio.Task[None] | None = None
        self._running = 0  # how many tasks the socket has
        self._init_timer: asyncio.TimerHandle | None = None
        self._is_ending = False
        self._is_lost = False
        self._last_word: Close | None = None

    @property
    def operations(self) -> int:
        """How many operations are being served."""
        return len(self._subscriptions) + len(self._queries)

    def begin(self) -> None:
        """Wait for `connection_init`."""
        if SUBPROTOCOL not in (self._scope or {}).get("subprotocols", ()):
            reason = "Subprotocol not acceptable"
            self._end(self._protocol.close(CloseCode.SUBPROTOCOL_NOT_ACCEPTABLE, reason))
            return
        self._init_timer = asyncio.get_running_loop().call_later(
            self._limits.connection_init_timeout_s, self._init_is_late
        )

    def _init_is_late(self) -> None:
        self._end(self._protocol.init_timeout())

    # How it ends.

    def close(self, code: int, reason: str) -> None:
        """Free everything, send the client the reason, and close the socket; returns at once."""
        self._end(self._protocol.close(code, reason))

    def abort(self) -> None:
        """Free everything, and drop the socket."""
        self.sink.abort()
        self._end(None)

    def _end(self, last_word: Close | None) -> None:
        """Free everything, and close the socket with the last word, if there is one to say."""
        if self._is_ending:
            return
        self._is_ending = True
        self._last_word = last_word
        self._protocol.connection_lost()
        self._stop_init_timer()
        if self._session is not None:
            self._session.release()
        stops = [*self._subscriptions.values(), *self._queries.values()]
        if self._reader is not None:
            stops.append(self._reader.cancel)
        self._subscriptions.clear()
        self._queries.clear()
        for stop in stops:
            stop()
        if last_word is not None:
            timeout_s = self._limits.close_timeout_s
            self.sink.close(int(last_word.code), last_word.reason, timeout_s)

    def lost(self, code: int, reason: str) -> None:
        """The socket is over; as a receiver has it."""
        self._is_lost = True
        self._end(None)
        end = self._last_word or Close(code, reason)
        self._traffic.closes[int(end.code)] += 1
        host, port = self._client
        lasted_s = round(self._backend.clock() - self._began_at_s, 3)
        because = self.sink.lost_because or end.reason
        log.info(
            "the WebSocket of %s port %d ended after %g s: %d %r",
            host,
            port,
            lasted_s,
            end.code,
            because,
            extra={"client": host, "code": int(end.code), "lasted_s": lasted_s, "reason": because},
        )
        self._forget()

    def _forget(self) -> None:
        """Leave the server once nothing of the socket is left."""
        if self._is_lost and not self._running:
            self._on_end(self)

    def _stop_init_timer(self) -> None:
        if self._init_timer is not None:
            self._init_timer.cancel()
            self._init_timer = None

    def _create_task(self, work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        task = self._tasks.create_task(work, name=name)
        self._running += 1
        task.add_done_callback(self._task_done)
        return task

    def _task_done(self, _: asyncio.Task[None]) -> None:
        self._running -= 1
        self._forget()

    # Reading.

    def receive(self, message: Message) -> None:
        """Take a message; as a receiver has it."""
        if self._is_ending:
            return
        if self._messages is not None:
            self._messages.append(message)
            return
        self._messages = [message]
        self.sink.pause_reading()
        self._reader = self._create_task(self._read(self._messages), "WebSocket reader")

    async def _read(self, messages: list[Message]) -> None:
        """Do what the client asks for, message by message."""
        try:
            turns = self.budget.listening_turns()
            while messages and not self._is_ending:
                with self.budget.measured():
                    action = self._take(messages.pop(0))
                close = await self._act(action)
                if close is not None:
                    self._end(close)
                    return
                await turns.take()
                # One that has used its budget is not listened to, either.
                await self.budget.settle()
                # A client that asks for more than it takes is not listened to.
                await writable(self.sink)
        except Exception as error:  # noqa: BLE001 - it is logged there
            internal_error(error, "a WebSocket connection, which ends")
            self.close(CloseCode.INTERNAL_SERVER_ERROR, "Internal server error")
        finally:
            self._messages = self._reader = None
            self.sink.resume_reading()

    def _take(self, message: Message) -> Action | None:
        self._traffic.messages_received += 1
        if isinstance(message, str):
            return self._protocol.receive_text(message)
        if isinstance(message, LongText):
            return self._protocol.receive_long_text(*message)
        return self._protocol.receive_bytes()

    async def _act(self, action: Action | None) -> Close | None:
        match action:
            case None:
                pass
            case Reply():
                self._reply(action)
            case Start(operation, request, resume_from):
                try:
                    # Until its document is read, this client is not listened to.
                    prepared = await request.prepared(self._backend.documents, self.budget)
                    if self._is_ending:
                        return None
                    with self.budget.measured():
                        self._start(operation, request, resume_from)
                    del prepared  # it is the document, or none
                except OverBudgetError as error:
                    self.fail(operation, [refusal(str(error), error.code)])
                except GraphQLError as error:
                    self.fail(operation, [error])
                except Exception as error:  # noqa: BLE001 - it is logged there
                    self.fail(operation, [internal_error(error, "an operation over WebSocket")])
            case Stop(operation):
                self._stop(operation)
            case Connect(payload):
                return await self._connect(payload)
            case Close():
                return action
            case _:
                assert_never(action)
        return None

    async def _connect(self, payload: Members | None) -> Close | None:
        assert self._scope is not None, "the client is not known yet"
        try:
            principal = await self._backend.authenticator.admit(self._scope, payload)
        except UnauthenticatedError as error:
            return self._protocol.forbid(str(error))
        if not self._is_ending:
            self._stop_init_timer()
            self._scope = None
            self.sink.accept_long_texts()
            self._reply(self._protocol.acknowledge())
            self._session = self._backend.authenticator.session(principal, self._forbid)
        return None

    def _forbid(self, why: str) -> None:
        self._end(self._protocol.forbid(why))

    # Operations.

    def _start(self, operation: Operation, request: Request, resume_from: str | None) -> None:
        """Begin to serve an operation whose id has been reserved."""
        if not self._rate.take():
            text = rate_limit_text(self._limits.max_operations_per_s)
            self.fail(operation, [refusal(text, RATE_LIMITED)])
            return
        limit = self._limits.max_held_chars
        if self._protocol.held_chars > limit:
            text = f"the operations of this socket may have {limit} characters together"
            self.fail(operation, [refusal(text, TOO_MANY_OPERATIONS)])
            return
        try:
            document, definition = request.operation(self._backend.documents)
        except GraphQLError as error:
            self.fail(operation, [error])
            return
        is_subscription = definition.operation is OperationType.SUBSCRIPTION
        if is_subscription:
            running, limit = self._subscriptions, self._limits.max_subscriptions
        else:
            running, limit = self._queries, self._limits.max_queries
        if len(running) >= limit:
            kind = "subscriptions" if is_subscription else "queries and mutations"
            text = f"this socket has {limit} {kind} already, and may not have more"
            self.fail(operation, [refusal(text, TOO_MANY_OPERATIONS)])
            return
        assert self._session is not None, "the client has been acknowledged"
        asked = self._backend.asked(
            request,
            document,
            definition.operation,
            principal=self._session.principal,
            budget=self.budget,
            resume_from=resume_from,
        )
        task = self._create_task(self._serve(operation, asked), f"operation {operation.id}")
        running[operation] = task.cancel

    def _stop(self, operation: Operation) -> None:
        for running in (self._subscriptions, self._queries):
            stop = running.pop(operation, None)
            if stop is not None:
                stop()

    async def _serve(self, operation: Operation, asked: Asked) -> None:
        """Serve an operation to its end; a shared subscription until it is begun."""
        try:
            await self.budget.pause()
            await charged(self._run(operation, asked), self.budget)
        except RequestError as error:
            self.fail(operation, error.errors)
        except OverBudgetError as error:
            self.fail(operation, [refusal(str(error), error.code)])
        except Exception as error:  # noqa: BLE001 - it is logged there
            self.fail(operation, [internal_error(error, "an operation over WebSocket")])
        finally:
            if not self._protocol.is_active(operation):
                self._queries.pop(operation, None)
                self._subscriptions.pop(operation, None)

    async def _run(self, operation: Operation, asked: Asked) -> None:
        begun = await self._backend.runner.begin(asked)
        responder = _Responder(self, operation)
        if isinstance(begun, Results):
            await begun.send(responder)
            return
        stop = begun.send(responder)
        if self._protocol.is_active(operation):
            self._subscriptions[operation] = stop
        else:  # the socket is about to be closed
            stop()

    # Writing.

    def next(self, operation: Operation, framing: Framing, payload: bytes) -> None:
        """Send one result, unless the operation is over."""
        if self._protocol.is_active(operation):
            self._write_text(framing.prefix + payload + framing.suffix)

    def fail(self, operation: Operation, errors: Sequence[GraphQLError]) -> None:
        """End an operation, unless it is over, and send the client the reason."""
        self._subscriptions.pop(operation, None)
        self._reply(self._protocol.error(operation, errors))

    def complete(self, operation: Operation) -> None:
        """End an operation, unless it is over, as the client expects."""
        self._subscriptions.pop(operation, None)
        self._reply(self._protocol.complete(operation))

    def _reply(self, reply: Reply | None) -> None:
        if reply is not None:
            self._write_text(reply.text)

    def _write_text(self, text: bytes) -> None:
        self._traffic.messages_sent += 1
        self._traffic.bytes_sent += len(text)
        self.sink.write_text(text)


class _Responder:
    """Writes the results of one operation as messages."""

    __slots__ = ("_connection", "_operation", "framing")

    def __init__(self, connection: WebSocketConnection, operation: Operation) -> None:
        self._connection = connection
        self._operation = operation
        self.framing = Framing(messages.next_prefix(operation.id), messages.NEXT_SUFFIX)

    @property
    def sink(self) -> Sink:
        return self._connection.sink

    @property
    def budget(self) -> ClientBudget:
        return self._connection.budget

    def next(self, payload: bytes) -> None:
        self._connection.next(self._operation, self.framing, payload)

    def fail(self, errors: Sequence[GraphQLError]) -> None:
        self._connection.fail(self._operation, errors)

    def complete(self) -> None:
        self._connection.complete(self._operation)
