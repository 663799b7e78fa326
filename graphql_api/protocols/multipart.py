"""Subscriptions over multipart HTTP: encodes the parts of a response for Apollo's clients.

A part ends with the line that begins the next one, so that a client has the whole of it at once.

The server ends a response before its operation is over with an error, as Apollo's Router does, and
without the closing line. A client that does not read the error still sees that the response is
incomplete, and comes again: Apollo Client by its RetryLink.

Sources: "Multipart HTTP protocol for GraphQL subscriptions" of the documentation of Apollo Router;
RFC 2046, 5.1.
"""

from __future__ import annotations

from graphql import GraphQLError

from graphql_api.execution.responder import Framing
from graphql_api.execution.result_json import to_json
from graphql_api.protocols.stream_response import StreamFormat

SPECIFICATION = "1.0"
"""The version of the protocol, which clients name in their Accept header."""

_OPENING = b"--graphql"
_HEAD = b"\r\ncontent-type: application/json\r\n\r\n"
_END = b"\r\n--graphql"
_PREFIX, _SUFFIX = _HEAD + b'{"payload":', b"}" + _END
_COMPLETE = b"--\r\n"


def single(payload: bytes) -> bytes:
    """A whole response with one result."""
    return b"".join((_OPENING, _next(payload), _COMPLETE))


def _next(payload: bytes) -> bytes:
    return b"".join((_PREFIX, payload, _SUFFIX))


def _cut_off(why: GraphQLError) -> bytes:
    return b"".join((_HEAD, to_json({"payload": None, "errors": [why.formatted]}), _END))


FORMAT = StreamFormat(
    content_type=b'multipart/mixed;boundary="graphql";subscriptionSpec="1.0"',
    framing=Framing(_PREFIX, _SUFFIX),
    opening=lambda _method, _retry_s: _OPENING,
    next=_next,
    keep_alive=_HEAD + b"{}" + _END,
    complete=_COMPLETE,
    cut_off=_cut_off,
)
"""The format of a response."""
