"""uvicorn's WebSocket protocol, with an outlet that writes to the transport directly.

What this adds, besides what `watched` does:

- `write_text` and `write_texts` put whole frames into the transport's buffer.
- A client that reads slowly but steadily is not mistaken for a dead one either, for the sake of an
  unanswered ping, which waits behind what it has not read.
- A client that takes no pongs, or sends fragments without end, fills no memory.
- An idle connection takes a quarter less memory.

```python
uvicorn.Config(app, ws=OutletProtocol.with_limits(SocketLimits(send_timeout_s=30)))
```

Source: uvicorn/protocols/websockets/websockets_sansio_impl.py of uvicorn 0.54; RFC 6455, 5.2 and
5.5.3.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any

from uvicorn._types import ASGIReceiveEvent, ASGISendEvent
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import CloseCode, Frame
from websockets.protocol import OPEN

from graphql_api.transport.light_asyncio import LightEvent, LightQueue
from graphql_api.transport.outlet import EXTENSION
from graphql_api.transport.watched import WatchedConnection

_FINAL_TEXT = 0x81
_MAX_7_BITS = 125
_MAX_16_BITS = 0xFFFF

_MAX_FRAGMENTS = 4096
"""How many fragments a message may have, as in websockets: empty ones add nothing to its size."""


def text_frame_header(length: int) -> bytes:
    """The header of an unmasked, final text frame."""
    if length <= _MAX_7_BITS:
        return bytes((_FINAL_TEXT, length))
    if length <= _MAX_16_BITS:
        return struct.pack("!BBH", _FINAL_TEXT, 126, length)
    return struct.pack("!BBQ", _FINAL_TEXT, 127, length)


class OutletProtocol(WatchedConnection, WebSocketsSansIOProtocol):
    """One WebSocket connection, which is its own outlet."""

    _pong: bytes | None = None  # on the class: most connections never need their own

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.conn.debug = False  # else it logs headers and frames, tokens and passwords in them
        self.queue = LightQueue()  # type: ignore[assignment]
        self.writable = LightEvent()  # type: ignore[assignment]
        self.writable.set()
        self.read_paused = True  # for uvicorn: not to pause and resume the transport by itself
        self._taken_at_ping = 0

    # The outlet.

    @property
    def is_closed(self) -> bool:
        """As in `Outlet`."""
        return self.conn.state is not OPEN or self.transport.is_closing()

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
        self._write(data)

    # What uvicorn calls.

    async def run_asgi(self) -> None:
        """Offer the outlet to the application."""
        extensions = self.scope.get("extensions") or {}
        self.scope["extensions"] = {**extensions, EXTENSION: {"outlet": self}}
        await super().run_asgi()

    def _read(self, data: bytes) -> None:
        """As in uvicorn, which leaves a handshake open for ever whose headers are too long."""
        super()._read(data)
        self._is_paused = not self._is_taken
        if self.conn.handshake_exc is not None and not self.transport.is_closing():
            self.transport.write(b"".join(self.conn.data_to_send()))
            self.transport.close()

    async def receive(self) -> ASGIReceiveEvent:
        """As in uvicorn."""
        message: ASGIReceiveEvent = await self.queue.get()
        if self._is_taken:
            self.resume_reading()
        return message

    @property
    def _is_taken(self) -> bool:
        """Whether everything that was read is taken.

        When the close frame has been sent nobody takes anything, and the answer to it is to come.
        """
        return self.queue.empty() or self.close_sent

    async def send(self, message: ASGISendEvent) -> None:
        """As in uvicorn; the headers of a handshake are of no use after it.

        A refusal that is a whole response completes the handshake, too: uvicorn would log an error
        for each.
        """
        await super().send(message)
        if message["type"] == "websocket.http.response.body":
            self.handshake_complete = self.close_sent
        if message["type"] == "websocket.accept":
            del self.request, self.response
        if self.close_sent:
            self.resume_reading()

    def send_receive_event_to_app(self) -> None:
        """Close at text that is not UTF-8; uvicorn would log a traceback for each."""
        if self.curr_msg_data_type == "text" and not self.close_sent:
            try:
                b"".join(self.frames).decode()
            except UnicodeDecodeError:
                self._fail(CloseCode.INVALID_DATA)
                return
        super().send_receive_event_to_app()

    def handle_cont(self, event: Frame) -> None:
        """Close at a message of too many fragments."""
        if len(self.frames) < _MAX_FRAGMENTS:
            super().handle_cont(event)
        else:
            self._fail(CloseCode.MESSAGE_TOO_BIG)

    def _fail(self, code: CloseCode) -> None:
        self.frames = []
        if self.conn.state is OPEN:
            self.conn.send_close(code)
        self.handle_parser_exception()

    def handle_ping(self) -> None:
        """Answer; a client that does not take its answers gets the last ones only."""
        pongs = b"".join(self.conn.data_to_send())  # of all pings of this turn, for the first
        if self.is_writable or self.is_closed:
            self._write(pongs)
        elif pongs:
            if self._pong is None:
                self.on_writable(self._answer_ping)
            self._pong = pongs

    def _answer_ping(self) -> None:
        if self._pong is not None and not self.is_closed:
            self._write(self._pong)
        self._pong = None

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
