"""The handshake of one WebSocket: from the head of its request to the answer, by ASGI.

The websockets package reads the head and makes the answer; the application decides by ASGI. It
accepts and attaches a receiver, or it refuses: by `websocket.close`, which is a 403, or by a
response of its own. Once that is done nothing of this is left.

Source: RFC 6455, 4.2; ASGI 3.0, WebSocket 2.4 with the extension `websocket.http.response`.
"""

from __future__ import annotations

import asyncio
import email.utils
import logging
from collections.abc import Callable, Sequence
from http import HTTPStatus
from typing import Any, Protocol
from urllib.parse import unquote

from starlette.types import ASGIApp, Message, Scope
from websockets.datastructures import Headers
from websockets.http11 import Request, Response
from websockets.server import ServerProtocol

from graphql_api.execution.sink import EXTENSION
from graphql_api.limits.connection_limits import UNTIL_LOST, Leave
from graphql_api.server.permessage_deflate import StatelessDeflate, agreed_window_bits
from graphql_api.server.receiver import Receiver

_logger = logging.getLogger(__name__)
_silent = logging.Logger(f"{__name__}.websockets", logging.WARNING)
_silent.parent = _logger
"""What websockets logs below this level is a line for each handshake, and its headers: tokens and
passwords are among them. No configuration of logging reaches a logger that it cannot list."""

_COMPRESSION = StatelessDeflate()


class HandshakeConnection(Protocol):
    """Interface of a connection in its handshake; `WebSocketProtocol` is one."""

    transport: asyncio.Transport
    client: tuple[str, int] | None

    def answer(self, data: bytes, *, is_last: bool) -> None:
        """Send the answer to the handshake; if it is the last, close the connection."""

    def open(self, window_bits: int) -> None:
        """Begin with frames: the handshake is accepted.

        Args:
            window_bits: As of `agreed_window_bits`.
        """

    def attach(self, receiver: Receiver) -> None:
        """Give the receiver what the client sends."""

    def until_lost(self, leave: Leave) -> None:
        """Call `leave` when the connection is lost."""

    def give_up(self) -> None:
        """End a connection that is open and has no receiver."""


