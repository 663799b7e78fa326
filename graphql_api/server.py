"""The shell around the application: its listening socket, uvicorn, and how it all ends."""

from __future__ import annotations

import errno
import socket
from collections.abc import Callable

import uvicorn
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from graphql_api.errors import ConfigurationError
from graphql_api.settings import Settings

_BACKLOG = 2048


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens on this address.

    Whoever connects before the application has started waits, and is served then.

    Raises:
        ConfigurationError: The address cannot be listened on; the text says why.
    """
    try:
        family, _, _, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        return socket.create_server(address[:2], family=family, backlog=_BACKLOG)
    except OSError as error:
        raise listening_failed(host, port, error) from error


def listening_failed(host: str, port: int, error: OSError) -> ConfigurationError:
    """The operator's version of an error that came of listening on an address."""
    if error.errno == errno.EADDRINUSE:
        return ConfigurationError(
            f"port {port} of {host} is taken by another program; --port chooses another"
        )
    reason = error.strerror or str(error)
    return ConfigurationError(f"cannot listen on {host}, port {port}: {reason}")


def run(app: ASGIApp, listener: socket.socket, settings: Settings) -> None:
    """Serve until SIGINT or SIGTERM, which are the regular ways to end it.

    Args:
        app: The application.
        listener: The socket to accept connections from.
        settings: Limits of the transport.

    Raises:
        Exception: What ended the application's lifespan before its time. A group of one exception
            is opened.
    """
    supervised = _Supervised(app)
    server = uvicorn.Server(_config(supervised, settings))
    supervised.on_failure = lambda: setattr(server, "should_exit", True)
    try:
        server.run(sockets=[listener])
    except KeyboardInterrupt:
        pass  # uvicorn has shut down, and passes on the signal that asked for it
    except SystemExit:
        if supervised.failure is None:
            raise
    if supervised.failure is not None:
        raise supervised.failure


def _config(app: ASGIApp, settings: Settings) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        access_log=False,
        http="httptools",
        lifespan="on",
        log_config=None,
        # Nothing here depends on the client's address or scheme, so nobody is believed about them.
        proxy_headers=False,
        server_header=False,
        timeout_graceful_shutdown=settings.shutdown_grace_s,
        ws="websockets-sansio",
        ws_max_size=settings.max_message_bytes,
        # A compressor for each socket, and a compression for each message and client, cost more
        # than they save: shared execution sends the same bytes to all.
        ws_per_message_deflate=False,
    )


class _Supervised:
    """The application, whose lifespan's failure ends the server instead of being only logged.

    By itself uvicorn logs a traceback, also where the cause is the operator's; and when a task of
    the lifespan fails later, it goes on serving an application that is dead.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self.failure: Exception | None = None
        self.on_failure: Callable[[], None] = lambda: None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "lifespan":
            await self._app(scope, receive, send)
            return

        async def send_without_traceback(message: Message) -> None:
            await send({key: value for key, value in message.items() if key != "message"})

        try:
            await self._app(scope, receive, send_without_traceback)
        except Exception as error:
            self.failure = _opened(error)
            self.on_failure()
            raise


def _opened(error: Exception) -> Exception:
    while isinstance(error, ExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    return error
