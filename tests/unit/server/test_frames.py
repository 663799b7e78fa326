"""Our frames are those of the websockets package: those that we read, and the headers we write."""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from itertools import pairwise

from hypothesis import example, given
from hypothesis import strategies as st
from websockets.client import ClientProtocol
from websockets.extensions import Extension
from websockets.extensions.permessage_deflate import PerMessageDeflate
from websockets.frames import Frame, Opcode
from websockets.protocol import OPEN, SERVER, Protocol
from websockets.uri import parse_uri

from graphql_api.server.frames import (
    COMPRESSED,
    MAX_DRAINED_BYTES,
    FramePart,
    FrameReader,
    control_frame,
    frame_header,
)
from graphql_api.server.permessage_deflate import MessageInflater
from tests.conformance.raw_websocket import close, frame
from tests.for_each import for_each

Seen = list[tuple[int, bytes]]
"""What frames say: messages, and the control frames between their fragments in their places."""


def in_pieces(data: bytes, cuts: Iterable[int]) -> list[bytes]:
    places = sorted({0, len(data), *(cut % (len(data) + 1) for cut in cuts)})
    return [data[start:end] for start, end in pairwise(places)]


def seen(parts: Iterable[FramePart]) -> Seen:
    said: Seen = []
    message, opcode = b"", -1
    inflate: MessageInflater | None = None
    for part in parts:
        if part.opcode >= Opcode.CLOSE:
            assert part.is_last
            said.append((part.opcode, part.data))
            continue
        assert (part.opcode == Opcode.CONT) == (opcode >= 0), "a message begins where one ended"
        opcode = max(opcode, part.opcode)
        if part.is_compressed:
            inflate = MessageInflater()
        if inflate is None:
            message += part.data
        else:
            message += inflate.inflated(part.data, 10_000_000, is_last=part.is_last)
        if part.is_last:
            said.append((opcode, message))
            message, opcode, inflate = b"", -1, None
    return said


def ours(pieces: Iterable[bytes], *, compress: bool = False) -> tuple[Seen, int | None, str]:
    """What our reader reads, and the code and the reason with which it stops."""
    reader = FrameReader(accepts_compressed=compress)
    parts = [part for piece in pieces for part in reader.feed(piece)]
    code, reason = reader.failure or (None, "")
    return seen(parts), code, reason


def theirs(data: bytes, *extensions: Extension) -> tuple[Seen, int | None, str]:
    """What the websockets package reads, and the same."""
    protocol = Protocol(SERVER, state=OPEN, max_size=None)
    protocol.extensions = list(extensions)
    protocol.receive_data(data)
    frames = [event for event in protocol.events_received() if isinstance(event, Frame)]
    parts = [FramePart(frame.opcode, bytes(frame.data), frame.fin) for frame in frames]
    if protocol.parser_exc is None:
        return seen(parts), None, ""
    assert protocol.close_sent is not None
    return seen(parts), protocol.close_sent.code, protocol.close_sent.reason


def client(*extensions: Extension) -> ClientProtocol:
    """A client of the websockets package whose handshake is over."""
    protocol = ClientProtocol(parse_uri("ws://localhost/"), state=OPEN)
    protocol.extensions = list(extensions)
    return protocol


def compression() -> PerMessageDeflate:
    return PerMessageDeflate(True, True, 15, 12)


PAYLOADS = st.integers(0, 70_000).map(lambda length: bytes(i % 251 for i in range(length)))
MESSAGES = st.tuples(
    st.sampled_from([Opcode.TEXT, Opcode.BINARY]),
    st.lists(st.one_of(st.binary(max_size=130), PAYLOADS), min_size=1, max_size=4),
    st.lists(st.tuples(st.sampled_from([Opcode.PING, Opcode.PONG]), st.binary(max_size=125))),
)
CUTS = st.lists(st.integers(0, 300_000), max_size=30)


@given(st.lists(MESSAGES, max_size=4), CUTS, st.booleans())
def test_messages_of_a_client_arrive_whole_however_they_are_cut(
    messages: list[tuple[Opcode, list[bytes], list[tuple[Opcode, bytes]]]],
    cuts: list[int],
    compress: bool,
) -> None:
    sender = client(*([compression()] if compress else []))
    expected: Seen = []
    for opcode, (first, *rest), control in messages:
        begin = sender.send_text if opcode is Opcode.TEXT else sender.send_binary
        begin(first, fin=not rest)
        if rest:
            for kind, payload in control:
                (sender.send_ping if kind is Opcode.PING else sender.send_pong)(payload)
                expected.append((kind, payload))
        for i, fragment in enumerate(rest, 1):
            sender.send_continuation(fragment, fin=i == len(rest))
        expected.append((opcode, b"".join((first, *rest))))
    pieces = in_pieces(b"".join(sender.data_to_send()), cuts)
    assert ours(pieces, compress=compress) == (expected, None, "")


