"""Whatever is sent to the whole server over HTTP is answered: never by a 500, never not at all."""

from __future__ import annotations

import asyncio
import json
import logging
import random
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import quote_plus

import pytest

from tests.server.client import WAIT_S
from tests.server.running import Running

JSON = "application/json"
GOOD = {"query": "query Q($l: Int! = 1) { policies(limit: $l) { total } }", "variables": {"l": 5}}
DEEP = 3000

BODIES: list[bytes] = [
    b"",
    b"null",
    b"true",
    b'"x"',
    b"5",
    b"[]",
    b"[" * DEEP,
    b'{"a":' * DEEP,
    b"\xff\xfe",
    b"\xef\xbb\xbf" + json.dumps(GOOD).encode(),
    json.dumps(GOOD).encode("utf-16"),
    b'{"query": "\\ud800"}',
    b'{"query": "{ feeds { table } }", "variables": {"x": "\\udfff"}}',
    b'{"query": "\xed\xa0\x80"}',
    b'{"query": "{ feeds { table } }", "variables": NaN}',
    b'{"query": "{ feeds { table } }", "variables": {"x": Infinity}}',
    b'{"query": "query ($l: Int!) { policies(limit: $l) { total } }", "variables": {"l": 1e999}}',
    json.dumps(GOOD | {"variables": {"l": 10**40}}).encode(),
    json.dumps(GOOD | {"variables": {"l": -(2**63)}}).encode(),
    b'{"query": "query ($l: Int!) { policies(limit: $l) { total } }", "variables": {"l": '
    + b"9" * 5000
    + b"}}",
    json.dumps({"query": "{" * DEEP}).encode(),
    json.dumps({"query": "{ a " * DEEP}).encode(),
    json.dumps({"query": "{ feeds(x: " + "[" * DEEP + ") }"}).encode(),
    json.dumps({"query": "{ policies(limit: " + "9" * 5000 + ") { total } }"}).encode(),
    json.dumps({"query": "{ feeds { ...F } } fragment F on Feed { ...F }"}).encode(),
    json.dumps({"query": "query Q { feeds { table } } query Q { feeds { table } }"}).encode(),
    json.dumps({"query": "\x00"}).encode(),
    json.dumps({"documentId": "\x00" * 1000}).encode(),
    json.dumps({"documentId": [], "query": "{ feeds { table } }"}).encode(),
    json.dumps({"extensions": {"persistedQuery": []}}).encode(),
    b'{"query": "{ feeds { table } }", "query": 5}',
]
HEADERS: list[list[tuple[str, str]]] = [
    [("Content-Type", JSON), ("Content-Type", "text/plain")],
    [("Content-Type", "application/json; charset=utf-16")],
    [("Content-Type", "multipart/form-data; boundary=x")],
    [("Content-Type", "application/x-www-form-urlencoded")],
    [("Content-Type", "\xe4")],
    [("Content-Type", ";;;=")],
    [],
    [("Content-Type", JSON), ("Content-Encoding", "br")],
    [("Content-Type", JSON), ("Accept", "text/html"), ("Accept", JSON)],
    [("Content-Type", JSON), ("Accept", "*/*;q=nan, a/b;q=inf, ;;;,,,")],
    [("Content-Type", JSON), ("Accept", "\xff\xfe")],
    [("Content-Type", JSON), ("Accept", ",".join(["*/*"] * 1000))],
    [("Content-Type", JSON), ("Last-Event-ID", "\xff")],
    [("Content-Type", JSON), ("Last-Event-ID", "a"), ("Last-Event-ID", "b")],
]
URLS = [
    "/graphql?query=%FF",
    "/graphql?query=%",
    "/graphql?query=%ED%A0%80",
    "/graphql?query={feeds{table}}&variables=[]",
    "/graphql?query={feeds{table}}&variables=NaN",
    "/graphql?query={feeds{table}}&extensions=5",
    "/graphql?query={feeds{table}}&query={",
    "/graphql?" + "&".join(f"a{i}=1" for i in range(2000)),
    "/graphql?" + "query=" * 2000,
    "/graphql?variables=" + "[" * DEEP,
    "/graphql?query=" + quote_plus("{" * DEEP),
    "/graphql?documentId=" + "%00" * 100,
    "/graphql",
    "/graphql?",
]


def request(
    method: str,
    path: str,
    headers: Iterable[tuple[str, str]] = (),
    body: bytes | None = None,
    length: int | None = None,
) -> bytes:
    """The bytes of a request.

    Args:
        method: Its method.
        path: Its path and query.
        headers: Its headers, besides Host and Content-Length.
        body: Its body, if it has one.
        length: What it says of its body's length; the truth, if absent.
    """
    lines = [f"{method} {path} HTTP/1.1", "Host: localhost", *(f"{n}: {v}" for n, v in headers)]
    if body is not None:
        lines.append(f"Content-Length: {len(body) if length is None else length}")
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + (body or b"")


class Connection:
    """A connection on which a test sends what it likes."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self.writer = writer

    async def response(self) -> tuple[int, bytes]:
        """The next response's status and body."""
        async with asyncio.timeout(WAIT_S):
            head = await self._reader.readuntil(b"\r\n\r\n")
            status = int(head.split(b" ", 2)[1])
            lengths = [
                int(line.split(b":")[1])
                for line in head.lower().split(b"\r\n")
                if line.startswith(b"content-length:")
            ]
            assert len(lengths) == 1, head
            return status, await self._reader.readexactly(lengths[0])


@asynccontextmanager
async def connected(server: Running) -> AsyncIterator[Connection]:
    reader, writer = await asyncio.open_connection(server.host, server.port)
    try:
        yield Connection(reader, writer)
    finally:
        writer.close()


