"""Cross-origin headers, which every answer to an allowed origin has.

An allowed origin is trusted: its pages may send any header, reach a server in a private network,
and read every answer. Refusals and errors are answers too: without the headers a page learns
nothing of a 401 or a 429 but "Failed to fetch". Other origins get no header.

`CrossOriginMiddleware` is the outermost part of the application, before every limit and refusal. A
connection that is refused before a request is read has no origin.

Source: the Fetch standard, 3.3 (CORS protocol); Private Network Access, 3.1.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from graphql_api.headers import RawHeaders, list_members
from graphql_api.limits.origin_check import Origin

_METHODS = ("GET", "POST", "PUT", "DELETE")
_MAX_AGE_S = 600
_EXPOSED = b"Allow, Date, Retry-After, WWW-Authenticate"
"""Headers of a response that a page may read, besides those that it always may."""

_TOKEN = re.compile(rb"[!#$%&'*+.^_`|~0-9a-z-]+")
_ASKED = b"access-control-request-"
_VARY = (
    b"Origin, Access-Control-Request-Method, Access-Control-Request-Headers, "
    b"Access-Control-Request-Private-Network"
)


@dataclass(frozen=True, slots=True)
class CrossOrigin:
    """The origins that may read answers, and the headers for them. Pure.

    Attributes:
        origins: The allowed ones; with none, no answer has a header.
    """

    origins: Collection[Origin] = frozenset()

    def headers(self, request: RawHeaders) -> list[tuple[bytes, bytes]]:
        """The headers of an answer, by those of its request."""
        if not self.origins:
            return []
        vary = (b"vary", b"Origin")
        origin = self._allowed(request)
        if origin is None:
            return [vary]
        return [
            vary,
            (b"access-control-allow-origin", origin),
            (b"access-control-expose-headers", _EXPOSED),
        ]

    def preflight(self, method: str, request: RawHeaders) -> Preflight | None:
        """The answer to a preflight of an allowed origin; None for any other request."""
        asked = dict(request)
        asked_method = asked.get(_ASKED + b"method")
        origin = self._allowed(request)
        if method != "OPTIONS" or asked_method is None or origin is None:
            return None
        headers = [
            (b"vary", _VARY),
            (b"access-control-allow-origin", origin),
            (b"access-control-allow-methods", ", ".join(_METHODS).encode()),
            (b"access-control-max-age", b"%d" % _MAX_AGE_S),
        ]
        names = [n for n in list_members(request, _ASKED + b"headers") if _TOKEN.fullmatch(n)]
        if names:
            headers.append((b"access-control-allow-headers", b", ".join(names)))
        if asked.get(_ASKED + b"private-network") == b"true":
            headers.append((b"access-control-allow-private-network", b"true"))
        if asked_method.decode("latin-1") in (*_METHODS, "HEAD"):
            return Preflight(200, b"OK", headers)
        return Preflight(400, b"this server has GET, POST, PUT and DELETE only\n", headers)

    def _allowed(self, request: RawHeaders) -> bytes | None:
        values = [value for name, value in request if name == b"origin"]
        if len(values) != 1:
            return None
        origin = Origin.parse(values[0].decode("latin-1"))
        return values[0] if origin is not None and origin in self.origins else None


@dataclass(frozen=True, slots=True)
class Preflight:
    """The response to a preflight."""

    status: int
    body: bytes
    headers: list[tuple[bytes, bytes]]


class CrossOriginMiddleware:
    """Answers preflights of allowed origins, and adds to every other answer what browsers need.

    Args:
        app: The application behind it.
        cross_origin: Which origins may read answers.
    """

    def __init__(self, app: ASGIApp, cross_origin: CrossOrigin) -> None:
        self._app = app
        self._cross_origin = cross_origin

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection, as ASGI has it."""
        if scope["type"] != "http" or not self._cross_origin.origins:
            await self._app(scope, receive, send)
            return
        preflight = self._cross_origin.preflight(scope["method"], scope["headers"])
        if preflight is not None:
            await _answer(preflight, send)
            return
        added = self._cross_origin.headers(scope["headers"])

        async def send_readable(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message.get("headers", ()), *added]}
            await send(message)

        await self._app(scope, receive, send_readable)


async def _answer(preflight: Preflight, send: Send) -> None:
    headers = [
        (b"content-type", b"text/plain; charset=utf-8"),
        (b"content-length", b"%d" % len(preflight.body)),
        *preflight.headers,
    ]
    await send({"type": "http.response.start", "status": preflight.status, "headers": headers})
    await send({"type": "http.response.body", "body": preflight.body})
