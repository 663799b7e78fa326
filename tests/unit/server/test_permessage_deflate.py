"""What is compressed once is read by every client as what it is: RFC 7692, without context."""

from __future__ import annotations

import json
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.client import ClientProtocol
from websockets.extensions.permessage_deflate import PerMessageDeflate
from websockets.frames import Frame
from websockets.protocol import OPEN
from websockets.server import ServerProtocol
from websockets.uri import parse_uri

from graphql_api.execution.compressed_payload import MIN_DEFLATED_BYTES, Payload
from graphql_api.protocols.messages import MAX_ID_CHARS, NEXT_SUFFIX, next_prefix
from graphql_api.server.frames import TEXT
from graphql_api.server.permessage_deflate import (
    MAX_STORED_BYTES,
    MessageInflater,
    StatelessDeflate,
    agreed_window_bits,
    compressed_frames,
)
from tests.conformance.raw_websocket import deflated
from tests.for_each import for_each

IDS = st.text(min_size=1, max_size=MAX_ID_CHARS) | st.sampled_from(
    ["\0" * MAX_ID_CHARS, "\U0001f600" * MAX_ID_CHARS]
)
TEXTS = st.text() | st.tuples(st.integers(0, 70_000), st.integers(1, 9_000)).map(
    lambda sizes: (
        "".join(chr(32 + i * i % 90) for i in range(sizes[1]))[: sizes[0]]
        * (sizes[0] // sizes[1] + 1)
    )
)
WINDOWS = st.sampled_from([12, 15])


def read(data: bytes, window_bits: int) -> list[bytes]:
    """What a client of the websockets package reads, with the window that was agreed on."""
    client = ClientProtocol(parse_uri("ws://localhost/"), state=OPEN, max_size=None)
    client.extensions = [PerMessageDeflate(True, True, window_bits, 15)]
    client.receive_data(data)
    assert client.parser_exc is None
    return [bytes(event.data) for event in client.events_received() if isinstance(event, Frame)]


@given(IDS, st.lists(TEXTS, max_size=4), WINDOWS)
def test_messages_of_any_id_and_size_are_inflated_to_exactly_what_they_say(
    id_: str, texts: list[str], window_bits: int
) -> None:
    payloads = [Payload(json.dumps(text).encode()) for text in texts]
    prefix = next_prefix(id_)
    parts = compressed_frames(TEXT, prefix, payloads, NEXT_SUFFIX, window_bits)
    assert read(b"".join(parts), window_bits) == [
        prefix + payload + NEXT_SUFFIX for payload in payloads
    ]


@given(st.binary(max_size=2000), st.binary(max_size=200))
def test_text_that_compression_does_not_shorten_is_sent_as_it_is(
    noise: bytes, prefix: bytes
) -> None:
    parts = compressed_frames(TEXT, prefix, [Payload(noise)], b"}", 15)
    assert sum(map(len, parts)) <= len(prefix) + len(noise) + 1 + 10
    assert read(b"".join(parts), 15) == [prefix + noise + b"}"]


def test_payload_is_compressed_once_for_all_clients() -> None:
    payload = Payload(b"policy " * 1000)
    frames = [compressed_frames(TEXT, next_prefix(id_), [payload], b"}", 15) for id_ in "ab"]
    blocks = [parts[-1] for parts in frames]
    assert blocks[0] is blocks[1]
    assert payload.deflated(b"}", 15) is blocks[0]


def test_only_what_is_shared_and_long_enough_is_compressed() -> None:
    long, short = b"x" * MIN_DEFLATED_BYTES, b"x" * (MIN_DEFLATED_BYTES - 2)
    for payload, is_compressed in [(Payload(long), True), (Payload(short), False), (long, False)]:
        (first, *_) = compressed_frames(TEXT, b"{", [payload], b"}", 15)[0]
        assert bool(first & 0x40) == is_compressed


def test_prefix_that_no_stored_block_has_room_for_is_sent_as_it_is() -> None:
    payload = Payload(b"x" * 1000)
    for size, is_compressed in [(MAX_STORED_BYTES, True), (MAX_STORED_BYTES + 1, False)]:
        parts = compressed_frames(TEXT, b"i" * size, [payload], b"}", 15)
        assert bool(parts[0][0] & 0x40) == is_compressed
        assert read(b"".join(parts), 15) == [b"i" * size + payload + b"}"]


BOTH = "permessage-deflate; server_no_context_takeover; client_no_context_takeover"


@for_each(
    ("offer", "answer", "window_bits"),
    [
        ("permessage-deflate", BOTH, 15),
        ("permessage-deflate; client_max_window_bits", BOTH, 15),
        ("permessage-deflate; client_max_window_bits=9", f"{BOTH}; client_max_window_bits=9", 15),
        (BOTH, BOTH, 15),
        (
            "permessage-deflate; server_max_window_bits=15",
            f"{BOTH}; server_max_window_bits=15",
            15,
        ),
        *(
            (
                f'permessage-deflate; server_max_window_bits="{bits}"',
                f"{BOTH}; server_max_window_bits={bits}",
                12,
            )
            for bits in (12, 13, 14)
        ),
        ("permessage-deflate; server_max_window_bits=11", None, 0),
        ("permessage-deflate; server_max_window_bits=8", None, 0),
        ("permessage-deflate; server_max_window_bits=11, permessage-deflate", BOTH, 15),
        ("permessage-deflate, permessage-deflate; client_max_window_bits", BOTH, 15),
        ("permessage-deflate; server_max_window_bits", None, 0),
        ("permessage-deflate; server_max_window_bits=16", None, 0),
        ("permessage-deflate; server_no_context_takeover=1", None, 0),
        ("permessage-deflate; server_no_context_takeover; server_no_context_takeover", None, 0),
        ("permessage-deflate; mode=fast", None, 0),
        ("x-webkit-deflate-frame", None, 0),
    ],
)
def test_offers_are_accepted_without_context_or_declined(
    offer: str, answer: str | None, window_bits: int
) -> None:
    client = ClientProtocol(parse_uri("ws://localhost/"))
    request = client.connect()
    request.headers["Sec-WebSocket-Extensions"] = offer
    server = ServerProtocol(extensions=[StatelessDeflate()])
    response = server.accept(request)
    assert response.status_code == 101
    assert response.headers.get("Sec-WebSocket-Extensions") == answer
    assert agreed_window_bits(server.extensions) == window_bits


# What clients send


@given(st.binary(max_size=20_000), st.integers(1, 3000), WINDOWS)
def test_message_in_parts_is_inflated_to_what_it_was(
    content: bytes, size: int, window_bits: int
) -> None:
    sent = deflated(content, window_bits)
    parts = [sent[i : i + size] for i in range(0, len(sent), size)] or [b""]
    inflater = MessageInflater()
    received = b""
    for i, part in enumerate(parts, 1):
        received += inflater.inflated(part, 100_000, is_last=i == len(parts))
    assert received == content


@given(st.integers(1, 5000), st.integers(1, 5000))
def test_no_more_is_inflated_than_is_asked_for(size: int, most: int) -> None:
    sent = deflated(b"x" * size)
    assert len(MessageInflater().inflated(sent, most, is_last=True)) == min(size, most)


def test_message_may_consist_of_some_streams_but_not_of_many() -> None:
    def streams(number: int) -> bytes:  # RFC 7692, 7.2.3.4
        one = zlib.compressobj(wbits=-15)
        return (one.compress(b"text") + one.flush(zlib.Z_FINISH)) * number + b"\0"

    for number in (1, 2, 15):
        inflater = MessageInflater()
        assert inflater.inflated(streams(number), 1000, is_last=True) == b"text" * number
    with pytest.raises(zlib.error):
        MessageInflater().inflated(streams(16), 1000, is_last=True)
    with pytest.raises(zlib.error):
        MessageInflater().inflated(b"\x07no stream", 1000, is_last=False)
