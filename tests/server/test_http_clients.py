"""HTTP as clients and proxies speak it: offers of other protocols, HTTP/1.0, last slashes, CORS."""

from __future__ import annotations

import asyncio
import json
import logging
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import quote, urljoin

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus
from websockets.typing import Origin, Subprotocol

from graphql_api.app import create_app
from graphql_api.rethink.url import DatabaseURL
from graphql_api.server import uvicorn_server as server_module
from graphql_api.server.listening import listen
from tests.fault.clock import LoopClock
from tests.server.client import WAIT_S, connected
from tests.server.running import Running, running, settings_for, until_ready

QUERY = "{ __typename }"
RESULT = b'{"data":{"__typename":"Query"}}'
BODY = json.dumps({"query": QUERY}).encode()
STREAM = "/graphql?query=" + quote("subscription { policyChanges { __typename } }")
APP = "https://app.example.org"
KEY = "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"


def post(headers: str = "", body: bytes = BODY, path: str = "/graphql") -> bytes:
    head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n{headers}"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


def chunked(headers: str) -> bytes:
    head = "POST /graphql HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    chunks = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in (BODY[:9], BODY[9:]))
    return f"{head}{headers}Transfer-Encoding: chunked\r\n\r\n".encode() + chunks + b"0\r\n\r\n"


def get(
    headers: str = "", path: str = f"/graphql?query={quote(QUERY)}", version: str = "1.1"
) -> bytes:
    return f"GET {path} HTTP/{version}\r\nHost: localhost\r\n{headers}\r\n".encode()


