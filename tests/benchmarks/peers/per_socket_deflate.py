"""This server with a compressor for each socket, which compresses each message for each client.

So it is where permessage-deflate is used as it comes: with the settings that Python's websockets
has by default, and the window kept between messages. It takes the arguments of `graphql-api`.
"""

from __future__ import annotations

import sys
import zlib
from collections.abc import Sequence
from typing import Any

from graphql_api.cli import main
from graphql_api.execution.compressed_payload import BLOCK_END
from graphql_api.execution.parts import Parts, parts_of
from graphql_api.server import uvicorn_server
from graphql_api.server.frames import COMPRESSED, frame_header
from graphql_api.server.websocket_protocol import WebSocketProtocol


def new_deflate() -> Any:
    """A compressor for one socket."""
    return zlib.compressobj(wbits=-12, memLevel=5)


def deflated_frames(
    deflate: Any, opcode: int, prefix: bytes, middles: Sequence[bytes | Parts], suffix: bytes
) -> list[bytes]:
    """Frames of `prefix + middle + suffix`, in parts, by the compressor of their socket."""
    parts: list[bytes] = []
    for middle in middles:
        blocks = deflate.compress(b"".join((prefix, *parts_of(middle), suffix)))
        blocks += deflate.flush(zlib.Z_SYNC_FLUSH)
        blocks = blocks.removesuffix(BLOCK_END)
        parts += (frame_header(opcode | COMPRESSED, len(blocks)), blocks)
    return parts


class PerSocketProtocol(WebSocketProtocol):
    """A connection with a compressor of its own."""

    __slots__ = ("_deflate",)

    def open(self, window_bits: int) -> None:
        """Make the compressor, too."""
        super().open(window_bits)
        self._deflate = new_deflate()

    def write_texts(self, prefix: bytes, middles: Sequence[bytes | Parts], suffix: bytes) -> None:
        """Compress each message."""
        self._write(b"".join(deflated_frames(self._deflate, self._opcode, prefix, middles, suffix)))


if __name__ == "__main__":
    vars(uvicorn_server)["WebSocketProtocol"] = PerSocketProtocol
    sys.exit(main())
