"""TLS handshakes of connections, which count towards the limits from `accept` on.

With `ssl=…` asyncio and uvloop create the protocol of a connection first and call it only after the
handshake: until then no limit would count the connection, and a silent peer costs a descriptor.

```
 accept ─▶ HandshakeProtocol ─▶ admit ─▶ first record ─▶ start_tls ─▶ StreamingProtocol
                                │ no: closed at once      │ no: closed, silently
```

A handshake takes a millisecond or two, most of it for the private key. A connection costs only its
descriptor until the first record has come as a whole, and then waits for its turn: handshakes of
hundreds of connections at once hold up nothing else.

Source: RFC 8446, 5.1 (records).
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

from uvicorn.server import ServerState

from graphql_api.limits.connection_limits import ConnectionLimits, Entry
from graphql_api.limits.turn_queue import TurnQueue
from graphql_api.server.flow_control import client_of
from graphql_api.server.uvicorn_http import StreamingProtocol

_LIMITED_HANDSHAKE_S = 3.0
"""How long the handshake of a connection beyond the limit may take: there are few such places."""

_HANDSHAKE = b"\x16"
"""The type of the record with which a client begins."""
_HEADER_BYTES = 5
"""Of a record: its type, a version, and how long it is."""
_MAX_RECORD_BYTES = 16_384


@dataclass(frozen=True, slots=True, kw_only=True)
class HandshakeProtocols:
    """Makes the protocols of one TLS server's new connections.

    Attributes:
        make_next: Makes the protocol that follows after a handshake.
        admission: Decides which connections are let in.
        server_state: Holds the connections that count, and the tasks that the server waits for.
        context: The server's certificate.
        timeout_s: How long a handshake may take.
        turns: Where handshakes wait for their turns.
    """

    make_next: Callable[[], StreamingProtocol]
    admission: ConnectionLimits
    server_state: ServerState
    context: ssl.SSLContext
    timeout_s: float
    turns: TurnQueue

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
        self._has_begun = False
        self._is_lost = False
        self._transport: asyncio.Transport
        self._task: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Count the connection, and wait for the first record; or close it."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is of no such class
        server = self._server
        client = client_of(self._transport)
        connections = server.server_state.connections
        entry = server.admission.admit(client and client[0], len(connections) + 1)
        if not isinstance(entry, Entry):
            self._transport.abort()
            return
        self._entry = entry
        if entry.spare is not None:
            entry.spare.give_way = lambda _: self._transport.abort()
        connections.add(self)  # type: ignore[arg-type]
        timeout_s = server.timeout_s
        if entry.is_limited:
            timeout_s = min(timeout_s, _LIMITED_HANDSHAKE_S)
        self._timer = asyncio.get_running_loop().call_later(timeout_s, self.shutdown)

    def data_received(self, data: bytes) -> None:
        """Keep what comes before `start_tls` begins, or with the end of the handshake."""
        self._received += data
        if not self._has_begun and _is_record(self._received):
            self._has_begun = True
            self._transport.pause_reading()
            self._server.turns.call(self._begin, asyncio.get_running_loop())

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's
        """Forget the connection."""
        self._is_lost = True
        self._forget()

    def shutdown(self) -> None:
        """End with the server, for which uvicorn calls this; or because it takes too long."""
        if self._task is not None:
            self._task.cancel()
        self._transport.abort()  # a task that has not begun ends without doing anything

    def _begin(self) -> None:
        """Begin the handshake: it has its turn."""
        if self._is_lost or self._transport.is_closing():
            return
        loop = asyncio.get_running_loop()
        tasks = self._server.server_state.tasks
        self._task = loop.create_task(self._shake_hands())
        # Behind the first step of that task, and behind what `start_tls` has called soon.
        loop.call_soon(loop.call_soon, self._pass_on_early)
        tasks.add(self._task)
        self._task.add_done_callback(tasks.discard)

    async def _shake_hands(self) -> None:
        try:
            tls: Any = await asyncio.get_running_loop().start_tls(
                self._transport,
                self,
                self._server.context,
                server_side=True,
                ssl_handshake_timeout=self._server.timeout_s,
            )
            entry = self._entry
            if tls is not None and not tls.is_closing() and entry is not None:
                self._go_on(tls, entry)
        except OSError:
            pass  # no TLS, none that this server speaks, or none in time: nothing to answer by
        finally:
            self._task = None
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
        self._forget()
        protocol = self._server.make_next()
        protocol.enter(entry)
        tls.set_protocol(protocol)
        protocol.connection_made(tls)
        received, self._received = self._received, b""
        if received:
            protocol.data_received(received)

    def _forget(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._server.server_state.connections.discard(self)
        entry, self._entry = self._entry, None
        if entry is not None:
            entry.leave()


def _is_record(data: bytes) -> bool:
    """Whether a whole record has come, or something else with which no handshake begins."""
    if not _HANDSHAKE.startswith(data[:1]):
        return True
    length = int.from_bytes(data[3:_HEADER_BYTES], "big")
    return len(data) >= _HEADER_BYTES + min(length, _MAX_RECORD_BYTES)
