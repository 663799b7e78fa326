"""One WebSocket connection, whatever its protocol: its messages, its tasks and its end."""

from __future__ import annotations

import asyncio
import logging
from abc import ABC, abstractmethod
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from starlette.types import Scope

from graphql_api.auth.authenticator import Session
from graphql_api.auth.principal import Principal
from graphql_api.execution.sink import writable
from graphql_api.limits.client_limits import ClientLimits
from graphql_api.protocols.backend import Backend
from graphql_api.protocols.close import Close
from graphql_api.schema.errors import internal_error
from graphql_api.server.receiver import Message, WebSocketSink

log = logging.getLogger(__name__)

INTERNAL_ERROR = 1011
"""The close code for a fault of the server, where a protocol has none of its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AcceptedSocket:
    """A WebSocket whose handshake has been accepted.

    Attributes:
        backend: What stands behind it.
        limits: What it may use.
        scope: The handshake's, as ASGI has it.
        sink: The server's side of the socket.
        tasks: Own the tasks of the socket.
        on_end: Called once nothing of the socket is left.
    """

    backend: Backend
    limits: ClientLimits
    scope: Scope
    sink: WebSocketSink
    tasks: asyncio.TaskGroup
    on_end: Callable[[SocketConnection], None]


class SocketConnection(ABC):
    """One WebSocket connection, from its handshake to its end.

    It is what the socket's server gives messages to. A task handles them while there are any; an
    idle socket has none. A subclass says what the messages mean.

    Args:
        accepted: The WebSocket.
    """

    __slots__ = (
        "_backend",
        "_began_at_s",
        "_client",
        "_is_ending",
        "_is_lost",
        "_last_word",
        "_limits",
        "_messages",
        "_on_end",
        "_reader",
        "_running",
        "_session",
        "_tasks",
        "_traffic",
        "budget",
        "sink",
    )

    def __init__(self, accepted: AcceptedSocket) -> None:
        backend, limits, scope = accepted.backend, accepted.limits, accepted.scope
        self._backend = backend
        self._limits = limits
        self._tasks = accepted.tasks
        self._on_end = accepted.on_end
        self.sink = accepted.sink
        self._traffic = backend.traffic
        self._began_at_s = backend.clock()
        self._client: tuple[str, int] = scope.get("client") or ("somewhere", 0)
        self._session: Session | None = None
        self.budget = backend.budgets.of(scope)
        self._messages: list[Message] | None = None
        self._reader: asyncio.Task[None] | None = None
        self._running = 0  # how many tasks the socket has
        self._is_ending = False
        self._is_lost = False
        self._last_word: Close | None = None

    # What a protocol says.

    @property
    @abstractmethod
    def operations(self) -> int:
        """How many operations are being served."""

    @abstractmethod
    def begin(self) -> None:
        """Begin to serve a socket whose handshake has been accepted."""

    @abstractmethod
    async def _handle(self, message: Message) -> Close | None:
        """Do what a message asks for; returns how the connection ends, if it does."""

    @abstractmethod
    def _free(self) -> None:
        """Stop and forget all operations."""

    def _broken(self) -> Close:
        """The close of a connection after a fault of the server."""
        return Close(INTERNAL_ERROR, "Internal server error")

    @abstractmethod
    def _forbid(self, why: str) -> None:
        """End the connection, for the client is not served, or not any longer."""

    def bookmark(self) -> None:  # noqa: B027 - only some protocols have cursors that age
        """Send what lets the client go on elsewhere, if the protocol has such a thing."""

    # How it ends.

    def close(self, code: int, reason: str) -> None:
        """Free everything, send the client the reason, and close the socket; returns at once."""
        self._end(Close(code, reason))

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
        if self._session is not None:
            self._session.release()
        self._free()
        if self._reader is not None:
            self._reader.cancel()
        if last_word is not None:
            timeout_s = self._limits.close_timeout_s
            self.sink.close(int(last_word.code), last_word.reason, timeout_s)

    def lost(self, code: int, reason: str) -> None:
        """Take note that the socket is closed; see `Receiver`."""
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

    def _create_task(self, work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        task = self._tasks.create_task(work, name=name)
        self._running += 1
        task.add_done_callback(self._task_done)
        return task

    def _task_done(self, _: asyncio.Task[None]) -> None:
        self._running -= 1
        self._forget()

    def _admit(self, principal: Principal) -> None:
        """Serve a client until its credentials end."""
        self._session = self._backend.authenticator.session(principal, self._forbid)

    # Reading.

    def receive(self, message: Message) -> None:
        """Handle a message after those before it; see `Receiver`."""
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
                self._traffic.messages_received += 1
                close = await self._handle(messages.pop(0))
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
            self._end(self._broken())
        finally:
            self._messages = self._reader = None
            self.sink.resume_reading()

    # Writing.

    def write(self, message: bytes) -> None:
        """Send a message, and count it."""
        self._traffic.messages_sent += 1
        self._traffic.bytes_sent += len(message)
        self.sink.write_text(message)
