"""A variant of uvicorn's request cycle, which ends each response as its client expects.

- HTTP/1.0 has no transfer codings: a response of unknown length ends with its connection.
- A connection that is kept is announced, with the time, so that a client which obeys it sends
  nothing at the moment at which the connection ends.
- A connection that ends with a response is not closed while its request's body still comes: the
  kernel would reset it, and a client that has not read the response would lose it.
- A large body is written in parts as the client takes them, and has a place among the large answers
  of the server; see `limits.answer_memory`.

Source: uvicorn/protocols/http/httptools_impl.py of uvicorn 0.54; RFC 9112, 6.1, 6.3 and 9.3;
RFC 2068, 19.7.1.1 (`Keep-Alive`).
"""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from typing import Any, cast

from uvicorn._types import ASGISendEvent, HTTPResponseBodyEvent, HTTPResponseStartEvent
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from graphql_api.limits.answer_memory import LARGE_BYTES, NO_PLACE, Answers, Taker

_RETRY_AFTER_S = 5
_NO_PLACE = f"{NO_PLACE}\n".encode()
_WITHOUT_BODY = (HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED)


class Cycle(RequestResponseCycle):
    """One request and its response, for the application.

    Args:
        announced_s: How long, by the header, the connection is kept after the response.
        may_keep: Whether it is kept, at the time of the response.
        answers: The large answers of the server.
        taker_of: Returns the connection as what takes them, for a scope.
        options: As in uvicorn.
    """

    def __init__(
        self,
        *,
        announced_s: float,
        may_keep: Callable[[], bool],
        answers: Answers,
        taker_of: Callable[[Any], Taker],
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self.is_lingering = False
        """Whether the connection ends once the request has come as a whole, or too much of it."""
        self._answers = answers
        self._taker_of = taker_of
        self._held_start: ASGISendEvent | None = None
        self._is_refused = False
        self._announced_s = announced_s
        self._may_keep = may_keep
        self._is_old = self.scope["http_version"] == "1.0"
        self._ends_with_connection = False

    @property
    def is_chunked(self) -> bool:
        """Whether the parts of the response's body are chunks."""
        return bool(self.chunked_encoding)

    async def send(self, message: ASGISendEvent) -> None:
        """Send a part of the response; as ASGI has it."""
        if self._is_refused:
            return
        if message["type"] == "http.response.start" and not self.response_started:
            if self._held_start is None and _is_large(message):
                self._held_start = message  # it may be replaced by a refusal
                return
            message = self._complete_head(message)
        elif message["type"] == "http.response.body":
            if len(message.get("body", b"")) > LARGE_BYTES and self.scope["method"] != "HEAD":
                await self._send_large(message)
                return
            await self._send_held_start()
            if self._ends_with_connection:
                # For uvicorn, what is not chunked has a length: each part has its own.
                self.expected_content_length = len(message.get("body", b""))
            if not (message.get("more_body", False) or self.keep_alive) and self.more_body:
                self.keep_alive = True  # or uvicorn closes it at once
                await super().send(message)
                self.is_lingering = True
                if not self.transport.is_closing() and self.transport.can_write_eof():
                    self.transport.write_eof()
                return
        await super().send(message)

    async def _send_held_start(self) -> None:
        start, self._held_start = self._held_start, None
        if start is not None:
            await super().send(self._complete_head(cast("HTTPResponseStartEvent", start)))

    async def _send_large(self, message: HTTPResponseBodyEvent) -> None:
        """Send a long part of a body as the client takes it, once there is a place for it."""
        body = message.get("body", b"")
        sending = await self._answers.begin(
            len(body), self.transport.abort, taker=self._taker_of(self.scope)
        )
        if sending is None:
            await self._refuse()
            return
        try:
            await self._send_held_start()
            for begin in range(0, len(body), LARGE_BYTES):
                part = body[begin : begin + LARGE_BYTES]
                more_body = message.get("more_body", False) or begin + LARGE_BYTES < len(body)
                await self.send(
                    {"type": "http.response.body", "body": part, "more_body": more_body}
                )
                sending.sent += len(part)
        finally:
            self._answers.end(sending)

    async def _refuse(self) -> None:
        """Answer that there is no place for the answer; if it has begun, end the connection."""
        self._is_refused = True
        if self.response_started:
            self.transport.abort()
            return
        headers = [
            (b"content-type", b"text/plain; charset=utf-8"),
            (b"content-length", b"%d" % len(_NO_PLACE)),
            (b"retry-after", b"%d" % _RETRY_AFTER_S),
        ]
        start: HTTPResponseStartEvent = {
            "type": "http.response.start",
            "status": HTTPStatus.SERVICE_UNAVAILABLE,
            "headers": headers,
        }
        await super().send(self._complete_head(start))
        await super().send({"type": "http.response.body", "body": _NO_PLACE, "more_body": False})

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


def _is_large(start: ASGISendEvent) -> bool:
    """Whether a response says that its body is large."""
    headers = cast("HTTPResponseStartEvent", start).get("headers", ())
    lengths = [value for name, value in headers if name.lower() == b"content-length"]
    return bool(lengths) and int(lengths[0]) > LARGE_BYTES
