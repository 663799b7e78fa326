"""A payload that equal subscriptions share: its bytes, and the same compressed, once for all.

A WebSocket message that is compressed without context takeover is a DEFLATE stream of its own, and
such a stream is a series of blocks. What differs between clients, the id of the operation, is a
block that is stored as it is. What is the same for all is compressed here, and used as it is by
each connection: see `graphql_api.server.permessage_deflate`.

Source: RFC 7692, 7.2.1 (a message ends with an empty block, of which four bytes are left out) and
7.1 (no context takeover); RFC 1951, 3.2.
"""

from __future__ import annotations

import zlib
from typing import Final

MIN_DEFLATED_BYTES: Final = 512
"""How long a payload must be to be compressed."""

SMALL_WINDOW_BITS: Final = 12
"""How many bits the distances have in what is compressed for the smallest windows, and in what is
short enough: 12 are 4 KB. The compressor is quickly made for these, and as good."""
LARGE_WINDOW_BITS: Final = 15

BLOCK_END: Final = b"\0\0\xff\xff"
"""The end of the empty block at the end of each message, which is not sent."""

_LEVEL: Final = 6
_MEMORY_LEVELS: Final = {SMALL_WINDOW_BITS: 5, LARGE_WINDOW_BITS: 8}


class Payload(bytes):
    """The payload of an event: bytes, which know their compressed forms once one was asked for."""

    _deflated: dict[tuple[bytes, int], bytes] | None = None

    def deflated(self, suffix: bytes, window_bits: int) -> bytes:
        """The blocks of this and `suffix`, without `BLOCK_END`; empty, if compression does not pay.

        Args:
            suffix: What every client is sent behind it.
            window_bits: How far back its blocks may refer, SMALL_WINDOW_BITS or LARGE_WINDOW_BITS.
        """
        made = self._deflated
        if made is None:
            made = self._deflated = {}
        key = suffix, window_bits
        blocks = made.get(key)
        if blocks is None:
            is_short = len(self) + len(suffix) <= 1 << SMALL_WINDOW_BITS
            if is_short and window_bits > SMALL_WINDOW_BITS:
                blocks = self.deflated(suffix, SMALL_WINDOW_BITS)
            else:
                blocks = _deflate(self + suffix, window_bits)
            made[key] = blocks
        return blocks


def _deflate(text: bytes, window_bits: int) -> bytes:
    if len(text) < MIN_DEFLATED_BYTES:
        return b""
    deflate = zlib.compressobj(
        _LEVEL, zlib.DEFLATED, -window_bits, memLevel=_MEMORY_LEVELS[window_bits]
    )
    blocks = deflate.compress(text) + deflate.flush(zlib.Z_SYNC_FLUSH)
    blocks = blocks.removesuffix(BLOCK_END)
    return blocks if len(blocks) < len(text) else b""
