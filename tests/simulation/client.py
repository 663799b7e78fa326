"""A WebSocket client that speaks graphql-transport-ws, written for the simulation by hand."""

from __future__ import annotations

import asyncio
import base64
import json
import struct
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.simulation.tcp import Transport

_TEXT, _BINARY, _CLOSE, _PING, _PONG = 1, 2, 8, 9, 10
_MASK = bytes(4)

Message = dict[str, Any]


class Connection(ABC):
    """What a client has of a server, as long as that lasts."""

    @property
    def is_established(self) -> bool:
        """Whether a server that stops has something to end."""
        return True

    @abstractmethod
    def send(self, message: Message) -> None:
        """Send a message of graphql-transport-ws."""

    @abstractmethod
    def abort(self) -> None:
        """Drop it."""

    @abstractmethod
    def pause_reading(self) -> None:
        """Read nothing more."""

    @abstractmethod
    def resume_reading(self) -> None:
        """Read again."""

    @abstractmethod
    def leave(self, *, politely: bool) -> None:
        """Go away, with a close frame or without."""


@dataclass
class Socket(asyncio.Protocol, Connection):
    """One WebSocket connection, from the handshake to its end.

    Attributes:
        on_message: Called with every message; with its bytes, if it is binary, and with none of
            them for a pong.
        on_end: Called once, with the close code; 1006 if there was none.
    """

    on_open: Callable[[], None]
    on_message: Callable[[Any], None]
    on_end: Callable[[int], None]
    transport: Transport = field(init=False)
    received: bytearray = field(default_factory=bytearray)
    is_open: bool = False
    is_over: bool = False
    close_code: int = 1006
    fragments: bytearray = field(default_factory=bytearray)
    path: str = "/graphql"
    headers: str = "Sec-WebSocket-Protocol: graphql-transport-ws\r\n"

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, Transport)
        self.transport = transport
        key = base64.b64encode(bytes(16)).decode()
        transport.write(
            f"GET {self.path} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
            "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
            f"{self.headers}Sec-WebSocket-Key: {key}\r\n\r\n".encode()
        )

    def data_received(self, data: bytes) -> None:
        self.received += data
        if not self.is_open:
            head, separator, rest = bytes(self.received).partition(b"\r\n\r\n")
            if not separator:
                return
            if not head.startswith(b"HTTP/1.1 101 "):
                self.close_code = int(head.split(b" ", 2)[1])
                self.transport.abort()
                return
            self.is_open = True
            self.received = bytearray(rest)
            self.on_open()
        while (frame := self._frame()) is not None and not self.is_over:
            self._take(*frame)

    def _frame(self) -> tuple[int, bytes] | None:
        data = self.received
        if len(data) < 2:
            return None
        length, start = data[1], 2
        if length == 126:
            length, start = int.from_bytes(data[2:4], "big"), 4
        elif length == 127:
            length, start = int.from_bytes(data[2:10], "big"), 10
        if len(data) < start + length:
            return None
        payload = bytes(data[start : start + length])
        opcode = data[0] & 15
        del data[: start + length]
        return opcode, payload

    def _take(self, opcode: int, payload: bytes) -> None:
        if opcode == _PING:
            self._send(_PONG, payload)
        elif opcode == _CLOSE:
            self.close_code = int.from_bytes(payload[:2], "big") if payload else 1005
            self._send(_CLOSE, payload[:2])
            self.transport.close()
        elif opcode in (_BINARY, _PONG):
            self.on_message(payload)
        elif opcode == _TEXT:
            message = json.loads(payload)
            if message["type"] == "ping":
                self.send({"type": "pong"})
            else:
                self.on_message(message)

    def send(self, message: Message) -> None:
        self._send(_TEXT, json.dumps(message).encode())

    def _send(self, opcode: int, payload: bytes) -> None:
        length = len(payload)
        if length < 126:
            header = bytes((0x80 | opcode, 0x80 | length))
        else:
            header = struct.pack("!BBH", 0x80 | opcode, 0x80 | 126, length)
        self.transport.write(header + _MASK + payload)

    def send_bytes(self, data: bytes) -> None:
        """Send a binary message."""
        self._send(_BINARY, data)

    def send_ping(self) -> None:
        """Ask for a pong."""
        self._send(_PING, b"")

    def eof_received(self) -> bool:
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.is_over:
            self.is_over = True
            self.on_end(self.close_code)

    def pause_writing(self) -> None:
        pass

    def resume_writing(self) -> None:
        pass

    def abort(self) -> None:
        self.transport.abort()

    def pause_reading(self) -> None:
        self.transport.pause_reading()

    def resume_reading(self) -> None:
        self.transport.resume_reading()

    def leave(self, *, politely: bool) -> None:
        """Go away, with a close frame or without."""
        if politely:
            self._send(_CLOSE, struct.pack("!H", 1000))
            self.transport.close()
        else:
            self.transport.abort()
