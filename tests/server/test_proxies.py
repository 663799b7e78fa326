"""The proxies of `docs/`, in front of a server: requests, streams and sockets get through."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import quote, urljoin

import pytest

from graphql_api.rethink.url import DatabaseURL
from tests.curl import EVENT_STREAM, Curl
from tests.proxies import FILES, PATH, Proxied, proxy
from tests.server.client import WAIT_S, Client, connected
from tests.server.database import Writer
from tests.server.running import Running, running, settings_for, until_ready

SUBSCRIPTION = "subscription { policyChanges(includeInitial: false) { __typename } }"
STREAM = json.dumps({"query": SUBSCRIPTION})
SOCKET = "subscription { policyChanges { __typename ... on FeedState { status } } }"
TOTAL = "{ policies { total } }"
ANSWER = {"data": {"policies": {"total": 2}}}

pytestmark = [
    pytest.mark.long,
    pytest.mark.parametrize("program", FILES),
    pytest.mark.parametrize("tls", [True, False], ids=["tls", "plain"]),
    pytest.mark.parametrize("path", ["/", PATH]),
]


@pytest.fixture
async def behind(starbelly: DatabaseURL) -> AsyncIterator[Running]:
    """A server that takes bodies of 2 MiB and one request of an address at a time, and is ready."""
    settings = settings_for(
        starbelly,
        trusted_proxy=["127.0.0.1"],
        max_body_bytes=2**21,
        max_connections_per_address=1,
    )
    async with running(settings) as server:
        await until_ready(server)
        yield server


@pytest.fixture
async def proxied(
    behind: Running, program: str, *, tls: bool, path: str, reserved_port: int, tmp_path: Path
) -> AsyncIterator[Proxied]:
    """The proxy in front of it."""
    async with proxy(program, behind, reserved_port, tmp_path, tls=tls, path=path) as it:
        yield it


@pytest.fixture
def curl(proxied: Proxied, http: str) -> Curl:
    """curl that speaks a version of HTTP; without TLS it only offers HTTP/2, by `Upgrade: h2c`."""
    return Curl((f"--http{http}",), proxied.certificate if proxied.tls else None)


@pytest.fixture
async def client(behind: Running) -> AsyncIterator[Client]:
    """A connection that no proxy is part of."""
    async with connected(behind.ws) as client:
        yield client


async def subscribers(client: Client) -> int:
    """How many subscribers the feeds have."""
    answer = await client.execute("{ feeds { subscribers } }")
    return sum(feed["subscribers"] for feed in answer["data"]["feeds"])


@pytest.mark.parametrize("http", ["1.1", "2"])
async def test_requests_and_streams_get_through_the_documented_proxies(
    proxied: Proxied, curl: Curl, writer: Writer, client: Client, *, program: str, http: str
) -> None:
    url = f"{proxied.http}/graphql"
    answer = await curl.post(url, json.dumps({"query": TOTAL}))
    assert json.loads(answer.body) == ANSWER
    assert answer.version == (http if proxied.tls else "1.1")
    padded = quote(TOTAL + " " * 10_000)
    assert json.loads((await curl(f"{url}?query={padded}")).body) == ANSWER

    stream = ["-H", "content-type: application/json", "-d", STREAM, url]
    if program == "caddy" and answer.version == "1.1":
        # Debian's Caddy may end a stream that is asked for by POST; docs/deployment.md says so.
        stream = [f"{url}?query={quote(SUBSCRIPTION)}"]
    async with curl.lines(*EVENT_STREAM, *stream) as lines:
        data = (line async for line in lines if line.startswith("data:"))
        assert "FeedState" in await anext(data)
        await writer.insert("policy", {"id": "p", "name": "new"})
        assert "PolicyAdded" in await anext(data), "it is not held back until a buffer is full"
        assert await subscribers(client) == 1
    async with asyncio.timeout(WAIT_S):
        while await subscribers(client):
            pass  # the end of curl reaches the server through the proxy


async def test_sockets_get_through_the_documented_proxies(proxied: Proxied, writer: Writer) -> None:
    headers = {"origin": proxied.origin}
    async with connected(proxied.ws, tls=proxied.client_context, headers=headers) as client:
        operation = await client.subscribe(SOCKET)
        await operation.until_status("READY")
        await writer.insert("policy", {"id": "p", "name": "new"})
        assert (await operation.change())["__typename"] == "PolicyAdded"


@pytest.mark.parametrize("http", ["1.1", "2"])
async def test_pages_and_their_files_get_through_the_documented_proxies(
    proxied: Proxied, curl: Curl
) -> None:
    front = await curl("--location", f"{proxied.http}/")
    assert (front.status, front.url) == (200, f"{proxied.http}/graphiql")
    without_slash = await curl("--location", proxied.http)
    assert (without_slash.status, without_slash.url) == (200, f"{proxied.http}/graphiql")
    for page in "live", "live/", "graphiql", "graphiql/":
        answer = await curl("--location", f"{proxied.http}/{page}")
        assert answer.status == 200
        assert answer.url.startswith(proxied.http)
        names = re.findall(r'(?:src|href)="(?!https?:|data:|#)([^"]+)"', answer.body)
        assert names or page.startswith("graphiql"), "only GraphiQL may come from elsewhere"
        for name in names:
            assert (await curl(urljoin(answer.url, name))).status == 200, name


@pytest.mark.parametrize("http", ["1.1", "2"])
async def test_page_of_the_same_port_may_ask_and_one_of_another_may_not(
    proxied: Proxied, curl: Curl
) -> None:
    async def status(origin: str) -> int:
        url, body = f"{proxied.http}/graphql", json.dumps({"query": TOTAL})
        return (await curl.post(url, body, "-H", f"origin: {origin}")).status

    assert await status(proxied.origin) == 200
    assert await status(proxied.origin.removesuffix(f":{proxied.port}")) == 403
    assert await status(f"{proxied.origin}0") == 403


@pytest.mark.parametrize("http", ["1.1"])
async def test_client_cannot_name_another_address_than_its_own(
    proxied: Proxied, curl: Curl
) -> None:
    forged = ("-H", "x-forwarded-for: 203.0.113.9", "-H", "content-type: application/json")
    url = f"{proxied.http}/graphql"
    stream = f"{url}?query={quote(SUBSCRIPTION)}"
    async with curl.lines(*forged, *EVENT_STREAM, stream) as lines:
        await anext(lines)
        second = await curl(*forged, url, body=json.dumps({"query": TOTAL}))
        assert second.status == 200, "they are of loopback, whose requests are not counted"


@pytest.mark.parametrize("http", ["1.1", "2"])
async def test_limit_of_a_body_is_that_of_the_server(proxied: Proxied, curl: Curl) -> None:
    url = f"{proxied.http}/graphql"
    large = await curl.post(url, json.dumps({"query": TOTAL + " " * 1_500_000}))
    assert json.loads(large.body) == ANSWER
    too_large = await curl.post(url, json.dumps({"query": TOTAL + " " * 2_500_000}))
    assert too_large.status == 413
    assert json.loads(too_large.body)["errors"], "the server says so itself"


@pytest.mark.parametrize("http", ["1.1"])
async def test_metrics_are_not_for_the_world(proxied: Proxied, curl: Curl) -> None:
    for name in "metrics", "metrics/", "/metrics", "./metrics", "%6detrics":
        answer = await curl("--path-as-is", f"{proxied.http}/{name}")
        assert answer.status == 403, name


async def test_server_learns_of_a_request_what_it_needs_and_no_expectation(
    program: str, *, tls: bool, path: str, reserved_port: int, tmp_path: Path
) -> None:
    """Go before 1.21.12 loses count of its connection when a refusal comes instead of a `100`."""
    heads = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        lines = (await reader.readuntil(b"\r\n\r\n")).decode().lower().splitlines()
        headers = dict(line.split(": ", 1) for line in lines[1:-1])
        if lines[0].startswith("post"):  # Caddy also asks whether the server is ready
            heads.append((lines[0], headers))
            await reader.readexactly(int(headers["content-length"]))
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as listener:
        server = Running(*listener.sockets[0].getsockname())
        async with proxy(program, server, reserved_port, tmp_path, tls=tls, path=path) as proxied:
            curl = Curl(("--http1.1",), proxied.certificate if tls else None)
            url = f"{proxied.http}/graphql?query=%7Bx%7D"
            await curl(url, "-H", "expect: 100-continue", body="{}")
    ((first, headers),) = heads
    assert first == "post /graphql?query=%7bx%7d http/1.1"
    assert headers["host"] == f"localhost:{reserved_port}"
    assert headers["x-forwarded-proto"] == ("https" if tls else "http")
    assert headers["x-forwarded-for"] in {"127.0.0.1", "::1"}
    assert "expect" not in headers
