"""A WebSocket connection: passes frames between a transport and the attached receiver.

```
 bytes ─ FrameReader ─▶ parts ─ IncomingMessage ─▶ message ─▶ Receiver
 transport ◀──────── frames, ready to send ◀──────── WebSocketSink
```

- What is written goes to the transport's buffer as whole frames, in one call for many.
- What comes is read in parts, in turns with other connections, and with bounded memory.
- A client that does not take its pongs gets the last one only.
- A ping now and then finds clients that are gone.
- A connection that has nothing to do has no task, and nothing of its handshake is left.

```python
uvicorn.Config(app, ws=WebSocketProtocol.with_limits(ClientLimits(send_timeout_s=30)))
```

Source: RFC 6455, 5.5 (control frames) and 7 (closing).
"""

from __future__ import annotations

import asyncio
import logging
import zlib
from collections.abc import Sequence
from typing import Any, cast

import uvicorn
from uvicorn.server import ServerState
from websockets.exceptions import ProtocolError
from websockets.frames import Close, CloseCode

from graphql_api.execution.parts import Parts
from graphql_api.limits.connection_limits import Leave
from graphql_api.server.flow_control import WatchedConnection
from graphql_api.server.frames import (
    BINARY,
    CLOSE,
    CONTINUATION,
    PING,
    PONG,
    TEXT,
    Failure,
    FramePart,
    FrameReader,
    control_frame,
)
from graphql_api.server.incoming_message import MAX_BYTES_BEFORE_ACK, IncomingMessage
from graphql_api.server.keepalive import Keepalive
from graphql_api.server.outgoing_messages import frames
from graphql_api.server.receiver import Receiver
from graphql_api.server.websocket_handshake import Handshake

_CLOSE_TIMEOUT_S = 10.0
"""How long a client may take to answer a close frame."""

_LOST = Failure(1006, "the connection was lost")
"""The end of a connection without a closing handshake, as RFC 6455, 7.1.5 numbers it."""

_logger = logging.getLogger(__name__)


