"""uvicorn's WebSocket protocol, with an outlet that writes to the transport directly.

What this adds, besides what `flow_control` does:

- `write_text` and `write_texts` put whole frames into the transport's buffer.
- A client that reads slowly but steadily is not mistaken for a dead one either, for the sake of an
  unanswered ping, which waits behind what it has not read.
- A client that takes no pongs, or sends a long message, fills no memory; see `incoming`.
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
from typing import Any, cast

from uvicorn._types import ASGIReceiveEvent, ASGISendEvent
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import CloseCode, Frame, Opcode
from websockets.protocol import OPEN

from graphql_api.execution.sink import EXTENSION
from graphql_api.server.flow_control import WatchedConnection
from graphql_api.server.incoming import (
    LONG_TEXT,
    MAX_BYTES_BEFORE_ACK,
    FrameSplitter,
    IncomingMessage,
)
from graphql_api.server.light_asyncio import LightEvent, LightQueue

_FINAL_TEXT = 0x81
_MAX_7_BITS = 125
_MAX_16_BITS = 0xFFFF


def text_frame_header(length: int) -> bytes:
    """The header of an unmasked, final text frame."""
    if length <= _MAX_7_BITS:
        return bytes((_FINAL_TEXT, length))
    if length <= _MAX_16_BITS:
        return struct.pack("!BBH", _FINAL_TEXT, 126, length)
    return struct.pack("!BBQ", _FINAL_TEXT, 127, length)


class OutletProtocol(WatchedConnection, WebSocketsSansIOProtocol):
    """One WebSocket connection, which is its own outlet."""

    # On the class: most connections never need their own.
    _pong: bytes | None = None
    _message: IncomingMessage | None = None
    _is_known = False

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.conn.debug = False  # else it logs headers and frames, tokens and passwords in them
        self.queue = LightQueue()  # type: ignore[assignment]
        self.writable = LightEvent()  # type: ignore[assignment]
        self.writable.set()
        self.read_paused = True  # for uvicorn: not to pause and resume the transport by itself
        self._taken_at_ping = 0
        self._splitter = FrameSplitter()
        # The splitter and `IncomingMessage` bound what comes; websockets would close the socket.
        self.conn.max_message_size = self.conn.max_fragment_size = None

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
        offer: dict[object, object] = {"outlet": self, "accept_long_texts": self._accept_long_texts}
        self.scope["extensions"] = {**extensions, EXTENSION: offer}
        await super().run_asgi()

    def _read(self, data: bytes) -> None:
        """As in uvicorn, which leaves a handshake open for ever whose headers are too long."""
        split = self._splitter.feed(data)
        if split:
            super()._read(split)
        if self._splitter.is_endless and not self.close_sent:
            self._fail(CloseCode.MESSAGE_TOO_BIG)
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

    def handle_text(self, event: Frame) -> None:
        """Begin a message; or all of it, if it has one part."""
        self._begin(event)

    def handle_bytes(self, event: Frame) -> None:
        """As `handle_text`: what is in the message makes no difference yet."""
        self._begin(event)

    def handle_cont(self, event: Frame) -> None:
        """Go on with a message."""
        self._add(event)

    def _accept_long_texts(self) -> None:
        self._is_known = True

    def _begin(self, event: Frame) -> None:
        max_bytes = self.config.ws_max_size
        if not self._is_known:
            max_bytes = min(max_bytes, MAX_BYTES_BEFORE_ACK)
        self.curr_msg_data_type = "text" if event.opcode is Opcode.TEXT else "bytes"
        self._message = IncomingMessage(max_bytes)
        self._add(event)

    def _add(self, event: Frame) -> None:
        message = self._message
        if self.close_sent or message is None:
            return
        message.add(bytes(event.data))
        if message.is_hopeless or (message.is_too_long and not self._is_known):
            self._fail(CloseCode.MESSAGE_TOO_BIG)
        elif event.fin:
            self._message = None
            self._deliver(message)

    def _deliver(self, message: IncomingMessage) -> None:
        """Pass on a message; close at text that is not UTF-8, where uvicorn logs a traceback."""
        if self.curr_msg_data_type == "bytes":
            self.queue.put_nowait({"type": "websocket.receive", "bytes": message.data()})
        elif message.is_too_long:
            long_text: dict[str, Any] = {"type": "websocket.receive", LONG_TEXT: message.ends()}
            self.queue.put_nowait(cast("ASGIReceiveEvent", long_text))
        else:
            try:
                text = message.data().decode()
            except UnicodeDecodeError:
                self._fail(CloseCode.INVALID_DATA)
                return
            self.queue.put_nowait({"type": "websocket.receive", "text": text})

    def _fail(self, code: CloseCode) -> None:
        self._message = None
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

        While something waits the watch decides; it is quicker, too. A dead one is closed with a
        code after which clients come again, for it may have slept: uvicorn's 1011 is an error of
        the server, after which graphql-ws gives up.
        """
        taken = self._taken_bytes()
        is_alive = self._watch is not None or taken > self._taken_at_ping
        if is_alive and self.ping_timeout is not None:
            self._taken_at_ping = taken
            self.pong_timer = self.loop.call_later(self.ping_timeout, self.keepalive_timeout)
        elif not (self.close_sent or self.transport.is_closing()):
            self.pong_timer = None
            self.conn.send_close(CloseCode.TRY_AGAIN_LATER, "keepalive ping timeout")
            self.handle_parser_exception()