@given(
    st.lists(
        st.builds(
            frame,
            st.sampled_from([*range(16)]),
            st.binary(max_size=10) | st.sampled_from([b"x" * 125, b"x" * 126, b"x" * 70_000]),
            fin=st.booleans(),
            mask=st.sampled_from([b"mask", b"\0\0\0\0", None]),
            reserved=st.sampled_from([0, 0, 0, 0, 1, 2, 4]),
        ),
        max_size=8,
    ),
    CUTS,
    st.booleans(),
)
@example([frame(Opcode.TEXT, b"{", fin=False), frame(Opcode.TEXT, b"}")], [], False)
@example([frame(Opcode.TEXT, b"x", reserved=4), frame(Opcode.CONT, b"x", reserved=4)], [], True)
def test_what_the_protocol_does_not_allow_ends_it_where_websockets_ends(
    frames: list[bytes], cuts: list[int], compress: bool
) -> None:
    data = b"".join(frames)
    said, code, _ = theirs(data, *([compression()] if compress else []))
    try:
        mine, my_code, _ = ours(in_pieces(data, cuts), compress=compress)
    except zlib.error:  # of a compressed message that is none; theirs says no more
        assert code == 1002
        return
    if any(kind == Opcode.CLOSE for kind, _ in mine):  # nothing counts behind it, and the
        end = [kind for kind, _ in mine].index(Opcode.CLOSE)  # connection judges what is in it
        assert mine[:end] == said[:end]
    else:
        # Of a message that is not complete websockets may have read a fragment less.
        assert (mine, my_code) == (said, code)


@for_each(
    ("data", "reason"),
    [
        (frame(Opcode.TEXT, b"x" * 9000, mask=None), "incorrect masking"),
        (frame(Opcode.PING, b"x" * 126), "control frame too long"),
        (frame(Opcode.CLOSE, length=2**40), "control frame too long"),
        (frame(Opcode.PING, b"x", fin=False), "fragmented control frame"),
        (frame(3, b"x" * 9000), "invalid opcode"),
        (frame(Opcode.TEXT, b"x" * 9000, reserved=2), "reserved bits must be 0"),
        (frame(Opcode.TEXT, b"x" * 9000, reserved=4), "reserved bits must be 0"),
        (frame(Opcode.CONT, b"x" * 9000), "unexpected continuation frame"),
        (frame(Opcode.TEXT, fin=False) + frame(Opcode.TEXT), "expected a continuation frame"),
        (frame(Opcode.TEXT, fin=False) + close(1000, b""), "incomplete fragmented message"),
    ],
)
def test_first_bytes_of_a_frame_say_that_it_is_not_allowed(data: bytes, reason: str) -> None:
    for pieces in ([data], [data[i : i + 1] for i in range(len(data))]):
        _, code, said = ours(pieces)
        assert (code, said) == (1002, reason)


def test_frame_that_is_too_long_to_be_drained_is_known_by_its_header() -> None:
    for length, code in [(MAX_DRAINED_BYTES, None), (MAX_DRAINED_BYTES + 1, 1009)]:
        assert ours([frame(Opcode.TEXT, length=length)]) == ([], code, "")


def test_reader_keeps_nothing_of_a_message_that_it_has_passed_on() -> None:
    reader = FrameReader()
    data = frame(Opcode.TEXT, b"x" * 1_000_000)
    for start in range(0, len(data), 1024):
        for part in reader.feed(data[start : start + 1024]):
            assert 0 < len(part.data) <= 1024
        assert len(reader._header) + len(reader._payload) == 0


@given(
    st.sampled_from([Opcode.TEXT, Opcode.BINARY]),
    st.sampled_from([0, 1, 125, 126, 127, 65_535, 65_536, 70_000]),
    st.booleans(),
)
def test_frame_that_we_write_is_read_by_a_client(
    opcode: Opcode, length: int, compress: bool
) -> None:
    payload = bytes(i % 251 for i in range(length))
    sent = payload
    if compress:
        sent = bytes(compression().encode(Frame(opcode, payload)).data)
    reader = client(*([compression()] if compress else []))
    reader.receive_data(frame_header(opcode | (COMPRESSED if compress else 0), len(sent)) + sent)
    (received,) = reader.events_received()
    assert isinstance(received, Frame)
    assert (received.opcode, bytes(received.data), received.fin) == (opcode, payload, True)


@given(st.sampled_from([Opcode.PING, Opcode.PONG]), st.binary(max_size=125))
def test_control_frame_that_we_write_is_read_by_a_client(opcode: Opcode, payload: bytes) -> None:
    reader = client()
    reader.receive_data(control_frame(opcode, payload))
    (received,) = reader.events_received()
    assert isinstance(received, Frame)
    assert (received.opcode, bytes(received.data)) == (opcode, payload)


@for_each("length", [2**16, 2**31, 2**40])
def test_header_of_a_long_frame_is_that_of_websockets(length: int) -> None:
    class Payload(bytes):
        def __len__(self) -> int:
            return length

    header = frame_header(Opcode.TEXT, length)
    assert Frame(Opcode.TEXT, Payload()).serialize(mask=False)[: len(header)] == header
