"""graphql-transport-ws without I/O: what a socket is told, and what is to be done about it.

```
               connection_init          acknowledge()
 AWAITING_INIT ───────────────▶ CONNECTING ─────────▶ ACKNOWLEDGED
      │                             │ forbid()             │
      │ init_timeout()              │ or it                │   any fault of the client
      └────────────▶ CLOSED ◀───────┴──────────────────────┘   in any state: a Close
```

The shell around this class reads frames, calls `receive_…`, and carries out the action that it gets
back. It never decides anything itself, and this class never waits.

Source: PROTOCOL.md of github.com/enisdenjo/graphql-ws, and where that is silent, the server of
npm's graphql-ws 6. What this server, with its shell, does otherwise, and why:

- A syntax error is an `error` of its operation. There it closes the socket (4500), and takes
  operations with it that have nothing to do with it.
- So is whatever else keeps an operation from coming about: variables that do not fit, a resolver
  that refuses. There it is a `next` without data and a `complete`, as after a success.
- Messages that only a server sends, and binary frames, are invalid (4400). There the former are an
  error of the server's own (4500), and the latter are taken for text.
- A message may follow `connection_init` at once, in the same packet. There it depends on the time
  between them whether a `subscribe` is unauthorized (4401).
- An id in use that is too long for a close frame is left out of the reason (4409). There it is an
  error of the server's own (4500).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, IntEnum
from typing import TypeAlias, assert_never

from graphql import GraphQLError

from graphql_api.transport import messages
from graphql_api.transport.messages import (
    Complete,
    ConnectionInit,
    InvalidMessageError,
    Ping,
    Pong,
    Subscribe,
)
from graphql_api.transport.request import Members, Request

_MAX_REASON_BYTES = 123
"""What a close frame has room for (RFC 6455, 5.5)."""


class CloseCode(IntEnum):
    """Why a socket is closed, by the names that graphql-ws gives the codes."""

    SERVICE_RESTART = 1012
    BAD_REQUEST = 4400
    UNAUTHORIZED = 4401
    FORBIDDEN = 4403
    SUBPROTOCOL_NOT_ACCEPTABLE = 4406
    CONNECTION_INITIALISATION_TIMEOUT = 4408
    SUBSCRIBER_ALREADY_EXISTS = 4409
    TOO_MANY_INITIALISATION_REQUESTS = 4429
    INTERNAL_SERVER_ERROR = 4500


class State(Enum):
    """How far a connection has come; the module's drawing shows the ways between."""

    AWAITING_INIT = "awaiting init"
    CONNECTING = "connecting"
    ACKNOWLEDGED = "acknowledged"
    CLOSED = "closed"


class Operation:
    """The reservation of an id, from `subscribe` until the operation is over.

    Two of them are never the same, though a client may use an id again. Whoever serves an operation
    holds this object, and so cannot reach a later one with the same id.

    Attributes:
        id: The client's name for it.
        length: How many characters the message had that began it; so much is kept of it, or more.
    """

    __slots__ = ("id", "length")

    def __init__(self, id_: str, length: int) -> None:
        self.id = id_
        self.length = length


# What the shell is to do.


@dataclass(frozen=True, slots=True)
class Connect:
    """Decide whether to serve this client: `acknowledge` or `forbid`."""

    payload: Members | None


@dataclass(frozen=True, slots=True)
class Reply:
    """Send this text."""

    text: bytes


@dataclass(frozen=True, slots=True)
class Start:
    """Begin to serve an operation.

    Attributes:
        operation: Its reservation, which has been made.
        request: What the client asks for.
        resume_from: The cursor that the connection gave for it, if it did.
    """

    operation: Operation
    request: Request
    resume_from: str | None


@dataclass(frozen=True, slots=True)
class Stop:
    """Free all that an operation holds: nobody wants it any more."""

    operation: Operation


@dataclass(frozen=True, slots=True)
class Close:
    """Stop every operation and close the socket."""

    code: int
    reason: str


Action: TypeAlias = Connect | Reply | Start | Stop | Close


