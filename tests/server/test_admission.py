"""Clients that take up room: too many, too slow, too large. A good one is served throughout."""

from __future__ import annotations

import asyncio
import errno
import json
import socket
import zlib
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus
from websockets.typing import Subprotocol

from graphql_api.app import create_app
from graphql_api.rethink.url import DatabaseURL
from graphql_api.server.uvicorn_server import Server
from tests.conformance.conversation import init
from tests.conformance.raw_websocket import (
    Frame,
    Opcode,
    RawWebSocket,
    frame,
    raw_websocket,
    text,
)
from tests.fault.clock import LoopClock, some_steps
from tests.server.client import WAIT_S, Client, GraphQLErrors, connected
from tests.server.running import Running, running, settings_for, until_ready

HEAD = b"GET /graphql HTTP/1.1\r\nHost: localhost\r\n"
HANDSHAKE = HEAD + b"Upgrade: websocket\r\nConnection: Upgrade\r\n"
POST = (
    b"POST /graphql HTTP/1.1\r\nHost: localhost\r\n"
    b"Content-Type: application/json\r\nContent-Length: 100\r\n\r\n"
)

LIMIT_S = 20.0
"""A limit that passes by the clock, and in which a busy machine does what is no test of it."""


@asynccontextmanager
async def served_throughout(client: Client) -> AsyncIterator[None]:
    """A client that asks all the time, and is answered each time."""

    async def ask() -> None:
        while True:
            assert await client.execute("{ __typename }") == {"data": {"__typename": "Query"}}

    asking = asyncio.create_task(ask())
    try:
        yield
    finally:
        asking.cancel()
        with suppress(asyncio.CancelledError):
            await asking


def opened(server: Running, headers: dict[str, str]) -> connect:
    """A WebSocket of our protocol."""
    subprotocol = Subprotocol("graphql-transport-ws")
    return connect(server.ws, subprotocols=[subprotocol], proxy=None, additional_headers=headers)


async def sockets(server: Running) -> int:
    """How many connections the server has, by its own account."""
    async with httpx.AsyncClient(base_url=server.http, trust_env=False) as http:
        metrics = (await http.get("/metrics")).text
    (line,) = [line for line in metrics.splitlines() if line.startswith("graphql_api_sockets ")]
    return int(float(line.split()[1]))


async def closing(socket: RawWebSocket) -> Frame:
    """The frame by which a server closes, after whatever else it sends."""
    async with asyncio.timeout(WAIT_S):
        while True:
            received = await socket.receive()
            assert received is not None, "a close frame comes first"
            if received.opcode is Opcode.CLOSE:
                return received


@pytest.mark.parametrize("count", [100, pytest.param(1000, marks=pytest.mark.long)])
async def test_sockets_that_never_initialise_are_closed_and_freed(
    count: int, starbelly: DatabaseURL
) -> None:
    clock = LoopClock(asyncio.get_running_loop())
    settings = settings_for(starbelly, connection_init_timeout_s=LIMIT_S)
    async with (
        running(settings) as server,
        connected(server.ws) as good,
        served_throughout(good),
        AsyncExitStack() as stack,
    ):
        silent = [
            await stack.enter_async_context(raw_websocket(server.host, server.port))
            for _ in range(count)
        ]
        clock.forward(LIMIT_S)
        assert {(await closing(socket)).code for socket in silent} == {4408}
        for socket in silent:
            socket.end()
        while await sockets(server) > 1:
            pass


SLOW: dict[str, tuple[list[bytes], bytes]] = {
    "nothing": ([], b""),
    "head": ([HEAD], b"HTTP/1.1 408 Request Timeout\r\n"),
    "handshake": ([HANDSHAKE], b"HTTP/1.1 408 Request Timeout\r\n"),
    "slow head": ([HEAD, *[b"X-A: b\r\n"] * 99], b"HTTP/1.1 408 Request Timeout\r\n"),
    "body": ([POST], b"HTTP/1.1 408 Request Timeout\r\n"),
    "slow body": ([POST, *[b" "] * 99], b"HTTP/1.1 408 Request Timeout\r\n"),
    "second request": ([HEAD + b"\r\n" + HEAD], b"HTTP/1.1 400 Bad Request\r\n"),
}
"""What comes of a request, piece by piece, and how the answer begins."""


@pytest.mark.parametrize("name", SLOW)
async def test_request_that_is_slow_to_arrive_is_given_up(
    name: str, starbelly: DatabaseURL
) -> None:
    pieces, answer = SLOW[name]
    clock = LoopClock(asyncio.get_running_loop())
    settings = settings_for(starbelly, request_timeout_s=LIMIT_S)
    async with (
        running(settings) as server,
        connected(server.ws) as good,
        served_throughout(good),
    ):
        reader, writer = await asyncio.open_connection(server.host, server.port)
        assert await good.execute("{ __typename }"), "the server has accepted it by now"
        for part in range(4):  # each a fence: what is sent has been read before the clock goes on
            for piece in pieces[part * 25 : (part + 1) * 25]:
                writer.write(piece)
            await good.execute("{ __typename }")
            clock.forward(LIMIT_S / 4)
        with suppress(ConnectionResetError):
            answered = await reader.read()
            assert answered.startswith(answer)
            assert answered.endswith(b"\n") or not answer
        writer.close()


