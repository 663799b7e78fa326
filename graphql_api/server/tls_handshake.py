"""TLS handshakes of connections, which count towards the limits from `accept` on.

With `ssl=…` asyncio and uvloop create the protocol of a connection first and call it only after the
handshake: until then no limit would count the connection, and a silent peer costs a descriptor.

```
 accept ──▶ HandshakeProtocol ──▶ ConnectionLimits.admit ──▶ start_tls ──▶ StreamingProtocol
                                   no: closed at once    │ no: closed, silently
```
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

from uvicorn.server import ServerState

from graphql_api.limits.connection_limits import ConnectionLimits, Entry
from graphql_api.server.flow_control import client_of
from graphql_api.server.uvicorn_http import StreamingProtocol

_LIMITED_HANDSHAKE_S = 3.0
"""How long the handshake of a connection beyond the limit may take: there are few such places."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HandshakeProtocols:
    """Makes the protocols of one TLS server's new connections.

    Attributes:
        make_next: Makes the protocol that follows after a handshake.
        admission: Decides which connections are let in.
        server_state: Holds the connections that count, and the tasks that the server waits for.
        context: The server's certificate.
        timeout_s: How long a handshake may take.
    """

    make_next: Callable[[], StreamingProtocol]
    admission: ConnectionLimits
    server_state: ServerState
    context: ssl.SSLContext
    timeout_s: float

    def __call__(self) -> HandshakeProtocol:
        """The protocol of one more connection."""
        return HandshakeProtocol(self)


class HandshakeProtocol(asyncio.Protocol):
    """One connection until its handshake is complete. It owns the task of the handshake.

    Args:
        server: What all connections of the server have in common.
    """

    def __init__(self, server: HandshakeProtocols) -> None:
        self._server = server
        self._entry: Entry | None = None
        self._received = b""
        self._is_lost = False
        self._transport: asyncio.Transport
        self._task: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Count the connection, and begin the handshake; or close it."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is of no such class
        state = self._server.server_state
        client = client_of(self._transport)
        entry = self._server.admission.admit(client and client[0], len(state.connections) + 1)
        if not isinstance(entry, Entry):
            self._transport.abort()
            return
        self._entry = entry
        if entry.spare is not None:
            entry.spare.give_way = lambda _: self._transport.abort()
        state.connections.add(self)  # type: ignore[arg-type]
        loop = asyncio.get_running_loop()
        self._task = loop.create_task(self._shake_hands(entry))
        # Behind the first step of that task, and behind what `start_tls` has called soon.
        loop.call_soon(loop.call_soon, self._pass_on_early)
        state.tasks.add(self._task)
        self._task.add_done_callback(state.tasks.discard)

    def data_received(self, data: bytes) -> None:
        """Keep what comes before `start_tls` begins, or with the end of the handshake."""
        self._received += data

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's
        """Forget the connection."""
        self._is_lost = True
        self._forget()

    def shutdown(self) -> None:
        """End with the server; uvicorn calls this."""
        if self._task is not None:
            self._task.cancel()

    async def _shake_hands(self, entry: Entry) -> None:
        server = self._server
        timeout_s = server.timeout_s
        if entry.is_limited:
            timeout_s = min(timeout_s, _LIMITED_HANDSHAKE_S)
        try:
            tls: Any = await asyncio.get_running_loop().start_tls(
                self._transport,
                self,
                server.context,
                server_side=True,
                ssl_handshake_timeout=timeout_s,
            )
            if tls is not None and not tls.is_closing() and not self._is_lost:
                self._go_on(tls, entry)
        except OSError:
            pass  # no TLS, none that this server speaks, or none in time: nothing to answer by
        finally:
            if self._entry is not None:
                self._transport.abort()
                self._forget()

    def _pass_on_early(self) -> None:
        """Let TLS read what came first; on uvloop a transport reads before a task can begin."""
        early, self._received = memoryview(self._received), b""
        if not early or self._transport.is_closing():
            return
        protocol = cast("asyncio.BufferedProtocol", self._transport.get_protocol())
        while early:
            buffer = memoryview(protocol.get_buffer(len(early)))
            part = early[: len(buffer)]
            buffer[: len(part)] = part
            protocol.buffer_updated(len(part))
            early = early[len(part) :]

    def _go_on(self, tls: Any, entry: Entry) -> None:
        """Have the next protocol take the place of this one."""
        self._entry = None
        self._server.server_state.connections.discard(self)
        protocol = self._server.make_next()
        protocol.enter(entry)
        tls.set_protocol(protocol)
        protocol.connection_made(tls)
        received, self._received = self._received, b""
        if received:
            protocol.data_received(received)

    def _forget(self) -> None:
        self._server.server_state.connections.discard(self)
        entry, self._entry = self._entry, None
        if entry is not None:
            entry.leave()
