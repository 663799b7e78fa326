"""Messages that are sent together are framed once, and each client receives its own."""

from __future__ import annotations

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from graphql_api.execution.compressed_payload import MIN_DEFLATED_BYTES, Payload
from graphql_api.execution.payload_bundle import MAX_FRAMINGS, PayloadBundle
from graphql_api.protocols.messages import MAX_ID_CHARS, NEXT_SUFFIX, next_prefix
from graphql_api.server.frames import BINARY, TEXT
from graphql_api.server.outgoing_messages import frames
from graphql_api.server.permessage_deflate import MAX_STORED_BYTES, compressed_frame

IDS = st.text(min_size=1, max_size=40) | st.sampled_from(
    ["1", "2", "10", "\0" * MAX_ID_CHARS, "\U0001f600" * MAX_ID_CHARS]
)
PREFIXES = IDS.map(next_prefix) | st.sampled_from([0, MAX_STORED_BYTES, MAX_STORED_BYTES + 1]).map(
    lambda size: b"i" * size
)
LIMITS = [MIN_DEFLATED_BYTES, 125, 126, 0xFFFF]
"""Lengths next to which a frame has another form."""


@given(
    prefixes=st.lists(PREFIXES, min_size=1, max_size=MAX_FRAMINGS + 2),
    near=st.lists(st.tuples(st.sampled_from(LIMITS), st.integers(-2, 2), st.booleans())),
    window_bits=st.sampled_from([0, 12, 15]),
    opcode=st.sampled_from([TEXT, BINARY]),
)
def test_joined_frames_are_the_frames_of_each_message(
    prefixes: list[bytes], near: list[tuple[int, int, bool]], window_bits: int, opcode: int
) -> None:
    payloads = [_payload(limit, prefixes[0], more, noise) for limit, more, noise in near]
    run = PayloadBundle([Payload(b"short"), *payloads])
    for prefix in prefixes * 2:  # made, and known
        each = [
            b"".join(compressed_frame(opcode, prefix, payload, NEXT_SUFFIX, window_bits))
            for payload in run
        ]
        assert [*frames(opcode, prefix, run, NEXT_SUFFIX, window_bits)] == [b"".join(each)]
        one_by_one = frames(opcode, prefix, [*run], NEXT_SUFFIX, window_bits)
        assert b"".join(one_by_one) == b"".join(each)


def _payload(limit: int, prefix: bytes, more: int, noise: bool) -> Payload:
    """A payload with which a message is about as long as a limit, or that is so by itself."""
    around = len(prefix) + len(NEXT_SUFFIX)
    size = limit + more - (around if around < limit else 0)
    return Payload(Random(size).randbytes(size) if noise else b"policy " * (size // 7))


def test_pieces_are_made_once_for_ids_of_one_length_and_are_few() -> None:
    run = PayloadBundle([Payload(b"a"), Payload(b"b")])
    frames(TEXT, b"(1", run, b")", 0)
    made = run.pieces((TEXT, 2, b")", 0))
    assert frames(TEXT, b"(2", run, b")", 0) == (b"\x81\x04(2a)\x81\x04(2b)",)
    assert run.pieces((TEXT, 2, b")", 0)) is made
    for length in range(100):
        frames(TEXT, b"i" * length, run, b")", 0)
    known = [length for length in range(100) if run.pieces((TEXT, length, b")", 0))]
    assert 0 < len(known) <= MAX_FRAMINGS
