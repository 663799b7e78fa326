"""Inflating gzip part by part, within a limit."""

from __future__ import annotations

import zlib
from collections.abc import Iterator

from graphql_api.limits.answer_memory import LARGE_BYTES


class Inflater:
    """Inflates gzip, part by part.

    Args:
        max_bytes: How much it may hold.
    """

    def __init__(self, max_bytes: int) -> None:
        self._inflater = zlib.decompressobj(16 + zlib.MAX_WBITS)
        self._max_bytes = max_bytes
        self._inflated = 0

    def parts(self, content: bytes) -> Iterator[bytes]:
        """The content of the next part of a gzip, in parts of limited size.

        Raises:
            zlib.error: It is no gzip, or holds too much.
        """
        inflater, left = self._inflater, content
        while not inflater.eof:
            part = inflater.decompress(left, LARGE_BYTES)
            left = inflater.unconsumed_tail
            self._inflated += len(part)
            if self._inflated > self._max_bytes:
                raise zlib.error("it holds too much")
            if part:
                yield part
            elif not left:
                return

    def end(self) -> None:
        """Check that the gzip is whole.

        Raises:
            zlib.error: It ends too soon.
        """
        if not self._inflater.eof:
            raise zlib.error("it ends too soon")
