"""Frames in parts say what the whole frames said, and a long message leaves its ends only."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from websockets.exceptions import ProtocolError
from websockets.frames import Frame, Opcode
from websockets.protocol import OPEN, SERVER, Protocol

from graphql_api.server.incoming import MAX_DRAINED_BYTES, FrameSplitter, IncomingMessage
from graphql_api.server.message_head import HEAD_BYTES
from tests.conformance.raw_websocket import close, frame

HANDSHAKE = b"GET /graphql HTTP/1.1\r\nhost: localhost\r\n\r\n"
PART = 4096


def in_pieces(data: bytes, cuts: list[int]) -> list[bytes]:
    places = sorted({0, len(data), *(cut % (len(data) + 1) for cut in cuts)})
    return [data[start:end] for start, end in pairwise(places)]


def split(*pieces: bytes) -> bytes:
    splitter = FrameSplitter()
    assert splitter.feed(HANDSHAKE) == HANDSHAKE
    return b"".join(map(splitter.feed, pieces))


def read(data: bytes) -> tuple[list[Frame], Exception | None]:
    """What the websockets package reads, and why it stops."""
    protocol = Protocol(SERVER, state=OPEN, max_size=None)
    protocol.receive_data(data)
    frames = [event for event in protocol.events_received() if isinstance(event, Frame)]
    return frames, protocol.parser_exc


Told = list[tuple[Opcode, bytes, bool]]


def told(frames: list[Frame]) -> Told:
    """What frames say: messages with the frames between their fragments in their places."""
    said: Told = []
    data, opcode, is_compressed = b"", Opcode.TEXT, False
    for event in frames:
        if event.opcode in (Opcode.TEXT, Opcode.BINARY):
            data, opcode, is_compressed = b"", event.opcode, event.rsv1
        elif event.opcode is not Opcode.CONT:
            said.append((event.opcode, bytes(event.data), False))
            continue
        data += bytes(event.data)
        if event.fin:
            said.append((opcode, data, is_compressed))
    return said


def payloads(longest: int) -> st.SearchStrategy[bytes]:
    return st.integers(0, longest).map(lambda length: bytes(i % 251 for i in range(length)))


MASKS = st.binary(min_size=4, max_size=4)
MESSAGES = st.one_of(
    st.tuples(st.just(Opcode.TEXT), payloads(200) | payloads(3 * PART), MASKS),
    st.tuples(st.just(Opcode.BINARY), payloads(3 * PART), MASKS),
    st.tuples(st.sampled_from([Opcode.PING, Opcode.PONG]), payloads(125), MASKS),
)


@given(
    st.lists(MESSAGES, max_size=6),
    st.lists(st.integers(0, 40_000), max_size=20),
    st.integers(0, len(HANDSHAKE)),
    st.sampled_from([None, 16, 64]),
)
def test_frames_in_parts_say_the_same(
    messages: list[tuple[Opcode, bytes, bytes]],
    cuts: list[int],
    cut_of_head: int,
    length_bits: int | None,
) -> None:
    data = b"".join(
        frame(opcode, payload, mask=mask, length_bits=length_bits)
        if length_bits and opcode < Opcode.CLOSE and len(payload) < 65_536
        else frame(opcode, payload, mask=mask)
        for opcode, payload, mask in messages
    )
    splitter = FrameSplitter()
    head = splitter.feed(HANDSHAKE[:cut_of_head]) + splitter.feed(HANDSHAKE[cut_of_head:])
    made = b"".join(map(splitter.feed, in_pieces(data, cuts)))
    assert head == HANDSHAKE
    frames, error = read(made)
    assert error is None
    assert told(frames) == [(opcode, payload, False) for opcode, payload, _ in messages]
    assert all(len(event.data) <= PART for event in frames)
    assert FrameSplitter().feed(HANDSHAKE + data) == HANDSHAKE + made


def test_fragments_of_a_long_message_are_split_each() -> None:
    parts = [b"a" * 5000, b"", b"b" * 9000, b"c"]
    data = frame(Opcode.TEXT, parts[0], fin=False) + frame(Opcode.PING, b"1")
    data += b"".join(frame(Opcode.CONT, part, fin=False) for part in parts[1:3])
    data += frame(Opcode.CONT, parts[3])
    frames, error = read(split(data))
    assert error is None
    assert told(frames) == [(Opcode.PING, b"1", False), (Opcode.TEXT, b"".join(parts), False)]


def test_first_part_of_a_compressed_frame_says_that_it_is_compressed() -> None:
    data = split(frame(Opcode.TEXT, b"x" * 10_000, reserved=4))
    assert data[0] == 0x41
    assert data[8 + PART] == 0x00
    assert data[2 * (8 + PART)] == 0x80


@pytest.mark.parametrize(
    "data",
    [
        frame(Opcode.TEXT, b"x" * 9000, mask=None),
        frame(Opcode.PING, b"x" * 126),
        frame(Opcode.PING, b"x" * 70_000),
        frame(Opcode.CLOSE, length=2**40) + b"x" * 200,
        frame(3, b"x" * 9000),
        frame(11),
        frame(Opcode.TEXT, b"x" * 9000, reserved=2),
        frame(Opcode.CONT, b"x" * 9000),
        frame(Opcode.TEXT, b"{", fin=False) + frame(Opcode.TEXT, b"}"),
        frame(Opcode.PING, b"x", fin=False),
    ],
)
def test_what_the_protocol_does_not_allow_is_not_allowed_in_parts(data: bytes) -> None:
    for pieces in ([data], [data[i : i + 1] for i in range(len(data))]):
        _, error = read(split(*pieces))
        assert isinstance(error, ProtocolError)


def test_close_frame_passes() -> None:
    frames, error = read(split(close(1001, b"bye")))
    assert error is None
    assert told(frames) == [(Opcode.CLOSE, b"\x03\xe9bye", False)]


def test_frame_that_is_too_long_to_be_drained_is_known_by_its_header() -> None:
    for length, is_endless in [(MAX_DRAINED_BYTES, False), (MAX_DRAINED_BYTES + 1, True)]:
        splitter = FrameSplitter()
        splitter.feed(HANDSHAKE)
        splitter.feed(frame(Opcode.TEXT, length=length))
        assert splitter.is_endless == is_endless


BEGINNING = b'{"id":"a","type":"subscribe","payload":"'


@given(st.integers(0, 30_000), st.integers(1, 5000), st.integers(0, 20_000))
@example(3609, 456, 3640)
def test_message_is_kept_whole_or_by_its_ends(length: int, part: int, max_bytes: int) -> None:
    data = BEGINNING + bytes(i % 251 for i in range(length))
    message = IncomingMessage(max_bytes)
    for start in range(0, len(data), part):
        message.add(data[start : start + part])
        assert len(message._data) <= max_bytes + part
    assert message.length == len(data)
    assert not message.is_hopeless
    assert message.is_too_long == (len(data) > max_bytes)
    if message.is_too_long:
        beginning, end, limit = message.ends()
        assert data.startswith(beginning)
        assert data.endswith(end)
        assert limit == max_bytes
        # What had come when it was found too long: all of the head, if as much is allowed.
        assert min(HEAD_BYTES, max_bytes + 1) <= len(beginning) <= HEAD_BYTES
        assert len(end) <= HEAD_BYTES
    else:
        assert message.data() == data


def test_long_message_is_hopeless_if_it_names_no_operation_or_never_ends() -> None:
    for beginning, is_hopeless in [(BEGINNING, False), (b"xxxx", True), (b'{"type":"ping",', True)]:
        message = IncomingMessage(10_000)
        message.add(beginning)
        message.add(b"x" * 10_000)
        assert message.is_hopeless == is_hopeless
    message = IncomingMessage(10_000)
    message.add(BEGINNING)
    for _ in range(MAX_DRAINED_BYTES // 1_000_000 + 1):
        message.add(b"x" * 1_000_000)
    assert message.is_hopeless
    assert len(message._data) + len(message._end or b"") <= 2 * HEAD_BYTES
