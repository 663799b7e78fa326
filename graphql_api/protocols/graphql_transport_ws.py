"""graphql-transport-ws without I/O: what a socket receives, and the action that follows.

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
- So is a payload whose members are missing or of the wrong type, and a message that is too long or
  nested too deeply, where the id of its operation can be read. There it closes the socket (4400,
  1009).
- So is whatever else keeps an operation from coming about: variables that do not fit, a resolver
  that refuses. There it is a `next` without data and a `complete`, as after a success.
- An empty `operationName` is none.
- The id of an operation has 1024 characters at most, for it stands in each message; a longer one is
  an `error` of its operation. There it may be of any length.
- Messages other than `subscribe` are at most 64 KB long and hold some thousand values; so are all
  before the acknowledgement, of which there are 32 at most.
- Messages that only a server sends, and binary frames, are invalid (4400). There the former are an
  error of the server's own (4500), and the latter are taken for text.
- A message may follow `connection_init` at once, in the same packet. There it depends on the time
  between them whether a `subscribe` is unauthorized (4401).
- An id in use that is too long for a close frame is left out of the reason (4409). There it is an
  error of the server's own (4500).

The file docs/close-codes.md lists each code with which a socket ends, and whose fault it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, IntEnum
from typing import TypeAlias, assert_never

from graphql import GraphQLError

from graphql_api.documents.json_input import MAX_PARTS
from graphql_api.documents.request import Members, Request
from graphql_api.execution.responder import Framing
from graphql_api.protocols import messages
from graphql_api.protocols.close import Close
from graphql_api.protocols.messages import (
    ClientMessage,
    Complete,
    ConnectionInit,
    InvalidMessageError,
    LongMessageError,
    Ping,
    Pong,
    RefusedOperation,
    Subscribe,
)
from graphql_api.protocols.operation_ids import Operation, OperationIds, Reply
from graphql_api.server.message_head import MAX_OTHER_CHARS

_MAX_REASON_BYTES = 123
"""What a close frame has room for (RFC 6455, 5.5)."""

_MAX_MESSAGES_BEFORE_ACK = 32
"""How many messages a client may send before it is acknowledged, for which it has a few seconds. It
needs one of them; a ping or two may come from a timer."""


class CloseCode(IntEnum):
    """The close codes of a socket, with the names that graphql-ws gives them."""

    MESSAGE_TOO_BIG = 1009
    SERVICE_RESTART = 1012
    BAD_REQUEST = 4400
    UNAUTHORIZED = 4401
    FORBIDDEN = 4403
    SUBPROTOCOL_NOT_ACCEPTABLE = 4406
    CONNECTION_INITIALISATION_TIMEOUT = 4408
    SUBSCRIBER_ALREADY_EXISTS = 4409
    TOO_MANY_INITIALISATION_REQUESTS = 4429
    INTERNAL_SERVER_ERROR = 4500


class SocketState(Enum):
    """The state of a connection; the module's drawing shows the transitions."""

    AWAITING_INIT = "awaiting init"
    CONNECTING = "connecting"
    ACKNOWLEDGED = "acknowledged"
    CLOSED = "closed"


# What the shell is to do.


@dataclass(frozen=True, slots=True)
class Connect:
    """Action: decide whether to serve this client, and call `acknowledge` or `forbid`."""

    payload: Members | None


