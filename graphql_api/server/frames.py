"""Frames of WebSockets: a reader of a client's frames, and the headers of the server's. No I/O.

The reader keeps of a frame only what it needs to go on, so a connection that waits for the next
frame costs little, and one that sends an endless frame fills no memory. The websockets package has
a reader too, which holds a frame until it is complete.

Source: RFC 6455, 5.2 (frames), 5.4 (fragments), 5.5 (control frames), 7.4 (close codes); RFC 7692,
6 (RSV1, the first bit of three that are reserved, marks a compressed message).
"""

from __future__ import annotations

import struct
from functools import lru_cache
from typing import Final, NamedTuple

from websockets.frames import CloseCode, Opcode

from graphql_api.execution.parts import Parts

CONTINUATION: Final = int(Opcode.CONT)
TEXT: Final = int(Opcode.TEXT)
BINARY: Final = int(Opcode.BINARY)
CLOSE: Final = int(Opcode.CLOSE)
PING: Final = int(Opcode.PING)
PONG: Final = int(Opcode.PONG)

COMPRESSED: Final = 0x40
"""Stands beside the opcode of a compressed message: RSV1."""

MAX_DRAINED_BYTES = 64 * 1024 * 1024
"""How long a frame may be to be read to its end at all; the connection ends at a longer one."""

_OPCODES = frozenset((CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG))
_FIN = 0x80
_RESERVED = 0x70
_OPCODE = 0x0F
_CONTROL = 0x08
_MASKED = 0x80
_MASK_BYTES = 4
_MAX_7_BITS = 125
_MAX_16_BITS = 0xFFFF


class FramePart(NamedTuple):
    """A part of a message, or a whole control frame.

    Attributes:
        opcode: TEXT or BINARY for the first part of a message, CONTINUATION for the others; CLOSE,
            PING or PONG.
        data: Its payload, unmasked.
        is_last: Whether it ends the message.
        is_compressed: Whether it begins a message that is compressed.
    """

    opcode: int
    data: bytes
    is_last: bool
    is_compressed: bool = False


class Failure(NamedTuple):
    """A frame that the protocol does not allow; it ends the connection.

    Attributes:
        code: The close code.
        reason: The same in words.
    """

    code: int
    reason: str


