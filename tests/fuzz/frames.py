"""What clients of the embedded database send: the handshake, frames and queries.

The first byte says what the rest is: `h`, everything from the first byte of a connection; `r`, the
bytes after a good handshake; anything else, a query in each line. A query's first byte is its
token; if that is a bracket, the query begins with it.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections import Counter
from collections.abc import Iterator
from typing import Any

import orjson

from graphql_api.embedded import frames
from graphql_api.embedded.catalog import Catalog
from graphql_api.embedded.client_connection import ClientConnection
from graphql_api.embedded.datum import Document
from graphql_api.embedded.errors import ReqlError
from graphql_api.embedded.ql2 import QueryType, ResponseType
from graphql_api.embedded.storage import open_storage
from graphql_api.embedded.terms.indexes import build_index
from tests.fuzz.target import Target
from tests.transcripts.conversation import Recording, recording_names
from tests.transcripts.wire_client import MAGIC, hello, scram_proof

_DATABASE = "starbelly"
_TABLES = {"policy": "id", "schedule": "id", "domain_login": "domain", "t": "id"}
_HANDSHAKE_TIMEOUT_S = 5.0
_TIMEOUT_S = 20.0
_CHANGES = 152
_LOGGER = logging.getLogger("graphql_api.embedded")


class _Outgoing(asyncio.Transport):
    """Keeps what the server writes."""

    def __init__(self) -> None:
        super().__init__()
        self.data = bytearray()
        self._is_closing = False

    def write(self, data: bytes | bytearray | memoryview[Any]) -> None:
        self.data += data

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        pass

    def is_closing(self) -> bool:
        return self._is_closing

    def close(self) -> None:
        self._is_closing = True


class _Faults(logging.Handler):
    """Keeps what the server logs: it does so for its own faults only."""

    def __init__(self) -> None:
        super().__init__()
        self.errors: list[BaseException] = []

    def emit(self, record: logging.LogRecord) -> None:
        assert record.exc_info is not None
        error = record.exc_info[1]
        assert error is not None
        self.errors.append(error)


def check(data: bytes) -> None:
    """Serve a connection that sends this."""
    faults = _Faults()
    _LOGGER.addHandler(faults)
    try:
        asyncio.run(_check(data))
    finally:
        _LOGGER.removeHandler(faults)
    for error in faults.errors:
        raise error


async def _check(data: bytes) -> None:
    catalog = _catalog()
    try:
        async with asyncio.timeout(_TIMEOUT_S):
            if data[:1] == b"h":
                _check_handshake(await _talk(catalog, data[1:]))
            elif data[:1] == b"r":
                _replies(await _talk_authenticated(catalog, data[1:]))
            else:
                await _check_queries(catalog, data)
        for database in catalog.databases.values():
            for table in database.tables.values():
                assert not table.changefeeds, "the client is gone"
    finally:
        catalog.close()


def _catalog() -> Catalog:
    catalog = Catalog(open_storage(None), build_index)
    catalog.prepare("")
    database = catalog.create_database(_DATABASE)
    for name, key in _TABLES.items():
        table = catalog.create_table(database, name, key, "soft")
        for number in range(3):
            document: Document = {
                key: f"d{number}",
                "name": f"n{number}",
                "tags": ["a", number],
                "n": number,
            }
            table.documents[f"Sd{number}"] = document
    return catalog


async def _talk(catalog: Catalog, data: bytes) -> bytes:
    """What is said to a client that sends this and no more."""
    reader, outgoing = asyncio.StreamReader(), _Outgoing()
    reader.feed_data(data)
    reader.feed_eof()
    await _serve(catalog, reader, outgoing)
    return bytes(outgoing.data)


async def _talk_authenticated(catalog: Catalog, data: bytes) -> bytes:
    """The same after the handshake."""
    reader, outgoing = asyncio.StreamReader(), _Outgoing()
    serving = asyncio.ensure_future(_serve(catalog, reader, outgoing))
    first = hello("admin")
    reader.feed_data(MAGIC + json.dumps(first).encode() + b"\0")
    while outgoing.data.count(b"\0") < 2:
        await asyncio.sleep(0)
    reply = json.loads(outgoing.data.split(b"\0")[1])
    reader.feed_data(json.dumps(scram_proof(first, reply, "")).encode() + b"\0")
    reader.feed_data(data)
    reader.feed_eof()
    await serving
    welcome, _, replies = bytes(outgoing.data).split(b"\0", 2)[2].partition(b"\0")
    assert json.loads(welcome)["success"] is True
    return replies


async def _serve(catalog: Catalog, reader: asyncio.StreamReader, outgoing: _Outgoing) -> None:
    protocol = asyncio.StreamReaderProtocol(reader)
    writer = asyncio.StreamWriter(outgoing, protocol, reader, asyncio.get_running_loop())
    try:
        await ClientConnection(reader, writer, catalog, _HANDSHAKE_TIMEOUT_S).serve()
    finally:
        writer.close()


def _check_handshake(said: bytes) -> None:
    if said.startswith(b"ERROR: "):
        assert said.endswith(b"\n\0")
        return
    messages = said.split(b"\0")
    assert messages.pop() == b"", "each ends with a NUL"
    for number, message in enumerate(map(json.loads, messages)):
        assert message["success"] is True or (message["error"] and message["error_code"] > 0)
        assert number < 2 or not message["success"], "no client guesses what the server has chosen"


async def _check_queries(catalog: Catalog, data: bytes) -> None:
    """Every query has one reply, but for those that a changefeed holds."""
    expected: Counter[int] = Counter()
    may_be_held = False
    sent = b""
    for line in data.split(b"\n"):
        token, body = (0, line) if line[:1] == b"[" else (line[0] if line else 0, line[1:])
        sent += frames.frame(token, body)
        expected[token] += _is_answered(token, body)
        may_be_held |= _mentions_changes(body)
    replies = Counter(_replies(await _talk_authenticated(catalog, sent)))
    if may_be_held:
        assert replies <= expected, (replies, expected)
    else:
        assert replies == +expected, (replies, expected)


def _is_answered(token: int, body: bytes) -> bool:
    try:
        query = frames.parse_query(token, body)
    except ReqlError:
        return True
    return not query.noreply


def _mentions_changes(body: bytes) -> bool:
    def mentions(value: object) -> bool:
        if isinstance(value, dict):
            return any(map(mentions, value.values()))
        return any(map(mentions, value)) if isinstance(value, list) else value == _CHANGES

    try:
        return mentions(orjson.loads(body))
    except orjson.JSONDecodeError:
        return False


def _replies(data: bytes) -> Iterator[int]:
    """The tokens of all replies, which are whole and well-formed."""
    while data:
        token, size = frames.HEADER.unpack_from(data)
        body, data = data[frames.HEADER.size :][:size], data[frames.HEADER.size + size :]
        assert len(body) == size
        reply = json.loads(body)
        assert ResponseType(reply["t"])
        assert isinstance(reply["r"], list)
        yield token


def _recorded() -> Iterator[bytes]:
    """Each query of the recordings, with what may come after it on its token."""
    seen = set()
    for name in recording_names():
        for row in Recording.load(name).rows:
            if row["dir"] != ">" or "body" not in row or not isinstance(row["body"], list):
                continue
            body = json.dumps(row["body"], separators=(",", ":")).encode()
            if body not in seen and len(body) < 2000:
                seen.add(body)
                yield b"\n".join([b"1" + body, b"1[2]", b"1[3]"])


def _handshakes() -> Iterator[bytes]:
    first = json.dumps(hello("admin")).encode()
    last = json.dumps({"authentication": "c=biws,r=abc,p=def="}).encode()
    yield b"h" + MAGIC + first + b"\0" + last + b"\0"
    yield b"h" + MAGIC + json.dumps(hello("no=2Cbody=3D")).encode() + b"\0" + last + b"\0"
    yield b"h" + MAGIC + b'{"protocol_version": 1}\0'
    yield b"h" + MAGIC + b"[]\0"
    yield b"h" + MAGIC + b"x" * 3000
    yield b"h" + (0x3F61BA36).to_bytes(4, "little")
    yield b"h" + b"GET / HTTP/1.1\r\n\r\n"


def _raw() -> Iterator[bytes]:
    query = json.dumps([QueryType.START, [59, []], {}]).encode()
    yield b"r" + frames.frame(7, query) + frames.frame(7, b"[2]")
    yield b"r" + frames.frame(-1, query)[:-1]
    yield b"r" + frames.HEADER.pack(1, frames.MAX_QUERY_SIZE) + query
    yield b"r" + frames.frame(1, b"") + frames.frame(1, b"\xff")


def _feed() -> Iterator[bytes]:
    table = [15, [[14, [_DATABASE]], "t"]]
    insert = [56, [table, {"id": "d1", "n": 7}], {"conflict": "replace"}]
    for options in ({}, {"include_initial": True, "include_states": True}, {"squash": 1}):
        start = [1, [152, [table], options], {"max_batch_rows": 1}]
        lines = [(b"1", start), (b"1", [2]), (b"2", [1, insert]), (b"1", [2]), (b"1", [3])]
        yield b"\n".join(token + json.dumps(query).encode() for token, query in lines)


FRAMES = Target("frames", check, [*_recorded(), *_handshakes(), *_raw(), *_feed()])
