"""The server around the application: its sockets, uvicorn, signals, and the shutdown."""

from __future__ import annotations

import asyncio
import errno
import logging
import resource
import socket
import sys
import time
from collections.abc import Callable, Sequence
from types import FrameType
from typing import Any, Protocol, cast

import uvicorn
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from graphql_api.errors import ConfigurationError
from graphql_api.garbage import collect_garbage_seldom
from graphql_api.limits.answer_memory import Answers
from graphql_api.limits.client_limits import ClientLimits
from graphql_api.limits.connection_limits import ConnectionLimits
from graphql_api.limits.traffic import Traffic
from graphql_api.limits.turn_queue import TurnQueue
from graphql_api.listeners import stop_listening
from graphql_api.server.flow_control import Kernel, WatchedConnection, ask_kernel
from graphql_api.server.tls_handshake import HandshakeProtocols
from graphql_api.server.uvicorn_http import StreamingProtocol
from graphql_api.server.websocket_protocol import WebSocketProtocol
from graphql_api.settings import Settings
from graphql_api.tls import Certificate
from graphql_api.watched_file import FileWatch

_SWITCH_INTERVAL_S = 0.001
"""How long a thread with long work may keep the interpreter while the event loop waits for it; the
loop gives it away with each call of the kernel, some ten times for one request."""
_LAST_LOOK_S = 0.3
"""uvicorn needs a moment to see that no connection is left: it looks every 0.1 s."""

_TICKS_PER_LOG_LOOK = 10

_OTHER_DESCRIPTORS = 256
"""What is open besides the clients' connections: those to the database, files, the event loop."""
_OUT_OF_DESCRIPTORS = {errno.EMFILE, errno.ENFILE}

_logger = logging.getLogger(__name__)


