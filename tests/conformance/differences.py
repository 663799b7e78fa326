"""Where this server does something else than the reference server, and why."""

from __future__ import annotations

from typing import NamedTuple


class Difference(NamedTuple):
    """What this server does instead, in the words of `conversation`, and why."""

    words: str
    reason: str


_INVALID = "close 4400 Invalid message received"

_AT_ONCE = (
    "The reference acts on all messages of one TCP segment before it acknowledges the first, so "
    "that its answer depends on how the bytes were split. Here one message is done with before the "
    "next is looked at."
)
_SERVERS_MESSAGE = (
    "A message that only servers send is the client's mistake, not the server's: 4400, which tells "
    "the client not to come back with the same."
)
_PAYLOAD = (
    "The fault is one of the operation, whose id is known, and not of the message: the other "
    "operations of the socket go on. The reference closes the socket, for good: its own client "
    "does not come back after 4400."
)
_REQUEST_ERROR = (
    "Nothing was executed, so there is no result: the protocol's `error` says so. The reference "
    "sends `next` without data, as if there had been an event."
)
_SYNTAX_ERROR = (
    "A mistake in one operation ends that operation, like one found by validation. The reference "
    "closes the socket, with all that runs on it, and calls it an error of the server."
)
_CAPPED = "One socket may not take all of the server; the reference has no limit."
_BINARY = "The protocol has text only. The reference reads binary frames as text."

DIFFERENCES = {
    "init with malformed cursors": Difference(
        _INVALID, "`since` is what a client resumes from; not to understand it would lose data."
    ),
    "init twice at once": Difference("ack, close 4429 Too many initialisation requests", _AT_ONCE),
    "subscribe together with init": Difference("ack, next a, complete a, open", _AT_ONCE),
    "message only servers send: ack": Difference(f"ack, {_INVALID}", _SERVERS_MESSAGE),
    "message only servers send: next": Difference(f"ack, {_INVALID}", _SERVERS_MESSAGE),
    "message only servers send: error": Difference(f"ack, {_INVALID}", _SERVERS_MESSAGE),
    **{
        name: Difference("ack, error a, open", _PAYLOAD)
        for name in (
            *("subscribe without payload", "subscribe with null", "subscribe with an array"),
            *("subscribe with a text", "no query", "query is null", "query is an object"),
            *("query is a number", "variables is an array", "variables is a text"),
            *("variables is a number", "variables is false", "operationName is an object"),
            *("operationName is a number", "operationName is an array", "extensions is an array"),
            *("extensions is a text", "extensions is true"),
        )
    },
    "operationName is empty": Difference(
        "ack, next a, complete a, open",
        "GraphQL over HTTP has an empty `operationName` of a URL for none; here the members of a "
        "request mean the same however it comes.",
    ),
    "deeply nested": Difference(
        f"ack, {_INVALID}", "A message's depth is limited, as a bound on what it can cost."
    ),
    "source that fails before its first event": Difference("ack, error a, open", _REQUEST_ERROR),
    "feed refuses the subscription": Difference("ack, error a, open", _REQUEST_ERROR),
    "more subscriptions than this server allows": Difference(
        "ack, next a, next b, next c, next d, error e, open", _CAPPED
    ),
    "more queries than this server allows": Difference("ack, error e, open", _CAPPED),
    "syntax error": Difference("ack, error a, open", _SYNTAX_ERROR),
    "empty query": Difference("ack, error a, open", _SYNTAX_ERROR),
    "missing variable": Difference("ack, error a, open", _REQUEST_ERROR),
    "variable is null": Difference("ack, error a, open", _REQUEST_ERROR),
    "variable of the wrong type": Difference("ack, error a, open", _REQUEST_ERROR),
    "missing variable of a subscription": Difference("ack, error a, open", _REQUEST_ERROR),
    "long id again": Difference(
        "ack, close 4409 Subscriber already exists",
        "A close frame has no room for the reason with the id; the reference's own error becomes "
        "4500.",
    ),
    "id again together with complete": Difference(
        "ack, next a, next a, next a, next a, next a, open",
        "The reference confuses the operation that was completed with the new one of the same id, "
        "and tells the client that the new one is over.",
    ),
    "binary frame with JSON": Difference(_INVALID, _BINARY),
    "invalid UTF-8 behind an invalid message": Difference(
        "ack, close 1007",
        "uvicorn reads all frames of one TCP segment before the application sees the first, and "
        "closes at the one that is broken.",
    ),
    "client closes within a message": Difference(
        "ack, close 1002",
        "The WebSocket library tells the client that a message of its was not complete; it is "
        "gone either way.",
    ),
}
