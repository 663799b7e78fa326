"""A WebSocket message that arrives in parts; its memory is bounded, however long it is.

A message that is too long is read to its end and dropped, but for its two ends, which name its
operation; so the other operations of the socket go on. One that is compressed is not inflated any
further, so there its beginning must name it.
"""

from __future__ import annotations

from graphql_api.server.frames import MAX_DRAINED_BYTES
from graphql_api.server.message_head import (
    HEAD_BYTES,
    MAX_OTHER_CHARS,
    may_begin_operation,
    read_head,
)
from graphql_api.server.permessage_deflate import MessageInflater
from graphql_api.server.receiver import LongText

MAX_BYTES_BEFORE_ACK = MAX_OTHER_CHARS
"""How long a message may be before the client is known."""


class IncomingMessage:
    """A message that arrives in parts; of one that is too long only the two ends are kept.

    Args:
        max_bytes: How long it may be.
        is_text: Whether it is text.
        is_compressed: Whether it is compressed.

    Attributes:
        is_hopeless: Whether it is too long, and does not name an operation.
        is_text: Whether it is text.
        length: How many bytes have come; of one that is compressed, how many it is so far.
    """

    __slots__ = ("_data", "_end", "_inflater", "_max_bytes", "is_hopeless", "is_text", "length")

    def __init__(
        self, max_bytes: int, *, is_text: bool = True, is_compressed: bool = False
    ) -> None:
        self._max_bytes = max_bytes
        self._inflater = MessageInflater() if is_compressed else None
        self._data = bytearray()
        self._end: bytes | None = None
        self.is_hopeless = False
        self.is_text = is_text
        self.length = 0

    @property
    def is_too_long(self) -> bool:
        """Whether more has come than a message may have."""
        return self._end is not None

    def add(self, data: bytes, *, is_last: bool = False) -> None:
        """Take the next part.

        Raises:
            zlib.error: It cannot be inflated.
        """
        if self._inflater is not None:
            self._add_compressed(self._inflater, data, is_last=is_last)
            return
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

    def _add_compressed(self, inflater: MessageInflater, data: bytes, *, is_last: bool) -> None:
        if self._end is not None:
            self.length += len(data)
        else:
            most = self._max_bytes + 1 - self.length
            inflated = inflater.inflated(data, most, is_last=is_last)
            self.length += len(inflated)
            self._data += inflated
            if self.length > self._max_bytes:
                self._end = b""
                del self._data[HEAD_BYTES:]
                self.is_hopeless = read_head(bytes(self._data), b"").operation_id is None
        if self.length > MAX_DRAINED_BYTES:
            self.is_hopeless = True

    def message(self) -> str | bytes | LongText:
        """The message, once it has ended.

        Raises:
            UnicodeDecodeError: It is text, but not UTF-8.
        """
        if self._end is not None:
            return LongText(bytes(self._data), self._end, self._max_bytes)
        return self._data.decode() if self.is_text else bytes(self._data)