async def test_time_limit_of_a_request_does_not_count_between_requests_or_on_a_socket(
    starbelly: DatabaseURL,
) -> None:
    clock = LoopClock(asyncio.get_running_loop())
    settings = settings_for(starbelly, request_timeout_s=LIMIT_S)
    async with running(settings) as server, connected(server.ws) as client:
        reader, writer = await asyncio.open_connection(server.host, server.port)
        for _ in range(3):
            writer.write(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200 ")
            await reader.readexactly(len(b"ok\n"))
            clock.forward(1.5 * LIMIT_S)
            await some_steps()
        assert "data" in await client.execute("{ __typename }")
        writer.close()


async def test_message_that_names_no_operation_is_refused_once_it_is_too_long(
    starbelly: DatabaseURL,
) -> None:
    async with (
        running(settings_for(starbelly)) as server,
        connected(server.ws) as good,
        served_throughout(good),
        raw_websocket(server.host, server.port) as bad,
    ):
        await bad.send(text(json.dumps(init())))
        begun = b'{"type":"ping","payload":{"":"' + b"x" * 1_100_000  # of five megabytes
        await bad.send(frame(Opcode.TEXT, begun, length=5_000_000))
        assert (await closing(bad)).code == 1009


async def test_message_in_fragments_without_end_is_waited_for_no_longer_than_any_other(
    starbelly: DatabaseURL,
) -> None:
    clock = LoopClock(asyncio.get_running_loop())
    async with (
        running(settings_for(starbelly)) as server,
        connected(server.ws) as good,
        raw_websocket(server.host, server.port) as bad,
    ):
        await bad.send(frame(Opcode.TEXT, fin=False))
        await bad.send(frame(Opcode.CONTINUATION, fin=False) * 10_000)
        await bad.send(frame(Opcode.PING, b"fence"))
        answer = await bad.receive()
        assert answer is not None
        assert answer.opcode is Opcode.PONG
        clock.forward(WAIT_S)
        assert (await closing(bad)).code == 4408
        assert "data" in await good.execute("{ __typename }")


async def test_message_that_is_too_big_once_it_is_unpacked_is_never_unpacked(
    starbelly: DatabaseURL,
) -> None:
    deflate = zlib.compressobj(wbits=-15)
    bomb = deflate.compress(b'{"type":"ping","payload":{"a":"') + deflate.flush(zlib.Z_FULL_FLUSH)
    bomb += (deflate.compress(b"x" * 1_000_000) + deflate.flush(zlib.Z_FULL_FLUSH)) * 200
    assert len(bomb) < 1_000_000
    async with (
        running(settings_for(starbelly, compress_messages=True)) as server,
        connected(server.ws) as good,
        served_throughout(good),
        raw_websocket(
            server.host,
            server.port,
            headers=["Sec-WebSocket-Extensions: permessage-deflate"],
        ) as bad,
    ):
        assert bad.extensions is not None
        assert bad.extensions.startswith("permessage-deflate")
        await bad.send(frame(Opcode.TEXT, bomb[:-4], reserved=4))
        assert (await closing(bad)).code == 1009


async def test_connections_are_limited_in_all(starbelly: DatabaseURL) -> None:
    async with (
        running(settings_for(starbelly, max_connections=5)) as server,
        connected(server.ws) as good,
        served_throughout(good),
    ):
        async with AsyncExitStack() as stack:
            for _ in range(4):
                await stack.enter_async_context(raw_websocket(server.host, server.port))
            for _ in range(20):
                with pytest.raises(InvalidStatus) as refused:
                    await stack.enter_async_context(connect(server.ws, proxy=None))
                assert refused.value.response.status_code == 503
                assert b"there are 5 connections already" in refused.value.response.body
        async with asyncio.timeout(WAIT_S):
            while True:
                with suppress(InvalidStatus):
                    async with connected(server.ws):
                        break


async def test_server_that_is_full_still_answers_its_probes(
    starbelly: DatabaseURL,
) -> None:
    async with (
        running(settings_for(starbelly, max_connections=5)) as server,
        AsyncExitStack() as stack,
    ):
        await until_ready(server)
        for _ in range(5):
            await stack.enter_async_context(raw_websocket(server.host, server.port))
        for _ in range(20):  # more often than there are connections to spare
            for path in ("/healthz", "/readyz", "/metrics"):
                async with httpx.AsyncClient(base_url=server.http, trust_env=False) as http:
                    answer = await http.get(path)
                    assert answer.status_code == 200
                    assert answer.headers["connection"] == "close"
            with pytest.raises(InvalidStatus) as refused:
                await stack.enter_async_context(connect(server.ws, proxy=None))
            assert refused.value.response.status_code == 503
            async with httpx.AsyncClient(base_url=server.http, trust_env=False) as http:
                answer = await http.get("/graphql", params={"query": "{ __typename }"})
                assert answer.status_code == 503
                assert answer.headers["connection"] == "close"
                assert "there are 5 connections already" in answer.text
        async with AsyncExitStack() as many:
            answers = []
            for _ in range(30):
                reader, writer = await asyncio.open_connection(server.host, server.port)
                many.callback(writer.close)
                answers.append(asyncio.create_task(reader.read()))
            async with asyncio.timeout(WAIT_S):
                given_up = await asyncio.gather(*answers[:14])  # each for a newer one
            assert all(answer.startswith(b"HTTP/1.1 503 ") for answer in given_up)
            async with httpx.AsyncClient(base_url=server.http, trust_env=False) as http:
                assert (await http.get("/healthz")).status_code == 200
            for task in answers:
                task.cancel()


async def test_connections_by_a_trusted_proxy_are_limited_for_each_client(
    starbelly: DatabaseURL,
) -> None:
    settings = settings_for(
        starbelly, max_connections_per_address=3, trusted_proxy=("127.0.0.1", "10.0.0.0/8")
    )

    def by(*hops: str) -> dict[str, str]:
        return {"X-Forwarded-For": ", ".join(hops)}

    async with (
        running(settings) as server,
        AsyncExitStack() as stack,
        httpx.AsyncClient(base_url=server.http, trust_env=False) as http,
    ):
        greedy = by("192.0.2.9", "203.0.113.7", "10.0.0.1")
        for _ in range(3):
            await stack.enter_async_context(opened(server, greedy))
        with pytest.raises(InvalidStatus) as refused:
            await stack.enter_async_context(opened(server, by("127.0.0.1", "203.0.113.7")))
        assert refused.value.response.status_code == 429
        answer = await http.get("/graphql", params={"query": "{ __typename }"}, headers=greedy)
        assert answer.status_code == 429
        assert "your address has 3" in answer.text
        other = await http.get(
            "/graphql", params={"query": "{ __typename }"}, headers=by("203.0.113.8")
        )
        assert other.status_code == 200


async def test_address_from_an_untrusted_proxy_is_not_believed(
    starbelly: DatabaseURL,
) -> None:
    settings = settings_for(starbelly, max_connections_per_address=1)
    headers = {"X-Forwarded-For": "203.0.113.7"}
    async with running(settings) as server, AsyncExitStack() as stack:
        for _ in range(3):
            await stack.enter_async_context(opened(server, headers))


async def test_operations_are_limited_in_a_second_and_the_socket_lives_on(
    starbelly: DatabaseURL,
) -> None:
    settings = settings_for(
        starbelly, max_operations_per_s=0.001, max_subscriptions=2, max_queries=3
    )
    async with (
        running(settings) as server,
        connected(server.ws) as client,
        connected(server.ws) as other,
        httpx.AsyncClient(base_url=server.http, trust_env=False) as http,
    ):
        codes = []
        for _ in range(10):
            try:
                assert "data" in await client.execute("{ __typename }")
                codes.append("")
            except GraphQLErrors as error:
                codes.append(error.errors[0]["extensions"]["code"])
        assert codes == [""] * 5 + ["RATE_LIMITED"] * 5
        assert "data" in await other.execute("{ __typename }")
        answers = [await http.get("/graphql", params={"query": "{ __typename }"}) for _ in range(6)]
        assert [answer.status_code for answer in answers] == [200] * 5 + [429]
        assert answers[-1].json()["errors"][0]["extensions"]["code"] == "RATE_LIMITED"
        assert answers[-1].headers["retry-after"] == "1"


class ExhaustedListener(socket.socket):
    """A listening socket for whose connections there is no descriptor, until there is."""

    is_exhausted = True
    attempts = 0

    def accept(self) -> Any:
        self.attempts += 1
        if self.is_exhausted:
            raise OSError(errno.EMFILE, "Too many open files")
        return super().accept()


async def test_server_without_descriptors_logs_little_and_accepts_once_it_has_some(
    starbelly: DatabaseURL, caplog: pytest.LogCaptureFixture
) -> None:
    clock = LoopClock(asyncio.get_running_loop())
    settings = settings_for(starbelly)
    server = Server(create_app(settings), settings)
    with ExhaustedListener() as listener:
        listener.bind(("127.0.0.1", 0))
        address = listener.getsockname()
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        try:
            while not server.started:
                await asyncio.sleep(0)
            clients = [await asyncio.open_connection(*address) for _ in range(100)]
            while listener.attempts < 2:
                clock.forward(1)  # asyncio tries again then
                await some_steps()
            assert listener.attempts < 10, "it tries in a second again, not for each that waits"
            assert caplog.text.count("no open file is left") == 1
            assert "out of system resource" not in caplog.text
            listener.is_exhausted = False
            clock.forward(1)
            reader, writer = clients[-1]
            writer.write(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
            async with asyncio.timeout(WAIT_S):
                assert (await reader.readline()).startswith(b"HTTP/1.1 200 ")
            for _, writer in clients:
                writer.transport.abort()
        finally:
            server.should_exit = True
            await serving
