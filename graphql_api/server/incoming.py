"""What comes in on a WebSocket, taken in parts: memory is bounded, however long a message is.

```
 bytes ──FrameSplitter──▶ frames of 4 KB at most ──websockets──▶ payloads ──IncomingMessage──▶ text
                                                                      or the two ends of a long one
```

The websockets package holds a frame until it is complete, and closes the socket at one that is too
long. Here a message that is too long is read to its end and dropped, but for its two ends, by which
its operation can be named; so the other operations of the socket go on.

Source: RFC 6455, 5.2 and 5.4 (a frame may be split into fragments), 5.5 (control frames); RFC 7692,
6.1 (a compressed message in fragments).
"""

from __future__ import annotations

import struct

from starlette.types import Scope

from graphql_api.execution.sink import EXTENSION
from graphql_api.server.message_head import HEAD_BYTES, MAX_OTHER_CHARS, may_begin_operation

LONG_TEXT = "graphql_api.long_text"
"""The key of an ASGI message for a text that is too long; the value is its beginning, its end, and
how long a text may be."""

MAX_BYTES_BEFORE_ACK = MAX_OTHER_CHARS
"""How long a message may be as long as nobody knows who sends it."""

MAX_DRAINED_BYTES = 64 * 1024 * 1024
"""How long a message may be to be read to its end at all; at a longer one the socket is closed."""

_PART_BYTES = 4096
"""A multiple of the mask's four bytes, so that each part has the same mask. Compressed, such a part
stands for 4 MB at most."""

_FIN = 0x80
_OPCODE = 0x0F
_CONTROL = 0x08
_MASKED = 0x80
_MAX_7_BITS = 125
_END_OF_HANDSHAKE = b"\r\n\r\n"


class FrameSplitter:
    """Splits the long frames of one client into fragments. Pure: bytes in, bytes out.

    What comes before the first frame, the head of the handshake, passes unchanged, and so do frames
    that need no splitting and those that the protocol does not allow.

    Attributes:
        is_endless: Whether a frame says that it is longer than `MAX_DRAINED_BYTES`.
    """

    __slots__ = ("_after", "_head", "_header", "_is_final", "_left", "_mask", "_part", "is_endless")

    def __init__(self) -> None:
        self._head: bytes | None = b""  # the end of what has come of the handshake; then None
        self._header = b""
        self._mask = b""
        self._left = 0  # of the frame's payload
        self._part = 0  # of the current part of it
        self._is_final = False
        self._after = False  # no frames can be told apart any more
        self.is_endless = False

    def feed(self, data: bytes) -> bytes:
        """The same frames, with long ones in fragments."""
        if self._head is not None:
            return self._feed_head(data)
        if self._after or self._is_one_short_frame(data):
            return data
        made: list[bytes] = []
        position = 0
        while position < len(data) and not self._after:
            if self._left == 0:
                position = self._read_header(data, position, made)
                continue
            if self._part == 0:
                self._begin_part(made, is_first=False)
            taken = data[position : position + self._part]
            made.append(taken)
            position += len(taken)
            self._part -= len(taken)
            self._left -= len(taken)
        made.append(data[position:])
        return b"".join(made)

    def _feed_head(self, data: bytes) -> bytes:
        assert self._head is not None
        seen = self._head + data
        end = seen.find(_END_OF_HANDSHAKE)
        if end < 0:
            self._head = seen[-len(_END_OF_HANDSHAKE) + 1 :]
            return data
        behind = end + len(_END_OF_HANDSHAKE) - len(self._head)
        self._head = None
        return data[:behind] + (self.feed(data[behind:]) if behind < len(data) else b"")

    def _is_one_short_frame(self, data: bytes) -> bool:
        return (
            self._left == 0
            and not self._header
            and len(data) >= 6
            and data[1] >= _MASKED
            and len(data) - 6 == data[1] & ~_MASKED <= _MAX_7_BITS
        )

    def _read_header(self, data: bytes, position: int, made: list[bytes]) -> int:
        """Take more of a frame's header, and begin its payload if that is all; where that ends."""
        needed = 2
        if len(self._header) >= 2:
            needed = _header_length(self._header[1])
        taken = data[position : position + needed - len(self._header)]
        self._header += taken
        position += len(taken)
        if len(self._header) < 2 or len(self._header) < _header_length(self._header[1]):
            return position
        first, second = self._header[:2]
        if second < _MASKED:  # which no client may send
            self._after = True
            made.append(self._header)
            return position
        length = second & ~_MASKED
        if length > _MAX_7_BITS:
            length = int.from_bytes(self._header[2:-4], "big")
        if first & _CONTROL and length > _MAX_7_BITS:
            # Too long for a control frame: say no more than that, for nobody is to wait for it all.
            self._after = True
            made.append(struct.pack("!BBH", first, _MASKED | 126, 126) + self._header[-4:])
        elif length <= _PART_BYTES:
            made.append(self._header)
            self._left = self._part = length
        elif length > MAX_DRAINED_BYTES:
            self._after = self.is_endless = True
        else:
            self._mask = self._header[-4:]
            self._is_final = bool(first & _FIN)
            self._left = length
            self._begin_part(made, is_first=True, first_byte=first)
        self._header = b""
        return position

    def _begin_part(self, made: list[bytes], *, is_first: bool, first_byte: int = 0) -> None:
        """Begin the next fragment of a long frame: one that continues, unless it is the first."""
        self._part = min(self._left, _PART_BYTES)
        first = first_byte & ~_FIN if is_first else 0
        if self._is_final and self._part == self._left:
            first |= _FIN
        made.append(struct.pack("!BBH", first, _MASKED | 126, self._part) + self._mask)


def _header_length(second: int) -> int:
    """How long the header of a frame is, by its second byte."""
    extended = {126: 2, 127: 8}.get(second & ~_MASKED, 0)
    return 2 + extended + (4 if second & _MASKED else 0)


class IncomingMessage:
    """A message, as its parts come; of one that is too long the two ends are kept.

    Attributes:
        length: How many bytes have come.
        is_hopeless: Whether it is too long, and no operation can be named by it.
    """

    __slots__ = ("_data", "_end", "_max_bytes", "is_hopeless", "length")

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._data = bytearray()
        self._end: bytes | None = None
        self.is_hopeless = False
        self.length = 0

    @property
    def is_too_long(self) -> bool:
        """Whether more has come than a message may have."""
        return self._end is not None

    def add(self, data: bytes) -> None:
        """Take the next part."""
        self.length += len(data)
        if self._end is not None:
            self._end = (self._end + data[-HEAD_BYTES:])[-HEAD_BYTES:]
        else:
            self._data += data
        if self._end is None and self.length > self._max_bytes:
            self._end = bytes(self._data[-HEAD_BYTES:])
            del self._data[HEAD_BYTES:]
            self.is_hopeless = not may_begin_operation(bytes(self._data))
        if self.length > MAX_DRAINED_BYTES:
            self.is_hopeless = True

    def data(self) -> bytes:
        """All of it, if it is not too long."""
        return bytes(self._data)

    def ends(self) -> tuple[bytes, bytes, int]:
        """The value of `LONG_TEXT` for one that is too long."""
        assert self._end is not None, "it is too long"
        return bytes(self._data), self._end, self._max_bytes


def accept_long_texts(scope: Scope) -> None:
    """From now on take messages up to the server's limit: it is known who sends them."""
    server = (scope.get("extensions") or {}).get(EXTENSION)
    if server is not None:
        server["accept_long_texts"]()
