"""Sinks: they write the texts for one client without waiting, as frames or as an event stream.

A server of ours gives each connection a sink as an ASGI extension, `EXTENSION`, which writes to
the transport directly: see `websocket_protocol` and `uvicorn_http`. On any other ASGI server
`ASGISink` does what can be done with `await send(...)`. The writer need not know which of them
it has.

Both take what they are given, and say when that becomes too much: a writer that has much to send
asks first whether there is room, and otherwise waits until the sink is empty again. Small answers
may be written at any time.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from typing import Never, Protocol

from starlette.types import Message, Scope, Send

from graphql_api.execution.parts import Parts, parts_of

EXTENSION = "graphql_api.sink"
"""The key in a scope's `extensions`; the value is `{"sink": Sink}`."""


WRITE_BUFFER_BYTES = 65_536
"""How much may wait for a client before its sink is not writable, by default."""


def took_nothing(timeout_s: float) -> str:
    """Why a client is dropped that has not taken anything for so long."""
    return f"it took nothing for {timeout_s:g} s"


class Sink(Protocol):
    """Takes the texts for one client, in UTF-8.

    Attributes:
        lost_because: Why the sink has dropped the connection; empty, if it has not.
    """

    lost_because: str

    @property
    def is_writable(self) -> bool:
        """Whether there is room for more; never, once it is closed."""

    @property
    def is_closed(self) -> bool:
        """Whether nothing that is written now would be sent."""

    @property
    def unsent_bytes(self) -> int:
        """How much of what was written the client's side has not taken from this process."""

    def on_writable(self, callback: Callable[[], None]) -> None:
        """Have `callback` called once, as soon as the sink is empty again, or closed."""

    def write_text(self, text: bytes) -> None:
        """Send this text, as a frame of its own on a WebSocket."""

    def write_texts(self, prefix: bytes, middles: Sequence[bytes | Parts], suffix: bytes) -> None:
        """Send a text of `prefix + middle + suffix` for each of `middles`."""

    async def flush(self) -> None:
        """Wait until everything has been handed to the server."""

    def abort(self) -> None:
        """Drop the connection, with all that is unsent."""


async def writable(sink: Sink) -> None:
    """Wait until there is room for more, or the sink is closed."""
    while not (sink.is_writable or sink.is_closed):
        woken = asyncio.Event()
        sink.on_writable(woken.set)
        await woken.wait()


def websocket_message(text: bytes) -> Message:
    """The ASGI message that sends a frame of a WebSocket."""
    return {"type": "websocket.send", "text": text.decode()}


def binary_message(data: bytes) -> Message:
    """The ASGI message that sends a binary frame of a WebSocket."""
    return {"type": "websocket.send", "bytes": data}


def response_message(text: bytes) -> Message:
    """The ASGI message that sends a part of a response."""
    return {"type": "http.response.body", "body": text, "more_body": True}


class ASGISink:
    """A sink on an ASGI server that does not offer one.

    Its texts wait here while `send` does, and it cannot see how much of a text has left: a client
    that takes less than what the server buffers in `send_timeout_s` counts as one that takes
    nothing, and the transport cannot be aborted, only left to the server.

    Args:
        send: The connection's; for texts it is called by `run` only.
        message: Makes the ASGI message that sends a text.
        write_buffer_bytes: How much may wait before the sink is not writable.
        send_timeout_s: How long a client may take nothing.
    """

    def __init__(
        self,
        send: Send,
        message: Callable[[bytes], Message] = websocket_message,
        *,
        write_buffer_bytes: int,
        send_timeout_s: float,
    ) -> None:
        self._send = send
        self._message = message
        self._write_buffer_bytes = write_buffer_bytes
        self._send_timeout_s = send_timeout_s
        self._texts: deque[bytes] = deque()
        self.unsent_bytes = 0
        self._filled = asyncio.Event()
        self._emptied = asyncio.Event()
        self._emptied.set()
        self._callbacks: list[Callable[[], None]] = []
        self.is_closed = False
        self.lost_because = ""

    @property
    def is_writable(self) -> bool:
        """As in `Sink`."""
        return self.unsent_bytes < self._write_buffer_bytes and not self.is_closed

    def on_writable(self, callback: Callable[[], None]) -> None:
        """As in `Sink`."""
        self._callbacks.append(callback)

    def write_text(self, text: bytes) -> None:
        """As in `Sink`."""
        if self.is_closed:
            return
        self._texts.append(text)
        self.unsent_bytes += len(text)
        self._filled.set()
        self._emptied.clear()

    def write_texts(self, prefix: bytes, middles: Sequence[bytes | Parts], suffix: bytes) -> None:
        """As in `Sink`."""
        for middle in middles:
            self.write_text(b"".join((prefix, *parts_of(middle), suffix)))

    async def flush(self) -> None:
        """As in `Sink`."""
        await self._emptied.wait()

    def abort(self) -> None:
        """As in `Sink`, as far as possible: what the server holds already may still be sent."""
        self.is_closed = True
        self._texts.clear()
        self.unsent_bytes = 0
        self._emptied.set()
        self._call_back()

    async def run(self) -> Never:
        """Send what is written, for as long as the connection lasts.

        Raises:
            OSError: The client has gone, or has taken nothing for the time limit (TimeoutError).
        """
        try:
            while True:
                await self._filled.wait()
                while self._texts:
                    text = self._texts.popleft()
                    try:
                        async with asyncio.timeout(self._send_timeout_s):
                            await self._send(self._message(text))
                    except TimeoutError:
                        self.lost_because = took_nothing(self._send_timeout_s)
                        raise
                    self.unsent_bytes -= len(text)
                self._filled.clear()
                self._emptied.set()
                self._call_back()
        finally:
            self.abort()

    def _call_back(self) -> None:
        callbacks, self._callbacks = self._callbacks, []
        for callback in callbacks:
            callback()


def sink_of(
    scope: Scope,
    send: Send,
    message: Callable[[bytes], Message] = websocket_message,
    *,
    write_buffer_bytes: int,
    send_timeout_s: float,
) -> Sink:
    """The sink that the server gives a connection, or an `ASGISink` of these arguments."""
    extension = (scope.get("extensions") or {}).get(EXTENSION)
    if extension is not None:
        sink: Sink = extension["sink"]
        return sink
    return ASGISink(
        send, message, write_buffer_bytes=write_buffer_bytes, send_timeout_s=send_timeout_s
    )