class FrameReader:
    """Reads the frames of one client, part by part.

    Args:
        accepts_compressed: Whether the handshake has agreed on compression.

    Attributes:
        failure: Why nothing more is read; None, as long as frames are as they should be.
    """

    __slots__ = (
        "_accepts_compressed",
        "_header",
        "_is_compressed",
        "_is_final",
        "_is_in_frame",
        "_is_in_message",
        "_left",
        "_mask",
        "_opcode",
        "_payload",
        "failure",
    )

    def __init__(self, *, accepts_compressed: bool = False) -> None:
        self._accepts_compressed = accepts_compressed
        self._header = b""  # the beginning of one
        self._is_in_frame = False
        self._is_in_message = False
        self._opcode = 0
        self._is_final = False
        self._is_compressed = False
        self._mask = b""
        self._left = 0  # of the payload
        self._payload = b""  # the beginning of a control frame's
        self.failure: Failure | None = None

    def feed(self, data: bytes) -> list[FramePart]:
        """The parts of frames that this completes, as far as frames are as they should be.

        Args:
            data: What has come. A part is at most as long.
        """
        parts: list[FramePart] = []
        if self._header:
            data, self._header = self._header + data, b""
        position, end = 0, len(data)
        while self.failure is None:
            if not self._is_in_frame:
                begins = self._read_header(data, position)
                if not begins:
                    break
                position = begins
            if self._left and position == end:
                break
            taken = data[position : position + self._left]
            position += len(taken)
            self._left -= len(taken)
            self._is_in_frame = self._left > 0
            if taken:
                taken = self._unmask(taken)
            if self._opcode & _CONTROL:
                self._payload += taken
                if not self._is_in_frame:
                    parts.append(FramePart(self._opcode, self._payload, is_last=True))
                    self._payload = b""
            else:
                self._add(taken, parts)
        return parts

    def _read_header(self, data: bytes, position: int) -> int:
        """Begin a frame; where its payload begins, or 0 if the header is not complete."""
        rest = len(data) - position
        if rest < 2:
            self._header = data[position:]
            return 0
        first, second = data[position], data[position + 1]
        length = second & ~_MASKED
        size = 2 + _MASK_BYTES
        if length > _MAX_7_BITS:
            size += 2 if length == 126 else 8
        problem = self._problem(first, second)
        if problem is not None:
            self.failure = Failure(CloseCode.PROTOCOL_ERROR, problem)
            return 0
        if rest < size:
            self._header = data[position:]
            return 0
        begins = position + size
        if length > _MAX_7_BITS:
            length = int.from_bytes(data[position + 2 : begins - _MASK_BYTES], "big")
            if length > MAX_DRAINED_BYTES:
                self.failure = Failure(CloseCode.MESSAGE_TOO_BIG, "")
                return 0
        self._opcode = first & _OPCODE
        self._is_final = bool(first & _FIN)
        self._is_compressed = bool(first & COMPRESSED)
        self._mask = data[begins - _MASK_BYTES : begins]
        self._left = length
        self._is_in_frame = True
        return begins

    def _problem(self, first: int, second: int) -> str | None:
        """The problem of a frame whose header begins with these two bytes; None if it has none."""
        opcode = first & _OPCODE
        if opcode not in _OPCODES:
            return "invalid opcode"
        if not second & _MASKED:
            return "incorrect masking"
        reserved = first & _RESERVED
        if reserved:
            is_marked = reserved == COMPRESSED and opcode in (TEXT, BINARY)
            if not (is_marked and self._accepts_compressed):
                return "reserved bits must be 0"
        if opcode & _CONTROL:
            if second & ~_MASKED > _MAX_7_BITS:
                return "control frame too long"
            if not first & _FIN:
                return "fragmented control frame"
            if opcode == CLOSE and self._is_in_message:
                return "incomplete fragmented message"
        elif self._is_in_message != (opcode == CONTINUATION):
            return "expected a continuation frame" if opcode else "unexpected continuation frame"
        return None

    def _unmask(self, data: bytes) -> bytes:
        """The next bytes of a payload as the client meant them (RFC 6455, 5.3)."""
        size = len(data)
        key = (self._mask * (size // _MASK_BYTES + 1))[:size]
        turn = size % _MASK_BYTES
        if turn and self._is_in_frame:
            self._mask = self._mask[turn:] + self._mask[:turn]
        return (int.from_bytes(data, "little") ^ int.from_bytes(key, "little")).to_bytes(
            size, "little"
        )

    def _add(self, data: bytes, parts: list[FramePart]) -> None:
        """Add a part of a message; what follows in the same frame continues it."""
        is_last = self._is_final and not self._is_in_frame
        parts.append(FramePart(self._opcode, data, is_last, self._is_compressed))
        self._opcode = CONTINUATION
        self._is_compressed = False
        self._is_in_message = not is_last


@lru_cache(maxsize=256)
def frame_header(opcode: int, length: int) -> bytes:
    """The header of a whole, unmasked frame; remembered, for a change makes many of one length.

    Args:
        opcode: What the frame is; with COMPRESSED, if its payload is so as RFC 7692 has it.
        length: How many bytes its payload has.
    """
    first = _FIN | opcode
    if length <= _MAX_7_BITS:
        return bytes((first, length))
    if length <= _MAX_16_BITS:
        return struct.pack("!BBH", first, 126, length)
    return struct.pack("!BBQ", first, 127, length)


def message_frame(
    opcode: int, prefix: bytes, middle: bytes | Parts, suffix: bytes
) -> tuple[bytes, ...]:
    """A whole, unmasked frame of `prefix + middle + suffix`: header, prefix and other parts."""
    length = len(prefix) + len(middle) + len(suffix)
    if isinstance(middle, Parts):
        return frame_header(opcode, length), prefix, *middle.parts, suffix
    return frame_header(opcode, length), prefix, middle, suffix


def control_frame(opcode: int, payload: bytes) -> bytes:
    """A whole, unmasked frame with a short payload."""
    return frame_header(opcode, len(payload)) + payload