class Answers:
    """What a server sends on one connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self.send = writer.write

    async def next(self) -> tuple[int, dict[str, str], bytes]:
        """The next answer with a Content-Length: its status, headers and body."""
        head = (await self._reader.readuntil(b"\r\n\r\n")).decode().splitlines()
        headers = dict(line.lower().split(": ", 1) for line in head[1:-1])
        body = await self._reader.readexactly(int(headers["content-length"]))
        return int(head[0].split()[1]), headers, body

    async def head(self) -> tuple[int, dict[str, str]]:
        head = (await self._reader.readuntil(b"\r\n\r\n")).decode().splitlines()
        return int(head[0].split()[1]), dict(line.lower().split(": ", 1) for line in head[1:-1])

    async def rest(self) -> bytes:
        return await self._reader.read()

    async def until(self, end: bytes) -> bytes:
        return await self._reader.readuntil(end)


@asynccontextmanager
async def connection(server: Running) -> AsyncIterator[Answers]:
    reader, writer = await asyncio.open_connection(server.host, server.port)
    try:
        async with asyncio.timeout(WAIT_S):
            yield Answers(reader, writer)
    finally:
        writer.transport.abort()


OFFERS = {
    "h2c": "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n",
    "TLS": "Connection: Upgrade\r\nUpgrade: TLS/1.2\r\n",
    "unknown": "Connection: upgrade\r\nUpgrade: a/1, b\r\n",
    "several lines": "Connection: x\r\nUpgrade: h2c\r\nConnection: UPGRADE\r\nUpgrade: y\r\n",
    "websocket among others": "Connection: Upgrade\r\nUpgrade: h2c, websocket\r\n",
    "websocket by no Connection": f"Upgrade: websocket\r\n{KEY}",
    "nothing offered": "Connection: Upgrade\r\n",
}


@pytest.mark.parametrize("offer", OFFERS.values(), ids=OFFERS)
async def test_offer_that_is_no_websocket_is_ignored_and_its_request_answered(
    server: Running, offer: str
) -> None:
    async with connection(server) as answers:
        requests = [get(offer), post(offer), chunked(offer), post(offer) * 2 + post()]
        for request in requests:
            answers.send(request)
        for _ in range(6):
            status, _, body = await answers.next()
            assert (status, body) == (200, RESULT)
        answers.send(post(f"{offer}Connection: x\r\nConnection: close\r\n") + post())
        status, headers, body = await answers.next()
        assert (status, headers["connection"], body) == (200, "close", RESULT)
        assert await answers.rest() == b""


async def test_body_of_a_request_with_an_offer_may_come_in_pieces(server: Running) -> None:
    async with connection(server) as answers:
        for byte in post(OFFERS["h2c"]) + get(OFFERS["TLS"]):
            answers.send(bytes((byte,)))
            await asyncio.sleep(0)
        for _ in range(2):
            status, _, body = await answers.next()
            assert (status, body) == (200, RESULT)


async def test_requests_with_a_body_and_http_1_0_become_no_websocket(server: Running) -> None:
    offer = f"Connection: Upgrade\r\nUpgrade: websocket\r\n{KEY}"
    async with connection(server) as answers:
        with_body = get(f"{offer}Content-Length: 5\r\n") + b"hello"
        answers.send(post(offer) + with_body + get(offer, version="1.0"))
        assert [(await answers.next())[0] for _ in range(3)] == [200, 200, 200]


@pytest.mark.parametrize(
    "offer", ["Upgrade: h2c, WebSocket\r\n", "Upgrade: h2c\r\nUpgrade: websocket\r\n"]
)
async def test_complete_handshake_that_offers_more_becomes_a_websocket(
    server: Running, offer: str
) -> None:
    protocols = "Sec-WebSocket-Protocol: a\r\nSec-WebSocket-Protocol: graphql-transport-ws\r\n"
    async with connection(server) as answers:
        answers.send(get(f"Connection: x\r\nConnection: Upgrade\r\n{offer}{KEY}{protocols}"))
        status, headers = await answers.head()
        assert (status, headers["sec-websocket-protocol"]) == (101, "graphql-transport-ws")


async def test_stream_of_an_http_1_0_client_has_no_chunks_and_ends_with_the_connection(
    starbelly: DatabaseURL,
) -> None:
    async with running(settings_for(starbelly)) as server, connection(server) as answers:
        accept = "Accept: text/event-stream\r\nConnection: keep-alive\r\n"
        answers.send(get(accept, STREAM, "1.0"))
        status, headers = await answers.head()
        assert (status, headers["connection"]) == (200, "close")
        assert "transfer-encoding" not in headers
        assert await answers.until(b"\n\n") == b"retry: 1000\n\n"
        assert (await answers.until(b"\n\n")).startswith(b"event: next\n")


async def test_file_of_a_page_is_whole_for_an_http_1_0_client(server: Running) -> None:
    async with connection(server) as answers:
        answers.send(get("Accept-Encoding: gzip\r\n", "/graphiql", "1.0"))
        _, headers = await answers.head()
        assert "transfer-encoding" not in headers
        assert (await answers.rest()).rstrip().endswith(b"</html>")


async def test_http_1_0_connection_is_kept_if_the_client_asks_for_it(server: Running) -> None:
    async with connection(server) as answers:
        for _ in range(2):
            answers.send(get("Connection: x, Keep-Alive\r\n", version="1.0"))
            _, headers, body = await answers.next()
            assert (headers["connection"], body) == ("keep-alive", RESULT)
        answers.send(get(version="1.0"))
        _, headers, body = await answers.next()
        assert (headers["connection"], body) == ("close", RESULT)
        assert await answers.rest() == b""


async def test_idle_connection_is_announced_and_kept_as_long_as_the_setting_says(
    starbelly: DatabaseURL,
) -> None:
    async with running(settings_for(starbelly)) as server, connection(server) as answers:
        answers.send(get())
        _, headers, _ = await answers.next()
        assert (headers["connection"], headers["keep-alive"]) == ("keep-alive", "timeout=75")


async def test_accepted_types_of_several_lines_are_one_list(server: Running) -> None:
    async with connection(server) as answers:
        answers.send(get("Accept: text/html\r\nAccept: application/graphql-response+json\r\n"))
        _, headers, _ = await answers.next()
        assert headers["content-type"].startswith("application/graphql-response+json")


# Last slashes, and proxies that take a prefix away.

PATHS = ["/graphql", "/healthz", "/readyz", "/metrics", "/live", "/graphiql", "/live/main.mjs"]


@pytest.mark.parametrize("path", [*PATHS, "/nothing"])
async def test_path_with_a_last_slash_is_answered_alike(server: Running, path: str) -> None:
    await until_ready(server)
    async with httpx.AsyncClient(base_url=server.http, trust_env=False) as http:
        for method in ("GET", "POST", "OPTIONS", "HEAD"):
            plain, slashed = [
                await http.request(method, p, json={"query": QUERY}) for p in (path, f"{path}/")
            ]
            assert plain.status_code == slashed.status_code
            assert plain.headers.get("content-type") == slashed.headers.get("content-type")
            if path == "/graphql":
                assert plain.text == slashed.text
        twice = await http.get(f"{path}//")
        assert twice.status_code == 404


async def test_sockets_and_streams_are_served_with_a_last_slash(server: Running) -> None:
    async with connected(f"{server.ws}/") as client:
        assert "data" in await client.execute(QUERY)
    async with connection(server) as answers:
        path = STREAM.replace("/graphql", "/graphql/")
        answers.send(get("Accept: text/event-stream\r\n", path))
        status, headers = await answers.head()
        assert (status, headers["content-type"]) == (200, "text/event-stream; charset=utf-8")


@pytest.mark.parametrize("page", ["live", "live/", "graphiql", "graphiql/"])
async def test_page_finds_its_files_below_any_path(server: Running, page: str) -> None:
    prefix = "https://proxy.example.org/some/where/"
    async with httpx.AsyncClient(base_url=server.http, trust_env=False) as http:
        html = (await http.get(f"/{page}")).text
        names = [
            part.split('"')[0] for part in html.split('="') if part.startswith(("./", "live/"))
        ]
        assert page.startswith("graphiql") or names
        for name in names:
            url = urljoin(prefix + page, name)
            assert url.startswith(prefix)
            assert (await http.get("/" + url.removeprefix(prefix))).status_code == 200


# What a page of an allowed origin may read.


async def test_every_answer_to_an_allowed_origin_can_be_read(starbelly: DatabaseURL) -> None:
    settings = settings_for(starbelly, allow_origin=[APP], max_body_bytes=1024)
    origin = f"Origin: {APP}\r\n"
    requests = {
        200: post(origin),
        400: post(origin, b"["),
        403: post(origin).replace(b"Host: localhost", b"Host: attacker.example"),
        404: get(origin, "/nothing"),
        405: get(origin).replace(b"GET", b"PATCH"),
        406: get(f"{origin}Accept: text/html\r\n"),
        413: post(origin, b" " * 2000),
        415: post(origin).replace(b"application/json", b"text/plain"),
        431: get(f"{origin}X: {'x' * 70_000}\r\n"),
    }
    async with running(settings) as server:
        for status, request in requests.items():
            for sent, allowed in ((request, APP), (request.replace(b"app.", b"b."), None)):
                async with connection(server) as answers:
                    answers.send(sent)
                    answered, headers = await answers.head()
                    assert answered == status if allowed else answered in {status, 403}
                    assert headers.get("access-control-allow-origin") == allowed
                    assert "origin" in headers["vary"]
                    assert ("access-control-expose-headers" in headers) == (allowed is not None)


async def test_late_request_of_an_allowed_origin_is_refused_readably(
    starbelly: DatabaseURL,
) -> None:
    clock = LoopClock(asyncio.get_running_loop())
    settings = settings_for(starbelly, allow_origin=[APP], request_timeout_s=20)
    async with running(settings) as server, connection(server) as answers:
        answers.send(post(f"Origin: {APP}\r\n")[:-1])
        await until_ready(server)  # the server has read it, too
        clock.forward(20)
        status, headers = await answers.head()
        assert (status, headers["access-control-allow-origin"]) == (408, APP)


async def test_limits_answer_an_allowed_origin_readably_and_every_preflight(
    starbelly: DatabaseURL,
) -> None:
    settings = settings_for(
        starbelly,
        allow_origin=[APP],
        max_connections=1,
        max_connections_per_address=1,
        trusted_proxy=["127.0.0.1"],
    )
    asked = f"Origin: {APP}\r\nAccess-Control-Request-Method: POST\r\n"
    preflight = get(asked).replace(b"GET", b"OPTIONS")
    by_proxy = "X-Forwarded-For: 203.0.113.7\r\n"
    async with running(settings) as server, connection(server) as first:
        accept = "Accept: text/event-stream\r\n"
        first.send(get(accept + by_proxy, STREAM))
        await first.until(b"event: next\n")
        for _ in range(30):  # the server is full, for longer than there is room for refusals
            async with connection(server) as answers:
                answers.send(post(f"Origin: {APP}\r\n"))
                status, headers, _ = await answers.next()
                assert (status, headers["access-control-allow-origin"]) == (503, APP)
                assert headers["retry-after"]
                assert headers["connection"] == "close"
            async with connection(server) as answers:
                answers.send(preflight)
                assert (await answers.next())[0] == 200
    settings = settings.model_copy(update={"max_connections": 100})
    async with running(settings) as server, connection(server) as first:
        first.send(get(accept + by_proxy, STREAM))
        await first.until(b"event: next\n")
        async with connection(server) as answers:
            answers.send(post(f"Origin: {APP}\r\n{by_proxy}"))
            status, headers, _ = await answers.next()
            assert (status, headers["access-control-allow-origin"]) == (429, APP)
        async with connection(server) as answers:
            answers.send(preflight)
            assert (await answers.next())[0] == 200


# What is logged of handshakes that are refused.


@pytest.mark.parametrize("reason", ["origin", "path", "full", "headers", "key"])
async def test_refused_handshake_is_no_error_in_the_log(
    starbelly: DatabaseURL, reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    settings = settings_for(
        starbelly,
        max_connections_per_address=1 if reason == "full" else 100,
        trusted_proxy=["127.0.0.1"],
    )
    headers = "Connection: Upgrade\r\nUpgrade: websocket\r\nX-Forwarded-For: 203.0.113.7\r\n"
    async with running(settings) as server, connection(server) as first:
        if reason == "full":
            subprotocol = "Sec-WebSocket-Protocol: graphql-transport-ws\r\n"
            first.send(get(headers + KEY + subprotocol, "/graphql"))
            await first.head()
        async with connection(server) as answers:
            request = get(headers + KEY, "/nothing" if reason == "path" else "/graphql")
            if reason == "origin":
                request = get(f"{headers}{KEY}Origin: https://attacker.example\r\n", "/graphql")
            if reason == "headers":
                request = get(headers + KEY + "X: y\r\n" * 200, "/graphql")
            if reason == "key":
                request = get(headers + KEY.replace("A==", "\xe4"), "/graphql")
            answers.send(request)
            assert (await answers.head())[0] in {400, 403, 429, 431}
            await answers.rest()
    assert [r.getMessage() for r in caplog.records if r.levelno >= logging.ERROR] == []


async def test_handshake_during_shutdown_is_no_error_in_the_log(
    starbelly: DatabaseURL, caplog: pytest.LogCaptureFixture
) -> None:
    settings = settings_for(starbelly)
    app = create_app(settings)
    with listen("127.0.0.1", 0) as listener:
        uvicorn = server_module.Server(app, settings)
        serving = asyncio.create_task(uvicorn.serve(sockets=[listener]))
        running = Running("127.0.0.1", listener.getsockname()[1])
        async with connection(running) as answers:
            answers.send(get(path="/healthz"))
            await answers.next()
        await app.drain(0)
        async with connection(running) as answers:
            answers.send(get(f"Connection: Upgrade\r\nUpgrade: websocket\r\n{KEY}", "/graphql"))
            assert (await answers.head())[0] == 503
            await answers.rest()
        uvicorn.should_exit = True
        await serving
    assert [r.getMessage() for r in caplog.records if r.levelno >= logging.ERROR] == []


@pytest.mark.parametrize("origin", ["https://attacker.example"])
async def test_socket_of_another_site_is_refused_in_words(server: Running, origin: str) -> None:
    with pytest.raises(InvalidStatus) as caught:
        async with connect(
            server.ws,
            origin=Origin(origin),
            subprotocols=[Subprotocol("graphql-transport-ws")],
            proxy=None,
        ):
            pass
    assert b"is refused" in caught.value.response.body


# Programs as they are.


@pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl")
async def test_curl_that_offers_h2c_is_answered(server: Running) -> None:
    curl = await asyncio.create_subprocess_exec(
        *("curl", "--silent", "--http2", "--noproxy", "*", f"{server.http}/graphql"),
        *("--header", "content-type: application/json", "--data", BODY.decode()),
        stdout=asyncio.subprocess.PIPE,
    )
    output, _ = await curl.communicate()
    assert output == RESULT
