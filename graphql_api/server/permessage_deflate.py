"""Compressed WebSocket messages, without any state of a connection: permessage-deflate.

```
 header │ stored block: prefix, with the client's id │ blocks of payload and suffix, made once
```

Both sides begin each message with an empty window, so all clients can be sent the same blocks. A
connection pays for the header and the prefix, and keeps nothing. What a client sends is inflated
no further than a message may be long.

Only the payloads that subscriptions share are compressed. Nothing that is secret for one client
stands there together with what another one has chosen, so the length of a message says nothing
about such a secret (CRIME, BREACH).

Source: RFC 7692, 5 (negotiation), 6 (RSV1), 7.1 (parameters), 7.2 (messages); RFC 1951, 3.2.4
(stored blocks).
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence
from functools import lru_cache
from typing import Final

from websockets.exceptions import NegotiationError
from websockets.extensions import Extension
from websockets.extensions.permessage_deflate import (
    PerMessageDeflate,
    ServerPerMessageDeflateFactory,
)
from websockets.typing import ExtensionParameter

from graphql_api.execution.compressed_payload import (
    BLOCK_END,
    LARGE_WINDOW_BITS,
    SMALL_WINDOW_BITS,
    Payload,
)
from graphql_api.execution.parts import Parts
from graphql_api.server.frames import COMPRESSED, frame_header, message_frame

MAX_STORED_BYTES: Final = 0xFFFF
"""How long the content of a stored block may be."""

_MAX_STREAMS: Final = 16
"""How many DEFLATE streams a message may consist of. Most clients send one, and never end it."""


class StatelessDeflate(ServerPerMessageDeflateFactory):
    """Accepts offers of permessage-deflate, without context takeover in either direction.

    An offer with a window of less than 4 KB for the server is declined.
    """

    def __init__(self) -> None:
        super().__init__(server_no_context_takeover=True, client_no_context_takeover=True)

    def process_request_params(
        self, params: Sequence[ExtensionParameter], accepted_extensions: Sequence[Extension]
    ) -> tuple[list[ExtensionParameter], PerMessageDeflate]:
        """Answer an offer; as of its base class.

        Raises:
            NegotiationError: The offer is declined.
        """
        response, accepted = super().process_request_params(params, accepted_extensions)
        if accepted.local_max_window_bits < SMALL_WINDOW_BITS:
            raise NegotiationError("the server's window is too small")
        return response, accepted


def agreed_window_bits(extensions: Sequence[Extension]) -> int:
    """The window that a handshake has agreed on, as `Payload.deflated` takes it; 0 without one."""
    for extension in extensions:
        if isinstance(extension, PerMessageDeflate):
            is_large = extension.local_max_window_bits == LARGE_WINDOW_BITS
            return LARGE_WINDOW_BITS if is_large else SMALL_WINDOW_BITS
    return 0


@lru_cache(maxsize=256)
def _beginning(opcode: int, stored: int, blocks: int) -> bytes:
    """The header of a compressed frame, and that of its stored block, of so many bytes each."""
    # A block that is not compressed, nor the last: its length, and the same inverted.
    head = struct.pack("<BHH", 0, stored, stored ^ 0xFFFF)
    return frame_header(opcode | COMPRESSED, len(head) + stored + blocks) + head


def compressed_frame(
    opcode: int, prefix: bytes, middle: bytes | Parts, suffix: bytes, window_bits: int
) -> tuple[bytes, ...]:
    """A frame of `prefix + middle + suffix`, in parts; compressed if it is shared and that pays.

    Args:
        opcode: What the frame is.
        prefix: What one client is sent before the payload; it is the second part.
        middle: The payload.
        suffix: What is sent behind it.
        window_bits: As of `agreed_window_bits`.
    """
    if window_bits and isinstance(middle, Payload) and len(prefix) <= MAX_STORED_BYTES:
        blocks = middle.deflated(suffix, window_bits)
        if blocks:
            return _beginning(opcode, len(prefix), len(blocks)), prefix, blocks
    return message_frame(opcode, prefix, middle, suffix)


class MessageInflater:
    """Inflates one message, part by part, and never more of it than is asked for."""

    __slots__ = ("_inflate", "_streams")

    def __init__(self) -> None:
        self._inflate = zlib.decompressobj(-zlib.MAX_WBITS)
        self._streams = 1

    def inflated(self, part: bytes, max_bytes: int, *, is_last: bool) -> bytes:
        """The content of the next part, but not more than `max_bytes`, which is at least 1.

        A message that has so much must be given up: the rest of the part is lost.

        Raises:
            zlib.error: It is not compressed as it should be.
        """
        content = b""
        left = part + BLOCK_END if is_last else part
        while left:
            content += self._inflate.decompress(left, max_bytes - len(content))
            if len(content) >= max_bytes or not self._inflate.eof:
                break
            # RFC 7692, 7.2.3.4: a client may end a stream, and begin another one.
            left = self._inflate.unused_data
            self._inflate = zlib.decompressobj(-zlib.MAX_WBITS)
            self._streams += 1
            if self._streams > _MAX_STREAMS:
                raise zlib.error("a message of too many streams")
        return content
