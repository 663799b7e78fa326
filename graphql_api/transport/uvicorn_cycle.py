"""uvicorn's cycle of one request and its response, with the ends of a response as clients need it.

- HTTP/1.0 has no transfer codings: a response of unknown length ends with its connection.
- A connection that is kept is announced, with the time, so that a client which heeds it sends
  nothing at the moment at which the connection ends.

Source: uvicorn/protocols/http/httptools_impl.py of uvicorn 0.54; RFC 9112, 6.1, 6.3 and 9.3;
RFC 2068, 19.7.1.1 (`Keep-Alive`).
"""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from typing import Any, cast

from uvicorn._types import ASGISendEvent, HTTPResponseStartEvent
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

_WITHOUT_BODY = (HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED)


class Cycle(RequestResponseCycle):
    """One request and its response.

    Args:
        announced_s: How long the connection is kept behind the response, as clients are told.
        may_keep: Whether it is, by the time of the response.
        options: As in uvicorn.
    """

    def __init__(self, *, announced_s: float, may_keep: Callable[[], bool], **options: Any) -> None:
        super().__init__(**options)
        self._announced_s = announced_s
        self._may_keep = may_keep
        self._is_old = self.scope["http_version"] == "1.0"
        self._ends_with_connection = False

    @property
    def is_chunked(self) -> bool:
        """Whether the parts of the response's body are chunks."""
        return bool(self.chunked_encoding)

    @property
    def is_under_way(self) -> bool:
        """Whether a part of the response has been sent, and the rest has not."""
        return self.response_started and not self.response_complete

    async def send(self, message: ASGISendEvent) -> None:
        """Send a part of the response; as ASGI has it."""
        if message["type"] == "http.response.start" and not self.response_started:
            message = self._complete_head(message)
        elif self._ends_with_connection and message["type"] == "http.response.body":
            # For uvicorn, what is not chunked has a length: each part has its own.
            self.expected_content_length = len(message.get("body", b""))
        await super().send(message)

    def _complete_head(self, message: HTTPResponseStartEvent) -> ASGISendEvent:
        headers = [(name.lower(), value) for name, value in message.get("headers", ())]
        names = {name for name, _ in headers}
        if self._is_old and b"content-length" not in names:
            headers = [header for header in headers if header[0] != b"transfer-encoding"]
            if self.scope["method"] != "HEAD" and message["status"] not in _WITHOUT_BODY:
                self.chunked_encoding = False
                self._ends_with_connection = True
                self.keep_alive = False
        if not self._may_keep():
            self.keep_alive = False
        if self.keep_alive and b"connection" not in names:
            headers.append((b"connection", b"keep-alive"))
            if (announced_s := int(self._announced_s)) > 0:
                headers.append((b"keep-alive", b"timeout=%d" % announced_s))
        return cast("ASGISendEvent", {**message, "headers": headers})