class ServerProtocol:
    """The server's side of one connection.

    Once it is closed it has no operations, and everything that it is still told is ignored.

    Args:
        max_since: How many cursors a `connection_init` may carry.
    """

    def __init__(self, *, max_since: int = 1000) -> None:
        self._max_since = max_since
        self._operations: dict[str, Operation] = {}
        self._since: dict[str, str] = {}
        self.state = State.AWAITING_INIT

    # What the client sends.

    def receive_text(self, text: str) -> Action | None:
        """Take a text frame."""
        if self.state is State.CLOSED:
            return None
        try:
            message = messages.parse(text, max_since=self._max_since)
        except InvalidMessageError:
            return self._invalid_message()
        match message:
            case Subscribe():
                return self._subscribe(message, len(text))
            case Complete():
                operation = self._operations.pop(message.id, None)
                return None if operation is None else Stop(operation)
            case Ping():
                return Reply(messages.pong(message.payload))
            case Pong():
                return None
            case ConnectionInit():
                return self._connection_init(message)
            case _:
                assert_never(message)

    def receive_bytes(self) -> Action | None:
        """Take a binary frame, which the protocol has no use for."""
        return None if self.state is State.CLOSED else self._invalid_message()

    # What the server does.

    def init_timeout(self) -> Close | None:
        """The time between the handshake and the acknowledgement is over."""
        if self.state not in (State.AWAITING_INIT, State.CONNECTING):
            return None
        return self.close(
            CloseCode.CONNECTION_INITIALISATION_TIMEOUT, "Connection initialisation timeout"
        )

    def acknowledge(self, payload: Members | None = None) -> Reply | None:
        """Serve this client."""
        if self.state is not State.CONNECTING:
            return None
        self.state = State.ACKNOWLEDGED
        return Reply(messages.connection_ack(payload))

    def forbid(self, why: str = "") -> Close:
        """Do not serve this client, or not any longer."""
        reason = f"Forbidden: {why}" if why else "Forbidden"
        return self.close(CloseCode.FORBIDDEN, reason)

    @property
    def held_chars(self) -> int:
        """How many characters the messages have that began the operations which are not over."""
        return sum(operation.length for operation in self._operations.values())

    def is_active(self, operation: Operation) -> bool:
        """Whether an operation is not over; its server must ask again whenever it has waited."""
        return self._operations.get(operation.id) is operation

    def error(self, operation: Operation, errors: Sequence[GraphQLError]) -> Reply | None:
        """End an operation that has failed; no `complete` follows. Its id is free again."""
        if not self.is_active(operation):
            return None
        del self._operations[operation.id]
        return Reply(messages.error(operation.id, errors))

    def complete(self, operation: Operation) -> Reply | None:
        """End an operation that has no more results. Its id is free again."""
        if not self.is_active(operation):
            return None
        del self._operations[operation.id]
        return Reply(messages.complete(operation.id))

    def close(self, code: int, reason: str) -> Close:
        """End everything, for a reason of at most 123 bytes."""
        self._forget()
        return Close(code, reason)

    def connection_lost(self) -> None:
        """The socket is gone."""
        self._forget()

    def _connection_init(self, message: ConnectionInit) -> Action:
        if self.state is not State.AWAITING_INIT:
            return self.close(
                CloseCode.TOO_MANY_INITIALISATION_REQUESTS, "Too many initialisation requests"
            )
        self.state = State.CONNECTING
        self._since = dict(message.since)
        return Connect(message.payload)

    def _subscribe(self, message: Subscribe, length: int) -> Action:
        if self.state is not State.ACKNOWLEDGED:
            return self.close(CloseCode.UNAUTHORIZED, "Unauthorized")
        if message.id in self._operations:
            reason = f"Subscriber for {message.id} already exists"
            if len(reason.encode()) > _MAX_REASON_BYTES:
                reason = "Subscriber already exists"
            return self.close(CloseCode.SUBSCRIBER_ALREADY_EXISTS, reason)
        # The cursor is for the first operation of this id only: if the client uses the id again on
        # this socket, it means a new operation, not one that it had before it was cut off.
        resume_from = self._since.pop(message.id, None)
        operation = self._operations[message.id] = Operation(message.id, length)
        return Start(operation, message.payload, resume_from)

    def _invalid_message(self) -> Close:
        return self.close(CloseCode.BAD_REQUEST, "Invalid message received")

    def _forget(self) -> None:
        self.state = State.CLOSED
        self._operations.clear()
        self._since.clear()
