"""Messages of graphql-transport-ws: parses those of clients, and encodes those of the server.

Whatever a socket delivers goes through `parse`, once, and comes out as one of the typed values here
or as an error: nothing behind it looks at raw JSON again. It is as strict as the reference, npm's
graphql-ws; `graphql_transport_ws` says what is done otherwise. A fault in what is asked of one
operation is not one of the message: that becomes a `RefusedOperation`, which names the operation.

Source: PROTOCOL.md of github.com/enisdenjo/graphql-ws.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from graphql import GraphQLError

from graphql_api.documents.document_limits import LIMIT_EXCEEDED
from graphql_api.documents.json_input import (
    MAX_PARTS,
    JSONLimitError,
    TooManyPartsError,
    from_json,
)
from graphql_api.documents.request import (
    BAD_REQUEST,
    MalformedRequestError,
    Members,
    Request,
    optional_object,
    refusal,
)
from graphql_api.errors import GraphQLAPIError
from graphql_api.execution.result_json import to_json
from graphql_api.server.message_head import HEAD_BYTES, MAX_OTHER_CHARS, Head, read_head

SUBPROTOCOL = "graphql-transport-ws"


MESSAGE_TOO_LONG = "MESSAGE_TOO_LONG"

MAX_ID_CHARS = 1024
"""How long the id of an operation may be: it stands in each message of the operation."""

MAX_OTHER_PARTS = 6000
"""How many parts, as of `json_input`, a message may have that asks for no operation, and any before
the acknowledgement. The cursors of a thousand operations are a thousand."""


class InvalidMessageError(GraphQLAPIError):
    """A text of a client is no message of the protocol; the error says why, for the log."""


class LongMessageError(InvalidMessageError):
    """A message of a client is longer than messages of its type may be."""


@dataclass(frozen=True, slots=True)
class ConnectionInit:
    """`connection_init`: the client asks to be served.

    Attributes:
        payload: What it says about itself.
        since: The payload's `since`: the cursor from which the operation with an id is to be
            resumed, by that id. An extension of ours.
    """

    payload: Members | None = None
    since: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Ping:
    """`ping`: the client asks for a pong with the same payload."""

    payload: Members | None = None


@dataclass(frozen=True, slots=True)
class Pong:
    """`pong`: the client is still there."""

    payload: Members | None = None


@dataclass(frozen=True, slots=True)
class Subscribe:
    """`subscribe`: the client requests an operation, which may be a query or a mutation, too.

    Attributes:
        id: The client's name for it, not empty.
        payload: What it asks for.
    """

    id: str
    payload: Request


@dataclass(frozen=True, slots=True)
class Complete:
    """`complete`: the client ends an operation."""

    id: str


@dataclass(frozen=True, slots=True)
class RefusedOperation:
    """A `subscribe` that cannot be served; the error goes to its operation.

    Attributes:
        id: The client's name for it, not empty.
        error: What is wrong, for the client.
    """

    id: str
    error: GraphQLError


ClientMessage: TypeAlias = ConnectionInit | Ping | Pong | Subscribe | Complete | RefusedOperation


# What a client sends.


def parse(text: str, *, max_since: int = 1000, max_parts: int = MAX_PARTS) -> ClientMessage:
    """The message that a text frame holds.

    Unknown members are ignored. What JSON is taken, `json_input` says.

    Args:
        text: The frame's text.
        max_since: How many cursors a `connection_init` may carry.
        max_parts: How many parts the JSON of a `subscribe` may have; that of others may have
            `MAX_OTHER_PARTS`.

    Raises:
        LongMessageError: It is longer than `MAX_OTHER_CHARS`, and no `subscribe`.
        InvalidMessageError: It is no message.
    """
    if len(text) > MAX_OTHER_PARTS // 3 and _head(text).type != "subscribe":
        if len(text) > MAX_OTHER_CHARS:
            raise LongMessageError("too long for anything but 'subscribe'")
        max_parts = MAX_OTHER_PARTS
    try:
        message = from_json(text, max_parts=max_parts)
    except JSONLimitError as error:
        id_ = _head(text).operation_id
        if id_ is None:
            raise InvalidMessageError(str(error)) from error
        code = LIMIT_EXCEEDED if isinstance(error, TooManyPartsError) else BAD_REQUEST
        return RefusedOperation(id_, refusal(f"the message is {error}", code))
    except ValueError as error:
        raise InvalidMessageError(f"not JSON: {error}") from error
    if not isinstance(message, dict):
        raise InvalidMessageError("not an object")
    try:
        return _checked(message, max_since)
    except MalformedRequestError as error:
        raise InvalidMessageError(str(error)) from error


def parse_long(beginning: bytes, end: bytes, max_bytes: int) -> RefusedOperation:
    """The refusal of a message that is longer than any may be.

    Args:
        beginning: Its first bytes, `message_head.HEAD_BYTES` of them.
        end: As many of its last bytes.
        max_bytes: How long a message may be.

    Raises:
        LongMessageError: It asks for no operation, or that cannot be seen.
    """
    id_ = read_head(beginning, end).operation_id
    if id_ is None:
        raise LongMessageError("too long")
    text = (
        f"a WebSocket message may have {max_bytes} bytes, and this one is longer: send the "
        "operation by HTTP, which takes longer ones, or in parts"
    )
    return RefusedOperation(id_, refusal(text, MESSAGE_TOO_LONG))


def _head(text: str) -> Head:
    return read_head(text[:HEAD_BYTES].encode(), text[-HEAD_BYTES:].encode())


def _checked(message: Members, max_since: int) -> ClientMessage:
    match message.get("type"):
        case "subscribe":
            return _operation(_id(message), message.get("payload"))
        case "complete":
            return Complete(_id(message))
        case "ping":
            return Ping(optional_object(message, "payload"))
        case "pong":
            return Pong(optional_object(message, "payload"))
        case "connection_init":
            payload = optional_object(message, "payload")
            return ConnectionInit(payload, _since(payload or {}, max_since))
        case _:
            raise InvalidMessageError("'type' is none that a client sends")


def _operation(id_: str, payload: object) -> Subscribe | RefusedOperation:
    if len(id_) > MAX_ID_CHARS:
        text = f"an id may have {MAX_ID_CHARS} characters"
        return RefusedOperation(id_, refusal(text, LIMIT_EXCEEDED))
    if not isinstance(payload, dict):
        return RefusedOperation(id_, refusal("'payload' is not an object", BAD_REQUEST))
    try:
        return Subscribe(id_, Request.of(payload))
    except MalformedRequestError as error:
        return RefusedOperation(id_, error.error)


def _id(message: Members) -> str:
    id_ = message.get("id")
    if not isinstance(id_, str) or not id_:
        raise InvalidMessageError("'id' is not a string, or an empty one")
    return id_


def _since(payload: Members, max_since: int) -> Mapping[str, str]:
    since = optional_object(payload, "since")
    if not since:
        return {}
    if len(since) > max_since:
        raise InvalidMessageError(f"'since' has {len(since)} members, more than {max_since}")
    if not all(isinstance(cursor, str) for cursor in since.values()):
        raise InvalidMessageError("a cursor of 'since' is not a string")
    return since


# What a server sends: the bytes of a text frame each.


def connection_ack(payload: Members | None = None) -> bytes:
    """The message that accepts a connection; `payload` has details about it."""
    return _encoded("connection_ack", payload)


def pong(payload: Members | None) -> bytes:
    """The answer to a ping."""
    return _encoded("pong", payload)


def next_prefix(id_: str) -> bytes:
    """The part of a `next` message before its payload; `NEXT_SUFFIX` follows it."""
    return b'{"id":%b,"type":"next","payload":' % to_json(id_)


NEXT_SUFFIX = b"}"


def error(id_: str, errors: Sequence[GraphQLError]) -> bytes:
    """The message that an operation has failed, and is over."""
    payload = to_json([error.formatted for error in errors])
    return b'{"id":%b,"type":"error","payload":%b}' % (to_json(id_), payload)


def complete(id_: str) -> bytes:
    """The message that an operation is over."""
    return b'{"id":%b,"type":"complete"}' % to_json(id_)


def _encoded(type_: str, payload: Members | None) -> bytes:
    message: dict[str, object] = {"type": type_}
    if payload is not None:
        message["payload"] = payload
    return to_json(message)