class WebSocketProtocol(WatchedConnection):
    """One WebSocket connection, which is its own sink.

    uvicorn's HTTP protocol makes it for a handshake, and passes the head of the request at once.

    Args:
        config: The server's settings.
        server_state: Holds the connections that count, and the tasks that the server waits for.
        app_state: The lifespan's state.
    """

    __slots__ = (
        "_accepts_long_texts",
        "_app_state",
        "_close_timer",
        "_config",
        "_handshake",
        "_is_open",
        "_keepalive",
        "_leaves",
        "_message",
        "_opcode",
        "_pong",
        "_reader",
        "_receiver",
        "_state",
        "_window_bits",
    )

    def __init__(
        self,
        config: uvicorn.Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__()
        self.loop = _loop or asyncio.get_running_loop()
        self._config = config
        self._state = server_state
        self._app_state = app_state
        self._handshake: Handshake | None = None
        self._is_open = False  # frames may be written
        self._receiver: Receiver | None = None
        self._leaves: tuple[Leave, ...] | None = ()  # None, once it is lost
        self._window_bits = 0  # of what is compressed for the client; 0, if nothing is
        self._reader: FrameReader | None = None  # until the handshake is accepted
        self._message: IncomingMessage | None = None
        self._accepts_long_texts = False
        self._opcode = TEXT  # of what is written
        self._pong: bytes | None = None
        self._keepalive = Keepalive(
            self, interval_s=config.ws_ping_interval, timeout_s=config.ws_ping_timeout
        )
        self._close_timer: asyncio.TimerHandle | None = None

    # What the transport and uvicorn call.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Wait for the head of the handshake."""
        self.transport = cast("asyncio.Transport", transport)  # uvloop's is of no such class
        self._state.connections.add(self)  # type: ignore[arg-type]
        super().connection_made(transport)

    def data_received(self, data: bytes) -> None:
        """Begin the handshake, or read frames in turns."""
        if self._handshake is not None or self._reader is not None:
            super().data_received(data)
        elif not self.transport.is_closing():
            self._begin_handshake(data)

    def connection_lost(self, exc: Exception | None) -> None:
        """Free everything."""
        self._is_open = False
        self._state.connections.discard(self)
        self._keepalive.end()
        if self._close_timer is not None:
            self._close_timer.cancel()
            self._close_timer = None
        if self._handshake is not None:
            self._handshake.lose()
        super().connection_lost(exc)
        self._lose(*_LOST)
        leaves, self._leaves = self._leaves, None
        for leave in leaves or ():
            leave()

    def shutdown(self) -> None:
        """End with the server."""
        if self._handshake is not None:
            self._handshake.fail()
        elif self._is_open:
            self._send_close(CloseCode.SERVICE_RESTART, "")
        self._end(CloseCode.SERVICE_RESTART, "")

    # The handshake.

    def _begin_handshake(self, head: bytes) -> None:
        self._handshake = Handshake(
            self,
            self._config.loaded_app,
            root_path=self._config.root_path,
            state=self._app_state,
            headers=self._state.default_headers,
            compression=self._config.ws_per_message_deflate,
        )
        self.pause_reading()
        ask = self._handshake.begin(head)
        if ask is not None:
            task = self.loop.create_task(ask())
            self._state.tasks.add(task)
            task.add_done_callback(self._state.tasks.discard)

    def answer(self, data: bytes, *, is_last: bool) -> None:
        """Send the answer to the handshake; if it is the last, close the connection."""
        self._write(data)
        if is_last:
            self._handshake = None
            self.transport.close()

    def open(self, window_bits: int) -> None:
        """Let frames be written: the handshake is accepted."""
        self._handshake = None
        self._is_open = True
        self._window_bits = window_bits
        self._reader = FrameReader(accepts_compressed=window_bits > 0)
        self._keepalive.start()

    def attach(self, receiver: Receiver) -> None:
        """Give the receiver what the client sends, and call it when the connection is over."""
        self._receiver = receiver
        if self.is_closed:
            self._lose(*_LOST)
        else:
            self.resume_reading()

    def until_lost(self, leave: Leave) -> None:
        """Call `leave` when the connection is lost."""
        if self._leaves is None:
            leave()
        else:
            self._leaves += (leave,)

    def give_up(self) -> None:
        """End the connection if the application has left it open without a receiver."""
        if self._is_open and self._receiver is None:
            _logger.error("the application has accepted a WebSocket that it does not serve")
            self._fail(Failure(CloseCode.INTERNAL_ERROR, ""))

    # The sink.

    @property
    def is_closed(self) -> bool:
        """Whether nothing that is written now would be sent."""
        return not self._is_open or self.transport.is_closing()

    def write_text(self, text: bytes) -> None:
        """Send one text."""
        self.write_texts(b"", (text,), b"")

    def write_texts(self, prefix: bytes, middles: Sequence[bytes | Parts], suffix: bytes) -> None:
        """Send a text of `prefix + middle + suffix` for each of `middles`."""
        if self.is_closed:
            return
        for data in frames(self._opcode, prefix, middles, suffix, self._window_bits):
            self._write(data)

    def accept_long_texts(self) -> None:
        """Accept messages up to the server's limit from now on: the client is known."""
        self._accepts_long_texts = True

    def write_binary(self) -> None:
        """Send what is written from now on as binary messages."""
        self._opcode = BINARY

    def close(self, code: int, reason: str, timeout_s: float) -> None:
        """Send a close frame behind everything else, and close the connection."""
        if self.is_closed:
            self._lose(code, reason)
            return
        self._send_close(code, reason)
        self._close_timer = self.loop.call_later(timeout_s, self._close_is_late)
        self.resume_reading()  # the answer is to come
        if self.transport.get_write_buffer_size():
            self.on_writable(lambda: self._lose(code, reason))
        else:
            self._lose(code, reason)

    def _close_is_late(self) -> None:
        if self._receiver is not None:  # the frame has not been sent
            self._close_timer = None
            self.abort()
        else:
            self._close_timer = self.loop.call_later(_CLOSE_TIMEOUT_S, self.transport.close)

    # How it ends.

    def _send_close(self, code: int, reason: str) -> None:
        self._keepalive.stop()
        self._write(control_frame(CLOSE, Close(code, reason).serialize()))
        self._is_open = False

    def _fail(self, failure: Failure) -> None:
        """End the connection for a fault, and wait for no answer (RFC 6455, 7.1.7)."""
        if self._is_open:
            self._send_close(failure.code, failure.reason)
        self._end(failure.code, failure.reason)

    def _end(self, code: int, reason: str) -> None:
        """Close the transport behind what is written."""
        self._message = None
        if not self.transport.is_closing():
            self.transport.close()
        self._lose(code, reason)

    def _lose(self, code: int, reason: str) -> None:
        receiver, self._receiver = self._receiver, None
        if receiver is not None:
            receiver.lost(code, reason)

    # What the client sends.

    def _read(self, data: bytes) -> None:
        reader = self._reader
        assert reader is not None, "nothing is read during the handshake"
        pongs: list[bytes] = []
        for part in reader.feed(data):
            if part.opcode == PING:
                pongs.append(control_frame(PONG, part.data))
            elif part.opcode == PONG:
                self._keepalive.pong_received(part.data)
            elif part.opcode == CLOSE:
                self._send_pongs(pongs)
                self._close_received(part.data)
                return
            else:
                self._add(part)
            if self.transport.is_closing():
                return
        self._send_pongs(pongs)
        if reader.failure is not None:
            self._fail(reader.failure)

    def _add(self, part: FramePart) -> None:
        """Add a part to its message, and pass the message on if that is all of it."""
        if not self._is_open:
            return
        if part.opcode != CONTINUATION:
            max_bytes = self._config.ws_max_size
            if not self._accepts_long_texts:
                max_bytes = min(max_bytes, MAX_BYTES_BEFORE_ACK)
            self._message = IncomingMessage(
                max_bytes, is_text=part.opcode == TEXT, is_compressed=part.is_compressed
            )
        message = self._message
        if message is None:
            return
        try:
            message.add(part.data, is_last=part.is_last)
        except zlib.error:
            self._fail(Failure(CloseCode.INVALID_DATA, ""))
            return
        if message.is_hopeless or (message.is_too_long and not self._accepts_long_texts):
            self._fail(Failure(CloseCode.MESSAGE_TOO_BIG, ""))
        elif part.is_last:
            self._message = None
            try:
                received = message.message()
            except UnicodeDecodeError:
                self._fail(Failure(CloseCode.INVALID_DATA, ""))
                return
            if self._receiver is not None:
                self._receiver.receive(received)

    def _close_received(self, payload: bytes) -> None:
        try:
            close = Close.parse(payload)
        except ProtocolError as error:
            self._fail(Failure(CloseCode.PROTOCOL_ERROR, str(error)))
        except UnicodeDecodeError as error:
            reason = f"{error.reason} at position {error.start}"
            self._fail(Failure(CloseCode.INVALID_DATA, reason))
        else:
            if self._is_open:
                self._keepalive.stop()
                self._write(control_frame(CLOSE, payload))
                self._is_open = False
            self._end(close.code, close.reason)

    def _send_pongs(self, pongs: Sequence[bytes]) -> None:
        """Answer pings; a client that does not take the answers gets the last one only."""
        if not pongs or self.is_closed:
            return
        if self.is_writable:
            self._write(b"".join(pongs))
            return
        if self._pong is None:
            self.on_writable(self._send_last_pong)
        self._pong = pongs[-1]

    def _send_last_pong(self) -> None:
        if self._pong is not None and not self.is_closed:
            self._write(self._pong)
        self._pong = None

    # Pings.

    @property
    def is_watched(self) -> bool:
        """Whether something waits for the client, so that the watch decides if it is gone."""
        return self._watch is not None

    def send_ping(self, payload: bytes) -> None:
        """Send a ping."""
        if not self.is_closed:
            self._write(control_frame(PING, payload))

    def client_is_gone(self) -> None:
        """End the connection with a code after which clients come again, for it may have slept.

        By 1011, an error of the server, graphql-ws gives up.
        """
        if not self.is_closed:
            self._fail(Failure(CloseCode.TRY_AGAIN_LATER, "keepalive ping timeout"))
