"""One WebSocket connection of graphql-transport-ws, from its handshake to its end."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any, assert_never

from starlette.types import Scope

from graphql_api.auth.authenticator import Session
from graphql_api.documents.request import Members
from graphql_api.errors import UnauthenticatedError
from graphql_api.execution.sink import writable
from graphql_api.protocols.backend import Backend
from graphql_api.protocols.graphql_transport_ws import (
    Action,
    Close,
    CloseCode,
    Connect,
    Reply,
    ServerProtocol,
    Start,
    Stop,
)
from graphql_api.protocols.messages import SUBPROTOCOL
from graphql_api.protocols.websocket_limits import WebSocketLimits
from graphql_api.protocols.websocket_operations import WebSocketOperations
from graphql_api.schema.errors import internal_error
from graphql_api.server.receiver import LongText, Message, WebSocketSink

log = logging.getLogger(__name__)


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
        "_budget",
        "_client",
        "_init_timer",
        "_is_ending",
        "_is_lost",
        "_last_word",
        "_limits",
        "_messages",
        "_on_end",
        "_operations",
        "_protocol",
        "_reader",
        "_running",
        "_scope",
        "_session",
        "_tasks",
        "_traffic",
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
        self._budget = backend.budgets.of(scope)
        self._operations = WebSocketOperations(backend, limits, self._protocol, sink, self._budget)
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
        return len(self._operations)

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

    def bookmark(self) -> None:
        """Send each subscription that is not behind the newest cursor; returns at once."""
        self._operations.bookmark()

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
        self._operations.stop_all()
        if self._reader is not None:
            self._reader.cancel()
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
            turns = self._budget.listening_turns()
            while messages and not self._is_ending:
                with self._budget.measured():
                    action = self._take(messages.pop(0))
                close = await self._act(action)
                if close is not None:
                    self._end(close)
                    return
                await turns.take()
                # One that has used its budget is not listened to, either.
                await self._budget.settle()
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
                self._operations.reply(action)
            case Start():
                # Until its document is read, this client is not listened to.
                assert self._session is not None, "the client has been acknowledged"
                await self._operations.begin(action, self._session.principal, self._create_task)
            case Stop(operation):
                self._operations.stop(operation)
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
            self._operations.reply(self._protocol.acknowledge())
            self._session = self._backend.authenticator.session(principal, self._forbid)
        return None

    def _forbid(self, why: str) -> None:
        self._end(self._protocol.forbid(why))
