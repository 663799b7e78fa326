"""A WebSocket client that sends whatever bytes it is given, and is strict in what it accepts.

Source: RFC 6455, and RFC 7692 for messages that are compressed without context takeover.
"""

from __future__ import annotations

import asyncio
import base64
import os
import socket
import struct
import zlib
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from enum import IntEnum

from tests.patience import LONGEST_S

WAIT_S = LONGEST_S
"""How long a test waits for what must come; it fails then."""

_LENGTH_FORMATS = {126: "!H", 127: "!Q"}


class Opcode(IntEnum):
    """What a frame is (5.2)."""

    CONTINUATION = 0
    TEXT = 1
    BINARY = 2
    CLOSE = 8
    PING = 9
    PONG = 10


@dataclass(frozen=True)
class Frame:
    """A frame that the server has sent; `fin` is always set, it has no need of fragments.

    Attributes:
        opcode: What it is.
        payload: As it was before it was compressed.
        is_compressed: Whether it was compressed.
        size: How many bytes the payload had on the way.
    """

    opcode: Opcode
    payload: bytes
    is_compressed: bool = False
    size: int = 0

    @property
    def code(self) -> int:
        """A close frame's code; 1005, if it has none."""
        return struct.unpack("!H", self.payload[:2])[0] if self.payload else 1005

    @property
    def reason(self) -> str:
        """A close frame's reason."""
        return self.payload[2:].decode()


def frame(
    opcode: int,
    payload: bytes = b"",
    *,
    fin: bool = True,
    reserved: int = 0,
    mask: bytes | None = b"mask",
    length: int | None = None,
    length_bits: int | None = None,
) -> bytes:
    """The bytes of a frame, which need not be a valid one.

    Args:
        opcode: Four bits.
        payload: What it holds, before it is masked.
        fin: Whether it is the last one of its message.
        reserved: Three bits, which must be zero (5.2).
        mask: Four bytes; a client must not send a frame without (5.3).
        length: What is said to be the payload's length, if that is not the truth.
        length_bits: How many bits the length takes, 7, 16 or 64; as few as possible if absent.
    """
    length = len(payload) if length is None else length
    if length_bits is None:
        length_bits = 7 if length < 126 else 16 if length < 2**16 else 64
    first = fin << 7 | reserved << 4 | opcode
    masked = (mask is not None) << 7
    header = {
        7: lambda: bytes((first, masked | length)),
        16: lambda: struct.pack("!BBH", first, masked | 126, length),
        64: lambda: struct.pack("!BBQ", first, masked | 127, length),
    }[length_bits]()
    if mask is None:
        return header + payload
    keys = (mask * (len(payload) // 4 + 1))[: len(payload)]
    number = int.from_bytes(payload, "big") ^ int.from_bytes(keys, "big")
    return header + mask + number.to_bytes(len(payload), "big")


def text(payload: str) -> bytes:
    """A text frame."""
    return frame(Opcode.TEXT, payload.encode())


def close(code: int | None = 1000, reason: bytes = b"") -> bytes:
    """A close frame."""
    return frame(Opcode.CLOSE, b"" if code is None else struct.pack("!H", code) + reason)


def deflated(payload: bytes, window_bits: int = 15) -> bytes:
    """The payload of a compressed message (RFC 7692, 7.2.1)."""
    compressor = zlib.compressobj(wbits=-window_bits)
    sent = compressor.compress(payload) + compressor.flush(zlib.Z_SYNC_FLUSH)
    return sent.removesuffix(b"\0\0\xff\xff")


def inflated(payload: bytes, window_bits: int = 15) -> bytes:
    """What a compressed message says to a client that knows of no earlier one (7.2.2)."""
    assert not payload.endswith(b"\0\0\xff\xff"), "the end is not sent"
    return zlib.decompressobj(-window_bits).decompress(payload + b"\0\0\xff\xff")


class RawWebSocket:
    """A socket after the handshake.

    Attributes:
        subprotocol: What the server has chosen.
        extensions: The same.
    """

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        headers: dict[str, str],
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._has_ended = False
        self.subprotocol = headers.get("sec-websocket-protocol")
        self.extensions = headers.get("sec-websocket-extensions")

    async def send(self, data: bytes) -> None:
        """Send bytes as they are; they are lost if either side has ended."""
        if self._has_ended or self._writer.is_closing():
            return
        with suppress(ConnectionError):  # what the server said before is still to be read
            self._writer.write(data)
            await self._writer.drain()

    def end(self) -> None:
        """Send no more, and say so to TCP."""
        if not self._writer.is_closing():
            self._has_ended = True
            with suppress(OSError):  # the server has gone already
                self._writer.write_eof()

    def abort(self) -> None:
        """Drop the connection by a reset."""
        connection: socket.socket = self._writer.get_extra_info("socket")
        with suppress(OSError):  # it is closed already
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._writer.transport.abort()

    async def receive(self) -> Frame | None:
        """The next frame; None at the end of the connection.

        Raises:
            AssertionError: It is no frame that a server may send.
        """
        try:
            first, second = await self._reader.readexactly(2)
            length = second & 0x7F
            if length in _LENGTH_FORMATS:
                format_ = _LENGTH_FORMATS[length]
                data = await self._reader.readexactly(struct.calcsize(format_))
                (long,) = struct.unpack(format_, data)
                assert long > {126: 125, 127: 0xFFFF}[length], "the length takes too many bits"
                length = long
            assert not second & 0x80, "a server masks nothing"
            assert first & 0xB0 == 0x80, "fragments are not expected"
            payload, opcode = await self._reader.readexactly(length), Opcode(first & 0x0F)
            if not first & 0x40:
                return Frame(opcode, payload, size=length)
            assert self.extensions is not None, "compression was not agreed on"
            assert opcode in (Opcode.TEXT, Opcode.BINARY), "control frames are not compressed"
            return Frame(opcode, inflated(payload), is_compressed=True, size=length)
        except (asyncio.IncompleteReadError, ConnectionError):
            return None


@asynccontextmanager
async def raw_websocket(
    host: str,
    port: int,
    subprotocols: Sequence[str] = ("graphql-transport-ws",),
    headers: Sequence[str] = (),
) -> AsyncIterator[RawWebSocket]:
    """A socket after its handshake, until the context is left; then it is dropped.

    Args:
        host: The server's.
        port: The server's.
        subprotocols: What to offer.
        headers: More lines of the request.
    """
    reader, writer = await asyncio.open_connection(host, port)
    try:
        key = base64.b64encode(os.urandom(16)).decode()
        lines = [
            "GET /graphql HTTP/1.1",
            f"Host: {host}:{port}",
            "Upgrade: websocket",
            "Connection: Upgrade",
            "Sec-WebSocket-Version: 13",
            f"Sec-WebSocket-Key: {key}",
            *([f"Sec-WebSocket-Protocol: {', '.join(subprotocols)}"] if subprotocols else []),
            *headers,
            "\r\n",
        ]
        writer.write("\r\n".join(lines).encode())
        async with asyncio.timeout(WAIT_S):
            response = await reader.readuntil(b"\r\n\r\n")
        status, *fields = response.decode().rstrip().split("\r\n")
        assert status.startswith("HTTP/1.1 101 "), status
        pairs = (field.partition(":") for field in fields)
        names = {name.lower(): value.strip() for name, _, value in pairs}
        yield RawWebSocket(reader, writer, names)
    finally:
        writer.transport.abort()