class Handshake:
    """The WebSocket handshake of one connection.

    Args:
        connection: The connection.
        app: The application.
        root_path: What the application's paths are below.
        state: The lifespan's state.
        headers: What every response of the server has.
        compression: Whether messages may be compressed.
    """

    def __init__(
        self,
        connection: HandshakeConnection,
        app: ASGIApp,
        *,
        root_path: str,
        state: dict[str, Any],
        headers: Sequence[tuple[bytes, bytes]],
        compression: bool,
    ) -> None:
        self._connection = connection
        self._app = app
        self._root_path = root_path
        self._state = state
        self._headers = headers
        self._http = ServerProtocol(
            extensions=[_COMPRESSION] if compression else None, max_size=None, logger=_silent
        )
        self._response: Response | None = None
        self._refusal: tuple[int, Headers] | None = None
        self._body = b""
        self._is_asked = False
        self._is_over = False
        self._lost = asyncio.Event()

    def begin(self, head: bytes) -> Callable[[], Any] | None:
        """Read the head of the request.

        Returns:
            What asks the application; None, if the request is answered already.
        """
        self._http.receive_data(head)
        requests = [event for event in self._http.events_received() if isinstance(event, Request)]
        if not requests:
            self._answer(is_last=True)
            return None
        response = self._http.accept(requests[0])
        if response.status_code != HTTPStatus.SWITCHING_PROTOCOLS:
            self._respond(response)
            return None
        self._response = response
        scope = self._scope(requests[0])
        return lambda: self._ask(scope)

    def lose(self) -> None:
        """Give up: the connection is lost."""
        self._end()
        self._lost.set()

    def fail(self) -> None:
        """Answer that the server cannot decide, unless there is an answer."""
        if not self._is_over:
            self._respond(
                self._http.reject(HTTPStatus.INTERNAL_SERVER_ERROR, "Internal Server Error")
            )

    def _scope(self, request: Request) -> Scope:
        path, _, query = request.path.partition("?")
        offers = request.headers.get_all("Sec-WebSocket-Protocol")
        transport = self._connection.transport
        return {
            "type": "websocket",
            "asgi": {"version": "3.0", "spec_version": "2.4"},
            "http_version": "1.1",
            "scheme": "ws" if transport.get_extra_info("sslcontext") is None else "wss",
            "server": transport.get_extra_info("sockname"),
            "client": self._connection.client,
            "root_path": self._root_path,
            "path": self._root_path + unquote(path),
            "raw_path": self._root_path.encode("ascii") + path.encode("ascii"),
            "query_string": query.encode("ascii"),
            "headers": [
                (name.encode("ascii").lower(), _raw(value))
                for name, value in request.headers.raw_items()
            ],
            "subprotocols": [name.strip() for offer in offers for name in offer.split(",")],
            "state": self._state.copy(),
            "extensions": {
                "websocket.http.response": {},
                EXTENSION: {"sink": self._connection, "attach": self._connection.attach},
                UNTIL_LOST: {"call": self._connection.until_lost},
            },
        }

    # What the application uses.

    async def _ask(self, scope: Scope) -> None:
        """Ask the application, in a task, whether to accept."""
        try:
            await self._app(scope, self._receive, self._send)
        except ConnectionError:
            pass  # the client has gone
        except Exception:
            _logger.exception("the application failed at the handshake of a WebSocket")
        finally:
            self.fail()
            self._connection.give_up()

    async def _receive(self) -> Message:
        if not self._is_asked:
            self._is_asked = True
            return {"type": "websocket.connect"}
        await self._lost.wait()
        return {"type": "websocket.disconnect", "code": 1006}

    async def _send(self, message: Message) -> None:
        if self._lost.is_set() or self._connection.transport.is_closing():
            raise ConnectionResetError("the client has gone")
        kind = message["type"]
        if kind == "websocket.http.response.body" and self._refusal is not None:
            self._body += message.get("body", b"")
            if not message.get("more_body", False):
                self._refuse(*self._refusal)
        elif self._is_over or self._refusal is not None:
            raise RuntimeError(f"unexpected ASGI message {kind!r}: the handshake is over")
        elif kind == "websocket.accept":
            self._accept(message)
        elif kind == "websocket.close":
            self._respond(self._http.reject(HTTPStatus.FORBIDDEN, ""))
        elif kind == "websocket.http.response.start":
            self._refusal = message["status"], Headers(_texts(message.get("headers", ())))
        else:
            raise RuntimeError(f"unexpected ASGI message {kind!r} in a handshake")

    def _accept(self, message: Message) -> None:
        response = self._response
        assert response is not None, "the application is asked after that"
        del response.headers["Date"]
        response.headers.update(_texts([*self._headers, *message.get("headers", ())]))
        subprotocol = message.get("subprotocol")
        if subprotocol:
            response.headers["Sec-WebSocket-Protocol"] = subprotocol
        self._http.send_response(response)
        self._connection.open(agreed_window_bits(self._http.extensions))
        self._answer(is_last=False)

    def _refuse(self, status: int, headers: Headers) -> None:
        """Answer by the application's own response."""
        headers.setdefault("Date", email.utils.formatdate(usegmt=True))
        headers.setdefault("Connection", "close")
        headers.setdefault("Content-Length", str(len(self._body)))
        headers.setdefault("Content-Type", "text/plain; charset=utf-8")
        self._respond(Response(status, HTTPStatus(status).phrase, headers, self._body))

    def _respond(self, response: Response) -> None:
        self._http.send_response(response)
        self._answer(is_last=True)

    def _answer(self, *, is_last: bool) -> None:
        self._end()
        self._connection.answer(b"".join(self._http.data_to_send()), is_last=is_last)

    def _end(self) -> None:
        """Read nothing more, and break the cycles of websockets' object, so that it is freed."""
        self._is_over = True
        self._http.parser.close()
        error: BaseException | None = self._http.handshake_exc
        while error is not None:
            error.__traceback__ = None  # the request holds the error, and its frames the request
            error = error.__context__


def _texts(headers: Sequence[tuple[bytes, bytes]]) -> list[tuple[str, str]]:
    return [(name.decode("latin-1"), value.decode("latin-1")) for name, value in headers]


def _raw(value: str) -> bytes:
    """The bytes of a header's value; websockets before 17 escapes those that are not ASCII."""
    try:
        return value.encode("latin-1")
    except UnicodeEncodeError:
        return value.encode("ascii", "surrogateescape")