async def answer(server: Running, data: bytes) -> tuple[int, Any]:
    """The status of the answer to a request, and what it says if it is JSON."""
    async with connected(server) as connection:
        connection.writer.write(data)
        status, body = await connection.response()
    return status, json.loads(body) if body.startswith(b"{") else body


@pytest.fixture(autouse=True)
def nothing_is_logged(caplog: pytest.LogCaptureFixture) -> Iterable[None]:
    """A client's mistake is no error of the server's."""
    yield
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []


async def test_odd_body_is_a_bad_request(server: Running) -> None:
    headers = [("Content-Type", JSON), ("Accept", "application/graphql-response+json")]
    for body in BODIES:
        status, content = await answer(server, request("POST", "/graphql", headers, body))
        assert status == 400, body
        assert content["errors"], body
        assert "data" not in content, body


async def test_odd_headers_are_answered(server: Running) -> None:
    body = json.dumps(GOOD).encode()
    for headers in HEADERS:
        status, content = await answer(server, request("POST", "/graphql", headers, body))
        assert status in {200, 406, 415}, headers
        assert ("errors" in content) == (status != 200), headers


async def test_odd_url_is_a_bad_request(server: Running) -> None:
    headers = [("Accept", "application/graphql-response+json")]
    for url in URLS:
        status, content = await answer(server, request("GET", url, headers))
        assert status == 400, url
        assert content["errors"], url


async def test_what_is_no_http_is_a_bad_request(server: Running) -> None:
    for data in (
        b"\x00" * 100 + b"\r\n\r\n",
        b"GET /graphql HTTP/1.1\r\nHost: localhost\r\nContent-Length: x\r\n\r\n",
        b"GET /graphql HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n",
        b"POST /graphql HTTP/1.1\r\nHost: localhost\r\nContent-Length: "
        + b"9" * 5000
        + b"\r\n\r\n",
        request("POST", "/graphql", [("Content-Length", "5")], b"{}"),
        request("POST", "/graphql", [("Transfer-Encoding", "chunked")], b"{}"),
        request("POST", "/graphql", [("Transfer-Encoding", "chunked")]) + b"x\r\n",
        request("GET", "/graphql", [("Host", "localhost")]),
    ):
        assert (await answer(server, data))[0] == 400, data


async def test_other_methods_are_refused(server: Running) -> None:
    for method in ("PATCH", "TRACE", "HEAD", "OPTIONS"):
        async with connected(server) as connection:
            connection.writer.write(request(method, "/graphql"))
            async with asyncio.timeout(WAIT_S):
                head = await connection._reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 405"), method
        assert b"\r\nallow: GET, POST, PUT, DELETE\r\n" in head, method


async def test_too_long_a_body_is_refused_before_it_is_read(server: Running) -> None:
    headers = [("Content-Type", JSON)]
    announced = request("POST", "/graphql", headers, b"", length=5_000_000)
    assert (await answer(server, announced))[0] == 413


@pytest.mark.parametrize("line", [b"x: " + b"y" * 1000 + b"\r\n", b"y" * 1000])
async def test_head_that_does_not_end_is_refused_while_it_comes(
    server: Running, line: bytes
) -> None:
    head = b"GET /graphql HTTP/1.1\r\nHost: localhost\r\nx: " + line * 100
    async with connected(server) as connection:
        connection.writer.write(head[:65_537])  # one more than there may be: nothing is left unread
        assert (await connection.response())[0] == 431


async def test_long_bodies_count_for_no_head(server: Running) -> None:
    padded = json.dumps(GOOD | {"padding": "x" * 100_000}).encode()
    data = request("POST", "/graphql", [("Content-Type", JSON)], padded)
    async with connected(server) as connection:
        for _ in range(3):
            connection.writer.write(data)
            assert (await connection.response())[0] == 200
        connection.writer.write(data * 3)
        assert [(await connection.response())[0] for _ in range(3)] == [200] * 3


async def test_body_that_is_cut_off_harms_no_other(server: Running) -> None:
    body = json.dumps(GOOD).encode()
    data = request("POST", "/graphql", [("Content-Type", JSON)], body)
    for end in (len(data) - 1, len(data) - len(body), len(data) - len(body) - 10, 10):
        async with connected(server) as connection:
            connection.writer.write(data[:end])
            await connection.writer.drain()
    assert await answer(server, data) == (200, {"data": {"policies": {"total": 2}}})


async def test_one_connection_serves_many_requests(server: Running) -> None:
    body = json.dumps(GOOD).encode()
    bad = request("POST", "/graphql", [("Content-Type", JSON)], b"{")
    good = request("POST", "/graphql", [("Content-Type", JSON)], body)
    async with connected(server) as connection:
        for data, expected in [(bad, 400), (good, 200)] * 3:
            connection.writer.write(data)
            assert (await connection.response())[0] == expected
        connection.writer.write(good + bad + good)  # all at once
        assert [(await connection.response())[0] for _ in range(3)] == [200, 400, 200]


async def test_mutated_requests_are_answered_or_ended(server: Running) -> None:
    rng = random.Random(0)
    body = json.dumps(GOOD).encode()
    for _ in range(200):
        mutated = bytearray(body)
        for _ in range(rng.randrange(1, 4)):
            mutated[rng.randrange(len(mutated))] = rng.randrange(256)
        headers = [("Content-Type", JSON), ("Accept", rng.choice([JSON, "*/*"]))]
        status, content = await answer(server, request("POST", "/graphql", headers, bytes(mutated)))
        assert status in {200, 400}
        assert status == 200 or "data" not in content
