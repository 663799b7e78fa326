"""Compressed messages, as RFC 7692 has them, and what it does not allow."""

from __future__ import annotations

import json
import zlib
from collections.abc import AsyncIterator
from itertools import pairwise

import pytest

from graphql_api.rethink.url import DatabaseURL
from tests.conformance.conversation import Conversation, Step, bytes_, hear, init, ping, subscribe
from tests.conformance.raw_websocket import (
    Opcode,
    close,
    deflated,
    frame,
    raw_websocket,
)
from tests.conformance.servers import OurServer, our_server
from tests.server.running import settings_for

_OFFER = "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits"
_RSV1 = 4
_MAX_MESSAGE_BYTES = 100_000


@pytest.fixture
async def toys(starbelly: DatabaseURL, packages: None) -> AsyncIterator[OurServer]:
    settings = settings_for(starbelly, max_message_bytes=_MAX_MESSAGE_BYTES, graphiql=False)
    async with our_server(settings) as server:
        yield server


def text(message: object) -> bytes:
    return json.dumps(message).encode()


def packed(message: object) -> bytes:
    """A message that is compressed, in one frame."""
    return frame(Opcode.TEXT, deflated(text(message)), reserved=_RSV1)


def in_fragments(*between: bytes) -> bytes:
    """A ping, compressed, in four fragments, with other frames in the middle."""
    data = deflated(text(ping({"a": "b" * 50})))
    ends = [0, 1, 1, len(data) // 2, len(data)]
    first, *rest, last = (data[start:end] for start, end in pairwise(ends))
    frames = [
        frame(Opcode.TEXT, first, fin=False, reserved=_RSV1),
        *between,
        *(frame(Opcode.CONTINUATION, piece, fin=False) for piece in rest),
        frame(Opcode.CONTINUATION, last),
    ]
    return b"".join(frames)


def final_block(message: object) -> bytes:
    """A message whose blocks end with one that is marked as the last (7.2.3.4)."""
    compressor = zlib.compressobj(wbits=-15)
    return compressor.compress(text(message)) + compressor.flush() + b"\0"


def stored(message: object) -> bytes:
    """A message in a block that is not compressed (7.2.3.3)."""
    data = text(message)
    size = len(data)
    header = b"\0" + size.to_bytes(2, "little") + (size ^ 0xFFFF).to_bytes(2, "little")
    return header + data + b"\0"


def second_of(*messages: object) -> bytes:
    """The last of some messages that are compressed one after the other, with context takeover."""
    compressor = zlib.compressobj(wbits=-15)
    sent = b""
    for message in messages:
        sent = compressor.compress(text(message)) + compressor.flush(zlib.Z_SYNC_FLUSH)
    return sent.removesuffix(b"\0\0\xff\xff")


_PONG = 'pong {"a": "%s"}' % ("b" * 50)
_LONG = {"query": "{ hello }", "variables": {"a": "x" * 1_000_000}}
ANSWERS: dict[str, tuple[list[bytes], str]] = {
    "a message in one frame": ([packed(ping())], "pong"),
    "one that is not compressed": ([frame(Opcode.TEXT, text(ping()))], "pong"),
    "both in turn": ([packed(ping()), frame(Opcode.TEXT, text(ping())), packed(ping())], "pong"),
    "fragments": ([in_fragments()], _PONG),
    "fragments around a ping": ([in_fragments(frame(Opcode.PING, b"x"))], "control pong x"),
    "a final block": ([frame(Opcode.TEXT, final_block(ping()), reserved=_RSV1)], "pong"),
    "a stored block": ([frame(Opcode.TEXT, stored(ping()), reserved=_RSV1)], "pong"),
    "a long operation": ([packed(subscribe("{ hello }") | {"payload": _LONG})], "error a"),
    # What ends the connection.
    "an empty message": ([frame(Opcode.TEXT, b"\0", reserved=_RSV1)], "close 4400"),
    "half of a message": (
        [frame(Opcode.TEXT, deflated(text(ping({"a": "b" * 50})))[:-9], reserved=_RSV1)],
        "close 4400",
    ),
    "no DEFLATE": ([frame(Opcode.TEXT, b"\x07" + text(ping()), reserved=_RSV1)], "close 1007"),
    "with the context of the one before": (
        [
            packed(ping({"a": "b" * 50})),
            frame(Opcode.TEXT, second_of(ping({"a": "b" * 50}), ping({"a": "b" * 50})), reserved=4),
        ],
        "close 1007",
    ),
    "text that is not UTF-8": (
        [frame(Opcode.TEXT, deflated(b"\xff" * 10), reserved=_RSV1)],
        "close 1007",
    ),
    "a long message of no operation": ([packed({"a": "x" * 1_000_000})], "close 1009"),
    "a long message with its id at the end": (
        [packed({"payload": _LONG, "type": "subscribe", "id": "a"})],
        "close 1009",
    ),
    "RSV1 on a ping": ([frame(Opcode.PING, b"x", reserved=_RSV1)], "close 1002"),
    "RSV1 on a close frame": (
        [b"\xc8" + close(1000)[1:]],
        "close 1002",
    ),
    "RSV1 on a continuation": (
        [
            frame(Opcode.TEXT, b"", fin=False, reserved=_RSV1),
            frame(Opcode.CONTINUATION, deflated(text(ping())), reserved=_RSV1),
        ],
        "close 1002",
    ),
    "RSV2": ([frame(Opcode.TEXT, deflated(text(ping())), reserved=6)], "close 1002"),
}


async def test_compressed_messages_are_read_and_what_is_none_is_refused(toys: OurServer) -> None:
    for name, (frames, answer) in ANSWERS.items():
        async with raw_websocket(toys.host, toys.port, headers=[_OFFER]) as socket:
            assert socket.extensions is not None
            conversation = Conversation(socket)
            steps: list[Step] = [
                bytes_(packed(init())),
                hear("ack"),
                bytes_(*frames),
                hear(answer.partition(" ")[0]),
            ]
            for step in steps:
                await step(conversation)
            heard = conversation.words[-1]
            assert heard.startswith(answer), f"{name}: {conversation.words}"
    await toys.until_only()


async def test_nothing_is_compressed_without_agreement(toys: OurServer) -> None:
    async with raw_websocket(toys.host, toys.port) as socket:
        assert socket.extensions is None
        conversation = Conversation(socket)
        await bytes_(packed(init()))(conversation)
        await conversation.until("close")
        assert conversation.words == ["close 1002"]