@dataclass(frozen=True, slots=True)
class Start:
    """Action: begin to serve an operation.

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
    """Action: free all that an operation holds, for its client has ended it."""

    operation: Operation


Action: TypeAlias = Connect | Reply | Start | Stop | Close


class ServerProtocol(OperationIds):
    """The state of one connection, on the server's side.

    Once it is closed it has no operations, and ignores everything that it still receives.

    Args:
        max_since: How many cursors a `connection_init` may carry.
    """

    connection = "socket"

    def __init__(self, *, max_since: int = 1000) -> None:
        super().__init__()
        self._max_since = max_since
        self._since: dict[str, str] = {}
        self._messages_before_ack = 0
        self.state = SocketState.AWAITING_INIT

    # What the client sends.

    def receive_text(self, text: str) -> Action | None:
        """Process a text frame."""
        if self.state is SocketState.CLOSED:
            return None
        max_parts = MAX_PARTS
        if self.state is not SocketState.ACKNOWLEDGED:
            max_parts = messages.MAX_OTHER_PARTS
            close = self._check_stranger(text)
            if close is not None:
                return close
        try:
            message = messages.parse(text, max_since=self._max_since, max_parts=max_parts)
        except InvalidMessageError as error:
            return self._invalid(error)
        return self._receive(message, len(text))

    def _receive(self, message: ClientMessage, length: int) -> Action | None:
        match message:
            case Subscribe():
                return self._subscribe(message, length)
            case RefusedOperation():
                return self._refuse(message)
            case Complete():
                operation = self.release(message.id)
                return None if operation is None else Stop(operation)
            case Ping():
                return Reply(messages.pong(message.payload))
            case Pong():
                return None
            case ConnectionInit():
                return self._connection_init(message)
            case _:
                assert_never(message)

    def receive_long_text(self, beginning: bytes, end: bytes, max_bytes: int) -> Action | None:
        """Process what is left of a text frame that was longer than `max_bytes`.

        Args:
            beginning: Its first bytes, as many as `message_head.HEAD_BYTES`.
            end: As many of its last bytes.
            max_bytes: How long a message may be.
        """
        if self.state is SocketState.CLOSED:
            return None
        try:
            return self._refuse(messages.parse_long(beginning, end, max_bytes))
        except InvalidMessageError as error:
            return self._invalid(error)

    def receive_bytes(self) -> Action | None:
        """Process a binary frame, which the protocol has no use for."""
        if self.state is SocketState.CLOSED:
            return None
        return self._invalid(InvalidMessageError("a binary frame"))

    # What the server does.

    def init_timeout(self) -> Close | None:
        """End a connection that was not initialised in time; None if it was."""
        if self.state not in (SocketState.AWAITING_INIT, SocketState.CONNECTING):
            return None
        return self.close(
            CloseCode.CONNECTION_INITIALISATION_TIMEOUT, "Connection initialisation timeout"
        )

    def acknowledge(self, payload: Members | None = None) -> Reply | None:
        """Serve this client."""
        if self.state is not SocketState.CONNECTING:
            return None
        self.state = SocketState.ACKNOWLEDGED
        return Reply(messages.connection_ack(payload))

    def forbid(self, why: str = "") -> Close:
        """Do not serve this client, or not any longer."""
        reason = f"Forbidden: {why}" if why else "Forbidden"
        return self.close(CloseCode.FORBIDDEN, reason)

    def framing(self, operation: Operation) -> Framing:
        """How the results of an operation are written."""
        return Framing(messages.next_prefix(operation.id), messages.NEXT_SUFFIX)

    def _failure(self, id_: str, errors: Sequence[GraphQLError]) -> bytes:
        return messages.error(id_, errors)

    def _completion(self, id_: str) -> bytes:
        return messages.complete(id_)

    def close(self, code: int, reason: str) -> Close:
        """End everything, for a reason of at most 123 bytes."""
        self._forget()
        return Close(code, reason)

    def connection_lost(self) -> None:
        """Take note that the socket is gone."""
        self._forget()

    def _connection_init(self, message: ConnectionInit) -> Action:
        if self.state is not SocketState.AWAITING_INIT:
            return self.close(
                CloseCode.TOO_MANY_INITIALISATION_REQUESTS, "Too many initialisation requests"
            )
        self.state = SocketState.CONNECTING
        self._since = dict(message.since)
        return Connect(message.payload)

    def _subscribe(self, message: Subscribe, length: int) -> Action:
        if self.state is not SocketState.ACKNOWLEDGED:
            return self.close(CloseCode.UNAUTHORIZED, "Unauthorized")
        operation = self.reserve(message.id, length)
        if operation is None:
            return self._already_exists(message.id)
        # The cursor is for the first operation of this id only: if the client uses the id again on
        # this socket, it means a new operation, not one that it had before it was cut off.
        resume_from = self._since.pop(message.id, None)
        return Start(operation, message.payload, resume_from)

    def _refuse(self, message: RefusedOperation) -> Action:
        """Answer an operation that cannot be served; the socket and all others go on."""
        if self.state is not SocketState.ACKNOWLEDGED:
            return self._invalid(InvalidMessageError("an operation before the acknowledgement"))
        if self.is_reserved(message.id):
            return self._already_exists(message.id)
        return Reply(messages.error(message.id, [message.error]))

    def _already_exists(self, id_: str) -> Close:
        # An `error` for this id would end the operation that has it, which is not at fault.
        reason = f"Subscriber for {id_} already exists"
        try:
            is_sayable = len(reason.encode()) <= _MAX_REASON_BYTES
        except UnicodeEncodeError:
            is_sayable = False  # half of a surrogate pair
        if not is_sayable:
            reason = "Subscriber already exists"
        return self.close(CloseCode.SUBSCRIBER_ALREADY_EXISTS, reason)

    def _check_stranger(self, text: str) -> Close | None:
        """Check that a client sends little before it is acknowledged."""
        self._messages_before_ack += 1
        if self._messages_before_ack > _MAX_MESSAGES_BEFORE_ACK:
            reason = "Too many messages before the acknowledgement"
            return self.close(CloseCode.BAD_REQUEST, reason)
        if len(text) > MAX_OTHER_CHARS:
            return self._invalid(LongMessageError("too long before the acknowledgement"))
        return None

    def _invalid(self, error: InvalidMessageError) -> Close:
        if isinstance(error, LongMessageError):
            return self.close(CloseCode.MESSAGE_TOO_BIG, "Message too big")
        return self.close(CloseCode.BAD_REQUEST, "Invalid message received")

    def _forget(self) -> None:
        self.state = SocketState.CLOSED
        self.clear()
        self._since.clear()
