"""uvicorn's WebSocket protocol, with an outlet that writes to the transport directly.

By itself uvicorn has a task switch for each message and client, sets no limit on how long a client
may take nothing, and mistakes a client that reads slowly for one that is dead. What this adds:

- `write_text` and `write_texts` put whole frames into the transport's buffer, and say whether it
  is too full.
- A client that takes nothing for `send_timeout_s` is dropped. Taken is what its side has
  acknowledged (on Linux), so that one which reads slowly but steadily is never dropped, not for an
  unanswered ping either, which waits behind what it has not read.
- The kernel gets a send buffer of limited size, that it may not hide the stall.
- An idle connection takes a quarter less memory.

```python
uvicorn.Config(app, ws=OutletProtocol.with_limits(SocketLimits(send_timeout_s=30)))
```

Source: uvicorn/protocols/websockets/websockets_sansio_impl.py of uvicorn 0.54; RFC 6455, 5.2.
"""

from __future__ import annotations

import asyncio
import socket
import struct
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from uvicorn._types import ASGISendEvent
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import CloseCode
from websockets.protocol import OPEN

from graphql_api.transport.light_asyncio import LightEvent, LightQueue
from graphql_api.transport.outlet import EXTENSION

if sys.platform == "linux":
    from fcntl import ioctl
    from termios import TIOCOUTQ

_FINAL_TEXT = 0x81
_MAX_7_BITS = 125
_MAX_16_BITS = 0xFFFF
_LOOKS_PER_TIMEOUT = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class SocketLimits:
    """How much of a socket's data waits where, and for how long.

    Attributes:
        send_timeout_s: How long a client may take nothing of what there is for it.
        send_buffer_bytes: What the kernel is told to buffer (SO_SNDBUF); Linux takes it twice.
        write_buffer_bytes: How much may wait in the server before it is not writable.
    """

    send_timeout_s: float = 10.0
    send_buffer_bytes: int = 65_536
    write_buffer_bytes: int = 65_536


class StallWatch:
    """Tells one who takes nothing from one who takes little. Pure: times and amounts are told.

    Args:
        timeout_s: How long nothing may be taken.
        taken: How much has been taken so far.
        now_s: The time.
    """

    __slots__ = ("_at_s", "_taken", "_timeout_s")

    def __init__(self, timeout_s: float, *, taken: int, now_s: float) -> None:
        self._timeout_s = timeout_s
        self._taken = taken
        self._at_s = now_s

    def is_stalled(self, *, taken: int, now_s: float) -> bool:
        """Whether nothing has been taken for the whole time; to be asked now and then."""
        if taken > self._taken:
            self._taken = taken
            self._at_s = now_s
        return now_s - self._at_s >= self._timeout_s


def text_frame_header(length: int) -> bytes:
    """The header of an unmasked, final text frame."""
    if length <= _MAX_7_BITS:
        return bytes((_FINAL_TEXT, length))
    if length <= _MAX_16_BITS:
        return struct.pack("!BBH", _FINAL_TEXT, 126, length)
    return struct.pack("!BBQ", _FINAL_TEXT, 127, length)


