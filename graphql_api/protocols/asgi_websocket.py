"""A WebSocket on an ASGI server that is not ours: its sink, which also reads its messages.

Such a server gives a message for each call of `receive`, and holds it back until the call. Each
socket has two tasks, and what `execution.sink.ASGISink` says about slow clients counts here.
"""

from __future__ import annotations

import asyncio
import logging

from starlette.types import Receive

from graphql_api.execution.sink import ASGISink, binary_message
from graphql_api.server.receiver import Receiver

_logger = logging.getLogger(__name__)

_LOST = 1006, "the connection was lost"
"""The end of a connection without a closing handshake, as RFC 6455, 7.1.5 numbers it."""


class ASGIWebSocket(ASGISink):
    """The sink of one WebSocket; the task of `serve` reads messages, and sends what is written."""

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        self._may_read = asyncio.Event()
        self._may_read.set()
        self._is_over = asyncio.Event()
        self._end = _LOST
        self._last_word: tuple[int, str, float] | None = None

    def accept_long_texts(self) -> None:
        """Nothing: the server has its own limit."""

    def write_binary(self) -> None:
        """Send what is written from now on as binary messages."""
        self._message = binary_message

    def pause_reading(self) -> None:
        """Ask the server for no more messages."""
        self._may_read.clear()

    def resume_reading(self) -> None:
        """Go on to ask the server for messages."""
        self._may_read.set()

    def close(self, code: int, reason: str, timeout_s: float) -> None:
        """Send a close frame behind everything else."""
        self._last_word = code, reason, timeout_s
        self._is_over.set()

    async def serve(self, receiver: Receiver, receive: Receive) -> None:
        """Pass on what the client sends, and send what is written, until the connection is over."""
        try:
            async with asyncio.TaskGroup() as tasks:
                writer = tasks.create_task(self._write(), name="WebSocket writer")
                reader = tasks.create_task(self._read(receiver, receive), name="WebSocket reader")
                await self._is_over.wait()
                if self._last_word is not None:
                    await self._say(*self._last_word)
                reader.cancel()
                writer.cancel()
        finally:
            receiver.lost(*self._end)

    async def _read(self, receiver: Receiver, receive: Receive) -> None:
        while True:
            await self._may_read.wait()
            message = await receive()
            if message["type"] == "websocket.disconnect":
                # Of a connection that is lost uvicorn says 1005, and no reason at all.
                if "reason" in message:
                    self._end = message["code"], message["reason"] or ""
                self._is_over.set()
                return
            text = message.get("text")
            receiver.receive(message.get("bytes") or b"" if text is None else text)

    async def _write(self) -> None:
        try:
            await self.run()
        except (OSError, RuntimeError):
            pass  # as in `_say`
        except Exception:
            _logger.exception("a WebSocket connection ends, since its server does not send")
        self._is_over.set()

    async def _say(self, code: int, reason: str, timeout_s: float) -> None:
        try:
            async with asyncio.timeout(timeout_s):
                await self.flush()
                if not self.is_closed:
                    await self._send({"type": "websocket.close", "code": code, "reason": reason})
        except (OSError, RuntimeError):
            # It has gone, or takes nothing any more (TimeoutError is an OSError), or the server has
            # closed it by itself, at a frame that is broken, which uvicorn's RuntimeError says.
            self.abort()
