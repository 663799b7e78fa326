"""Size of an HTTP request: how much of it has come, and how much may. No I/O.

The head, the framing of chunks and the trailers together are limited, and so is what still comes of
a request that is answered already.

Source: RFC 9112, 7.1 (chunks); RFC 6585, 5 (431).
"""

from __future__ import annotations

from graphql_api.headers import RawHeaders
from graphql_api.limits.origin_check import Refusal
from graphql_api.server.frames import MAX_DRAINED_BYTES
from graphql_api.server.http_refusals import HEAD_TOO_LARGE, MAX_HEAD_BYTES, TRAILERS_TOO_LARGE

_MAX_REFUSED_HEAD_BYTES = 16 * MAX_HEAD_BYTES
"""How far a head is looked through whose URL alone is too long, and of which nothing is kept."""
_MAX_LINE_BYTES = 8192


class RequestSize:
    """Counts the bytes of the requests of one connection, one request after another.

    Attributes:
        is_in_head: Whether the head of the request that comes now is not complete.
    """

    __slots__ = ("_body_bytes", "_drained_bytes", "_head_bytes", "_line", "is_in_head")

    def __init__(self) -> None:
        self.is_in_head = True
        self._head_bytes = 0  # with the trailers, and what frames chunks beyond what is free
        self._line: bytes | None = None
        self._body_bytes = 0  # in the part that is being read
        self._drained_bytes = 0  # of a request that is answered already

    def begin_part(self) -> None:
        """Begin another part of what the client sends."""
        self._body_bytes = 0

    def add_body(self, length: int) -> None:
        """Count the bytes of a body in the part."""
        self._body_bytes += length

    def end(self) -> None:
        """End the request: what follows is the head of another one."""
        self.is_in_head = True
        self._head_bytes = self._drained_bytes = 0

    def excess(self, part: bytes, *, has_headers: bool) -> Refusal | None:
        """Count a part of a request which it does not complete, and refuse a request of too many.

        Of the bytes between the data of chunks (sizes, extensions) as many are free as there are
        data, whose amount the application limits.

        Args:
            part: What has come.
            has_headers: Whether a header of the request is known. If none is, `origin` looks for
                those that say who may read the refusal.
        """
        self._head_bytes += max(0, len(part) - 2 * self._body_bytes)
        if self._head_bytes <= MAX_HEAD_BYTES:
            return None
        if not self.is_in_head:
            return TRAILERS_TOO_LARGE
        if has_headers:
            return HEAD_TOO_LARGE
        self._line = (b"-" + part).rpartition(b"\r\n")[2]
        return None

    def is_drained(self, part: bytes) -> bool:
        """Whether more has come of a request that is answered already than is read of one."""
        self._drained_bytes += len(part)
        return self._drained_bytes > MAX_DRAINED_BYTES

    @property
    def is_origin_wanted(self) -> bool:
        """Whether the request is to be refused once its origin is known."""
        return self._line is not None

    def origin(self, part: bytes) -> tuple[RawHeaders, bool]:
        """The headers of a part that say where the request is from, and whether that is all."""
        self._head_bytes += len(part)
        *lines, line = ((self._line or b"") + part).split(b"\r\n")
        self._line = line[:_MAX_LINE_BYTES]
        found = []
        for line in lines:
            name, _, value = line.partition(b":")
            if name.lower() in {b"host", b"origin"}:
                found.append((name.lower(), value.strip()))
        return found, b"" in lines or self._head_bytes > _MAX_REFUSED_HEAD_BYTES
