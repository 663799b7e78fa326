"""Responses to requests that the server refuses before the application receives them.

Source: RFC 6585, 5 (431); RFC 9110, 15.5.1 (400) and 15.5.9 (408).
"""

from __future__ import annotations

from http import HTTPStatus

from graphql_api.headers import RawHeaders
from graphql_api.limits.origin_check import Refusal

MAX_HEAD_BYTES = 65_536
"""How long the head of a request may be, with its trailers and the framing of its chunks."""

HEAD_TOO_LARGE = Refusal(431, f"the head of a request may have {MAX_HEAD_BYTES} bytes")
TRAILERS_TOO_LARGE = Refusal(
    431,
    f"the head, the chunk headers and the trailers of a request may have {MAX_HEAD_BYTES} bytes",
)
TOO_SLOW = Refusal(408, "the request did not come as a whole in time")
NOT_HTTP = Refusal(400, "Invalid HTTP request received.")


def response(refusal: Refusal, headers: RawHeaders) -> bytes:
    """The response that refuses a request and ends its connection.

    Args:
        refusal: Why it is refused.
        headers: What else the response has, such as those that let a page read it.
    """
    body = f"{refusal.reason}\n".encode()
    phrase = HTTPStatus(refusal.status).phrase.encode()
    headers = [
        (b"content-type", b"text/plain; charset=utf-8"),
        (b"content-length", b"%d" % len(body)),
        (b"connection", b"close"),
        *refusal.headers,
        *headers,
    ]
    lines = (b"%b: %b\r\n" % header for header in headers)
    return b"HTTP/1.1 %d %b\r\n%b\r\n%b" % (refusal.status, phrase, b"".join(lines), body)
