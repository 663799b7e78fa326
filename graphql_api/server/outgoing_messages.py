"""The bytes of messages for one client: whole frames, compressed if both sides have agreed so."""

from __future__ import annotations

from collections.abc import Sequence

from graphql_api.execution.parts import Parts
from graphql_api.execution.payload_bundle import PayloadBundle
from graphql_api.limits.answer_memory import LARGE_BYTES
from graphql_api.server.frames import message_frame
from graphql_api.server.permessage_deflate import compressed_frame


def frames(
    opcode: int, prefix: bytes, middles: Sequence[bytes | Parts], suffix: bytes, window_bits: int
) -> Sequence[bytes]:
    """A frame of `prefix + middle + suffix` for each of `middles`, in one piece.

    They are in several pieces if one of the middles is long: that is not copied.

    Args:
        opcode: What the frames are.
        prefix: What this client is sent before each payload.
        middles: Payloads.
        suffix: What every client is sent behind each.
        window_bits: As of `agreed_window_bits`.
    """
    if isinstance(middles, PayloadBundle):
        return (prefix.join(_pieces(opcode, prefix, middles, suffix, window_bits)),)
    parts: list[bytes] = []
    for middle in middles:
        if window_bits:
            parts += compressed_frame(opcode, prefix, middle, suffix, window_bits)
        else:
            parts += message_frame(opcode, prefix, middle, suffix)
    if max(map(len, middles)) > LARGE_BYTES:
        return [part for part in parts if part]
    return (b"".join(parts),)


def _pieces(
    opcode: int, prefix: bytes, bundle: PayloadBundle, suffix: bytes, window_bits: int
) -> Sequence[bytes]:
    """What stands before, between and behind the prefixes of the frames of a bundle."""
    framing = opcode, len(prefix), suffix, window_bits
    pieces = bundle.pieces(framing)
    if pieces is None:
        pieces, behind = [], b""
        for payload in bundle:
            beginning, _, *rest = compressed_frame(opcode, prefix, payload, suffix, window_bits)
            pieces.append(behind + beginning)
            behind = b"".join(rest)
        pieces.append(behind)
        bundle.remember(framing, pieces)
    return pieces