class DrainableApplication(Protocol):
    """An ASGI application that can close its connections before it ends.

    Attributes:
        admission: Decides which connections are let in.
        answers: The large answers that it sends.
        file_watch: Looks at the files that may change, from its start to its end.
        traffic: Counts what is written.
    """

    admission: ConnectionLimits
    answers: Answers
    file_watch: FileWatch
    traffic: Traffic

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve, as ASGI has it."""

    async def drain(self, spread_s: float) -> None:
        """Send clients away, one after the other within `spread_s`, and return when they went."""


def run(app: DrainableApplication, listeners: Sequence[socket.socket], settings: Settings) -> None:
    """Serve until SIGINT or SIGTERM, which are the regular ways to end it.

    Args:
        app: The application.
        listeners: The sockets to accept connections from.
        settings: Limits of the transport.

    Raises:
        Exception: What ended the application's lifespan before its time. A group of one exception
            is opened.
    """
    app.admission.lower(_allow_descriptors(settings.max_connections))
    collect_garbage_seldom()
    sys.setswitchinterval(_SWITCH_INTERVAL_S)
    server = Server(app, settings)
    try:
        server.run(sockets=[*listeners])
    except asyncio.CancelledError:
        pass  # a signal came during the start
    except SystemExit:
        if server.failure is None:
            raise
    if server.failure is not None:
        raise server.failure


class Server(uvicorn.Server):
    """uvicorn's server, which drains, ends when the lifespan fails, and handles every signal.

    By itself uvicorn closes all sockets at once, before the application hears of it. It only logs a
    failed lifespan, with a traceback even where the cause is the operator's; when a task of the
    lifespan fails later, it goes on serving an application that is dead. While the application
    starts, it is deaf to signals. And for a TLS handshake it would wait a minute.

    Attributes:
        failure: What ended the lifespan, if something did.
    """

    def __init__(
        self,
        app: DrainableApplication,
        settings: Settings,
        *,
        kernel: Kernel = ask_kernel,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        certificate = None
        if settings.tls_cert is not None:
            try:
                certificate = Certificate(settings.tls_cert, settings.tls_key)
            except ConfigurationError as error:
                raise ConfigurationError(f"--tls-cert: {error}") from error
            app.file_watch.add(certificate.refresh)
        self._turns = turns = TurnQueue(clock)
        super().__init__(
            _config(self._supervised, app, settings, certificate, kernel=kernel, turns=turns)
        )
        self._app = app
        self._grace_s = settings.shutdown_grace_s
        self._request_timeout_s = settings.request_timeout_s
        self._forced = asyncio.Event()
        self.failure: Exception | None = None
        self._handler: Callable[[asyncio.AbstractEventLoop, dict[str, Any]], object] | None = None
        self._cancel: Callable[[], object]
        self._force: Callable[[], object]

    async def serve(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, serve and shut down.

        Raises:
            CancelledError: A signal came during the start.
        """
        task = asyncio.current_task()
        assert task is not None
        loop = asyncio.get_running_loop()
        self._handler = loop.get_exception_handler()
        loop.set_exception_handler(self._on_loop_error)
        self._cancel = lambda: loop.call_soon_threadsafe(task.cancel)
        self._force = lambda: loop.call_soon_threadsafe(self._forced.set)
        try:
            await super().serve(sockets)
        finally:
            loop.set_exception_handler(self._handler)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start the application, then listen; a TLS handshake may take as long as a request."""
        await super().startup(sockets=[])
        loop = asyncio.get_running_loop()
        make: Callable[[], asyncio.Protocol] = self._make_protocol
        if self.config.ssl is not None:
            make = HandshakeProtocols(
                make_next=self._make_protocol,
                admission=self._app.admission,
                server_state=self.server_state,
                context=self.config.ssl,
                timeout_s=self._request_timeout_s,
                turns=self._turns,
            )
        for listener in sockets or ():
            # asyncio accepts as many connections in a row as may wait. If the system has no more
            # descriptors, it logs a traceback for each, and tries again with each on its own.
            listening = await loop.create_server(make, sock=listener, backlog=1)
            listener.listen(self.config.backlog)
            self.servers.append(listening)

    def _make_protocol(self) -> StreamingProtocol:
        make = cast("Callable[..., StreamingProtocol]", self.config.http_protocol_class)
        return make(
            config=self.config, server_state=self.server_state, app_state=self.lifespan.state
        )

    def _on_loop_error(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        number = error.errno if isinstance(error, OSError) else None
        if "socket" in context and number in _OUT_OF_DESCRIPTORS:  # it is tried again in a second
            reason = "no open file is left (--max-connections; ulimit -Hn, LimitNOFILE)"
            self._app.admission.log.record("somewhere", reason)
        elif self._handler is not None:
            self._handler(loop, context)
        else:
            loop.default_exception_handler(context)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002 - uvicorn's
        """Shut down in order; at a second signal of any kind, stop at once.

        Before the start is complete, that is to stop where it stands.
        """
        if not self.started:
            self._cancel()
        elif self.should_exit:
            self.force_exit = True
            self._force()
        else:
            # Not uvicorn's, which raises the signal again when all is done.
            self.should_exit = True

    async def on_tick(self, counter: int) -> bool:
        """Look now and then what there is to do; uvicorn ticks at 10 Hz."""
        if counter % _TICKS_PER_LOG_LOOK == 0:
            self._app.admission.log.flush()
        return await super().on_tick(counter)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Close the clients' connections within the grace period, then the rest at once.

        Until they went, requests are still answered: `/readyz` says that this server is going. What
        is left of the grace period is for requests that are not answered yet.
        """
        clock = asyncio.get_running_loop().time
        grace_ends_at_s = clock() + self._grace_s
        self._app.admission.is_draining = True
        if not self.force_exit:
            if self.failure is None:
                _logger.info(
                    "stopping: clients have %g s to leave; a second signal ends it at once",
                    self._grace_s,
                )
            drain = asyncio.ensure_future(self._app.drain(self._grace_s))
            forced = asyncio.ensure_future(self._forced.wait())
            await asyncio.wait({drain, forced}, return_when=asyncio.FIRST_COMPLETED)
            forced.cancel()
            drain.cancel()
            await asyncio.wait({drain, forced})
            if not drain.cancelled() and (error := drain.exception()) is not None:
                _logger.error("sending the clients away has failed", exc_info=error)
        left_s = max(_LAST_LOOK_S, grace_ends_at_s - clock())
        self.config.timeout_graceful_shutdown = left_s  # type: ignore[assignment]
        for listening in self.servers:
            await stop_listening(listening)
        await super().shutdown(sockets)
        # uvicorn leaves those open that were not done in time, or whose clients take nothing.
        for connection in [*self.server_state.connections]:
            if isinstance(connection, WatchedConnection):
                connection.abort()

    async def _supervised(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "lifespan":
            await self._app(scope, receive, send)
            return
        phase = "startup"

        async def send_progress(message: Message) -> None:
            nonlocal phase
            if message["type"] == "lifespan.startup.complete":
                phase = "shutdown"
            if not message["type"].endswith(".failed"):  # is said below, without a traceback
                await send(message)

        try:
            await self._app(scope, receive, send_progress)
        except BaseException as error:
            await send({"type": f"lifespan.{phase}.failed"})
            if not isinstance(error, Exception):
                raise
            self.failure = _opened(error)
            self.should_exit = True


def _allow_descriptors(connections: int) -> int:
    """Raise the limit on descriptors to one for each connection, as far as the system allows.

    Many systems begin with 1024, for the sake of programs that still use `select`.

    Returns:
        How many connections there may be.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = connections + _OTHER_DESCRIPTORS
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return connections
    allowed = wanted if hard == resource.RLIM_INFINITY else min(hard, wanted)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
    except (ValueError, OSError):  # macOS has another limit besides, and does not say which
        allowed = soft
    if allowed >= wanted:
        return connections
    possible = max(allowed - _OTHER_DESCRIPTORS, allowed // 2)
    _logger.warning(
        "the system allows %d open files, too few for %d connections (--max-connections): there "
        "may be %d; raise its limit (ulimit -Hn, LimitNOFILE) for more",
        allowed,
        connections,
        min(possible, connections),
    )
    return min(possible, connections)


def _config(
    supervised: ASGIApp,
    app: DrainableApplication,
    settings: Settings,
    certificate: Certificate | None,
    *,
    kernel: Kernel,
    turns: TurnQueue,
) -> uvicorn.Config:
    limits = ClientLimits.of(settings)
    http = StreamingProtocol.with_limits(limits, kernel, turns, app.traffic)
    return uvicorn.Config(
        supervised,
        access_log=False,
        http=http.with_admission(app.admission, app.answers),
        interface="asgi3",
        lifespan="on",
        log_config=None,
        # Only these may name the client's address, by which connections are counted.
        proxy_headers=bool(settings.trusted_proxy),
        forwarded_allow_ips=[*settings.trusted_proxy],
        server_header=False,
        ssl_context_factory=None if certificate is None else lambda *_: certificate.value,
        timeout_keep_alive=settings.keep_alive_s,  # type: ignore[arg-type]
        timeout_graceful_shutdown=settings.shutdown_grace_s,
        ws=WebSocketProtocol.with_limits(limits, kernel, turns, app.traffic),
        ws_max_size=settings.max_message_bytes,
        ws_per_message_deflate=settings.compress_messages,
    )


def _opened(error: Exception) -> Exception:
    while isinstance(error, ExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    return error