class OutletProtocol(WebSocketsSansIOProtocol):
    """One WebSocket connection, which is its own outlet."""

    limits: ClassVar[SocketLimits] = SocketLimits()

    @classmethod
    def with_limits(cls, limits: SocketLimits) -> type[Self]:
        """The same class with other limits; uvicorn wants a class."""
        return type(cls.__name__, (cls,), {"limits": limits})

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.queue = LightQueue()  # type: ignore[assignment]
        self.writable = LightEvent()  # type: ignore[assignment]
        self.writable.set()
        self._callbacks: list[Callable[[], None]] = []
        self._written = 0
        self._taken_at_ping = 0
        self._watch: StallWatch | None = None
        self._look_timer: asyncio.TimerHandle | None = None

    # The outlet.

    @property
    def is_writable(self) -> bool:
        """As in `Outlet`."""
        waiting = self.transport.get_write_buffer_size()
        return waiting < self.limits.write_buffer_bytes and not self.is_closed

    @property
    def is_closed(self) -> bool:
        """As in `Outlet`."""
        return self.conn.state is not OPEN or self.transport.is_closing()

    def on_writable(self, callback: Callable[[], None]) -> None:
        """As in `Outlet`."""
        self._callbacks.append(callback)

    def write_text(self, text: bytes) -> None:
        """As in `Outlet`."""
        self.write_texts(b"", (text,), b"")

    def write_texts(self, prefix: bytes, middles: Sequence[bytes], suffix: bytes) -> None:
        """As in `Outlet`."""
        if self.is_closed:
            return
        if self.conn.extensions:  # permessage-deflate
            for middle in middles:
                self.conn.send_text(prefix + middle + suffix)
            data = b"".join(self.conn.data_to_send())
        else:
            around = len(prefix) + len(suffix)
            parts: list[bytes] = []
            for middle in middles:
                parts += (text_frame_header(around + len(middle)), prefix, middle, suffix)
            data = b"".join(parts)
        self._written += len(data)
        self.transport.write(data)

    async def flush(self) -> None:
        """As in `Outlet`."""

    def abort(self) -> None:
        """As in `Outlet`."""
        self.transport.abort()

    # What uvicorn and the transport call.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Limit the buffers."""
        super().connection_made(transport)
        sock = transport.get_extra_info("socket")
        if sock is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, self.limits.send_buffer_bytes)
        # So `pause_writing` means that something waits, and `resume_writing` that nothing does.
        self.transport.set_write_buffer_limits(high=0)

    def connection_lost(self, exc: Exception | None) -> None:
        """End the watch, and let nobody wait any more."""
        self._stop_watch()
        super().connection_lost(exc)
        self._call_back()

    def pause_writing(self) -> None:
        """Something waits: see that it is taken."""
        super().pause_writing()
        self._watch = StallWatch(
            self.limits.send_timeout_s, taken=self._taken_bytes(), now_s=self.loop.time()
        )
        self._look_later()

    def resume_writing(self) -> None:
        """Nothing waits any more."""
        self._stop_watch()
        super().resume_writing()
        self._call_back()

    async def run_asgi(self) -> None:
        """Offer the outlet to the application."""
        extensions = self.scope.get("extensions") or {}
        self.scope["extensions"] = {**extensions, EXTENSION: {"outlet": self}}
        await super().run_asgi()

    async def send(self, message: ASGISendEvent) -> None:
        """As in uvicorn; the headers of a handshake are of no use after it."""
        await super().send(message)
        if message["type"] == "websocket.accept":
            del self.request, self.response

    def send_receive_event_to_app(self) -> None:
        """Close at text that is not UTF-8; uvicorn would log a traceback for each."""
        if self.curr_msg_data_type == "text" and not self.close_sent:
            try:
                b"".join(self.frames).decode()
            except UnicodeDecodeError:
                self.frames = []
                if self.conn.state is OPEN:
                    self.conn.send_close(CloseCode.INVALID_DATA)
                self.handle_parser_exception()
                return
        super().send_receive_event_to_app()

    def handle_ping(self) -> None:
        """Count what is written."""
        before = self._unsent_bytes()
        super().handle_ping()
        self._written += max(0, self._unsent_bytes() - before)

    def shutdown(self) -> None:
        """End with the server; uvicorn fails at a connection that is closing already."""
        if self.handshake_complete and not self.close_sent and self.conn.state is not OPEN:
            self.stop_keepalive()
            self.transport.abort()
        else:
            super().shutdown()

    def send_keepalive_ping(self) -> None:
        """Count what is written, and remember how far the client was."""
        before = self._unsent_bytes()
        self._taken_at_ping = self._written - before
        super().send_keepalive_ping()
        self._written += max(0, self._unsent_bytes() - before)

    def keepalive_timeout(self) -> None:
        """Do not take a client for dead while it takes what is before the ping.

        While something waits the watch decides; it is quicker, too.
        """
        taken = self._taken_bytes()
        is_alive = self._watch is not None or taken > self._taken_at_ping
        if is_alive and self.ping_timeout is not None:
            self._taken_at_ping = taken
            self.pong_timer = self.loop.call_later(self.ping_timeout, self.keepalive_timeout)
        else:
            super().keepalive_timeout()

    # The watch.

    def _taken_bytes(self) -> int:
        """How much the other side has taken of what was written, as far as can be known."""
        return self._written - self._unsent_bytes()

    def _unsent_bytes(self) -> int:
        return self.transport.get_write_buffer_size() + self._kernel_bytes()

    def _kernel_bytes(self) -> int:
        """How much the kernel holds that has not been acknowledged."""
        if sys.platform != "linux":
            return 0
        sock = self.transport.get_extra_info("socket")
        if sock is None:
            return 0
        try:
            (waiting,) = struct.unpack("i", ioctl(sock.fileno(), TIOCOUTQ, bytes(4)))
        except OSError:
            return 0
        return int(waiting)

    def _look_later(self) -> None:
        interval_s = self.limits.send_timeout_s / _LOOKS_PER_TIMEOUT
        self._look_timer = self.loop.call_later(interval_s, self._look)

    def _look(self) -> None:
        assert self._watch is not None
        if self._watch.is_stalled(taken=self._taken_bytes(), now_s=self.loop.time()):
            self._stop_watch()
            self.logger.info("a client took nothing for %g s", self.limits.send_timeout_s)
            self.transport.abort()
        else:
            self._look_later()

    def _stop_watch(self) -> None:
        self._watch = None
        if self._look_timer is not None:
            self._look_timer.cancel()
            self._look_timer = None

    def _call_back(self) -> None:
        callbacks, self._callbacks = self._callbacks, []
        for callback in callbacks:
            callback()
