"""GraphQL over SSE: encodes the parts of an event stream, for one operation or for several.

Lines end with LF alone: urql looks for LF LF. The id of an event is its cursor, which browsers send
back as Last-Event-ID when they come again.

Sources: PROTOCOL.md of github.com/enisdenjo/graphql-sse; the HTML standard, 9.2 "Server-sent
events".
"""

from __future__ import annotations

from graphql_api.execution.responder import Framing
from graphql_api.execution.result_json import to_json
from graphql_api.protocols.stream_response import StreamFormat

COMPLETE = b"event: complete\ndata:\n\n"
"""The operation is over. Without a data line browsers would not pass it to their page."""

KEEP_ALIVE = b":\n"
"""A comment. No empty line follows, of which older clients of graphql-sse make something else than
nothing."""


def next_event(payload: bytes) -> bytes:
    """One result, which is not to be resumed from."""
    return b"event: next\ndata: %b\n\n" % payload


def framing_of(id_: str) -> Framing:
    """How the results of one operation are written into a stream that has several."""
    return Framing(b'event: next\ndata: {"id":%b,"payload":' % to_json(id_), b"}\n\n")


def complete_of(id_: str) -> bytes:
    """One operation of several is over."""
    return b'event: complete\ndata: {"id":%b}\n\n' % to_json(id_)


def retry(delay_s: float) -> bytes:
    """How long to wait before coming again. For browsers: some other clients do not know it."""
    return b"retry: %d\n\n" % round(delay_s * 1000)


def _identified(event: object, payload: bytes) -> bytes:
    """A payload behind the cursor of its event, whether or not that is selected."""
    cursor = getattr(event, "cursor", None)
    if isinstance(cursor, str):
        return b"id: %b\ndata: %b" % (cursor.encode(), payload)
    return b"data: %b" % payload


FORMAT = StreamFormat(
    content_type=b"text/event-stream; charset=utf-8",
    framing=Framing(b"event: next\n", b"\n\n", _identified),
    # For a browser: older clients of graphql-sse fail at it.
    opening=lambda method, retry_s: retry(retry_s) if method == "GET" else b"",
    next=next_event,
    keep_alive=KEEP_ALIVE,
    complete=COMPLETE,
    cut_off=lambda _: b"",  # clients come again by themselves
)
"""The format of a stream with one operation."""
