"""Clients that take little or nothing, over real sockets."""

from __future__ import annotations

import asyncio
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress

import pytest

from graphql_api.feeds.view import Event
from graphql_api.limits.answer_memory import Answers
from graphql_api.limits.client_limits import ClientLimits
from graphql_api.server.websocket_protocol import WebSocketProtocol
from tests.server.transport.test_websocket import nothing_left
from tests.server.transport.toy import Client, Running, connected, serve
from tests.toy_world import Row
from tests.unit.server.test_websocket_protocol import FakeLoop

FLOOD = "subscription { flood(size: 10000) }"
ROWS = "subscription { rows { value text } }"
QUICK = ClientLimits(send_timeout_s=0.1, send_buffer_bytes=4096, write_buffer_bytes=8192)
PATIENT = ClientLimits(send_timeout_s=60, send_buffer_bytes=4096, write_buffer_bytes=8192)
LARGE = Row(value=0, text="x" * 100_000)

SINK = {"ws": WebSocketProtocol.with_limits(QUICK)}


@asynccontextmanager
async def stalling(running: Running) -> AsyncIterator[Client]:
    """A client that reads nothing once it has been acknowledged."""
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    sock.setblocking(False)
    await asyncio.get_running_loop().sock_connect(sock, ("127.0.0.1", running.port))
    async with connected(running, sock=sock, ping_interval=None, close_timeout=0) as client:
        client.socket.transport.pause_reading()
        yield client
        client.socket.transport.abort()


@pytest.mark.parametrize("query", [FLOOD, ROWS, "{ large(size: 10000000) }"])
async def test_client_that_takes_nothing_is_given_up_and_everything_freed(
    query: str,
) -> None:
    async with serve(uvicorn_options=SINK) as server, stalling(server) as client:
        await client.subscribe(query)
        if query is ROWS:
            await server.toys.wait_for(lambda: server.broadcaster.members == 1)
            for _ in range(100):
                server.toys.topic.publish(LARGE)
        await server.toys.wait_for(lambda: server.app.connections == 0)
        await nothing_left(server)


async def test_stalled_client_is_sent_no_more_than_its_buffers_hold() -> None:
    options = {"ws": WebSocketProtocol.with_limits(PATIENT)}
    async with serve(uvicorn_options=options) as server, stalling(server) as client:
        await client.subscribe(ROWS)
        await server.toys.wait_for(lambda: server.broadcaster.members == 1)
        (source,) = server.toys.topic.sources
        while len(source._events) < 100:
            source.put(Event(LARGE))
            await asyncio.sleep(0)
        await server.broadcaster.scheduler.round()
        before = len(source._events)
        server.toys.topic.publish(LARGE)
        await server.broadcaster.scheduler.round()
        assert len(source._events) == before + 1
        (connection,) = server.app._connections
        assert connection.sink.transport.get_write_buffer_size() < 300_000


async def test_stalled_client_does_not_delay_others() -> None:
    options = {"ws": WebSocketProtocol.with_limits(PATIENT)}
    async with (
        serve(uvicorn_options=options) as server,
        stalling(server) as stalled,
        connected(server) as healthy,
    ):
        for client in (stalled, healthy):
            await client.subscribe(ROWS)
        await server.toys.wait_for(lambda: server.broadcaster.members == 2)
        for _ in range(20):
            server.toys.topic.publish(LARGE)
            assert (await healthy.receive())["payload"]["data"]["rows"]["text"] == LARGE.text
        assert server.broadcaster.members == 2


async def test_client_that_asks_and_does_not_read_is_not_listened_to() -> None:
    options = {"ws": WebSocketProtocol.with_limits(PATIENT)}
    async with serve(uvicorn_options=options) as server, stalling(server) as client:
        ping = '{"type":"ping","payload":{"x":"' + "x" * 10_000 + '"}}'

        async def ask() -> None:
            while True:
                await client.send(ping)

        (connection,) = server.app._connections
        traffic, turns = server.broadcaster.traffic, 100
        async with connected(server) as healthy:
            before = traffic.messages_received
            asking = asyncio.create_task(ask())
            await server.toys.wait_for(lambda: traffic.messages_received > before)
            for _ in range(turns):
                assert await healthy.fence() == []
            asking.cancel()
        # More than these the buffers do not hold the answers of.
        assert traffic.messages_received - before - turns < 10
        assert connection.sink.transport.get_write_buffer_size() < 100_000


async def test_answers_of_all_sockets_share_the_memory_of_large_ones() -> None:
    """One is sent, one waits for the place of that, and the others are refused."""
    options = {"ws": WebSocketProtocol.with_limits(PATIENT), "ws_ping_interval": None}
    answers = Answers(
        quick_bytes=200_000, slow_bytes=200_000, waiting_bytes=200_000, quick_s=3600, wait_s=3600
    )
    async with (
        serve(uvicorn_options=options, answers=answers) as server,
        AsyncExitStack() as stack,
    ):
        clients = [await stack.enter_async_context(stalling(server)) for _ in range(6)]
        for client in clients:
            await client.subscribe("{ large(size: 150000) }")
        traffic = server.broadcaster.traffic
        await server.toys.wait_for(
            # An acknowledgement for each, and all replies but that to the one that waits.
            lambda: (traffic.messages_sent, server.app.operations) == (2 * len(clients) - 1, 2)
        )
        assert answers.held_bytes < 400_000
        for client in clients:
            client.socket.transport.resume_reading()
        received = [await client.receive() for client in clients]
        refusals = [message for message in received if message["type"] == "error"]
        assert len(refusals) == 4
        assert refusals[0]["payload"][0]["extensions"]["code"] == "RATE_LIMITED"
        await server.toys.wait_for(lambda: answers.held_bytes == 0)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells what was acknowledged")
async def test_client_that_reads_slowly_but_steadily_is_never_cut() -> None:
    """Slowly: it takes many times the limit until something leaves the server's own buffer."""
    options = {"ws": WebSocketProtocol.with_limits(PATIENT), "ws_ping_interval": None}
    async with serve(uvicorn_options=options) as server, stalling(server) as client:
        await client.subscribe(ROWS)
        await server.toys.wait_for(lambda: server.broadcaster.members == 1)
        (connection,) = server.app._connections
        sink = connection.sink
        sink.loop = clock = FakeLoop()
        for _ in range(20):
            server.toys.topic.publish(LARGE)
        await server.broadcaster.scheduler.round()
        assert sink.transport.get_write_buffer_size() > 0
        sock = client.socket.transport.get_extra_info("socket")
        for _ in range(50):
            taken = sink.taken_bytes
            while sink.taken_bytes == taken:
                with suppress(BlockingIOError):
                    sock._sock.recv(512)
                await asyncio.sleep(0)
            clock.advance(0.7 * PATIENT.send_timeout_s)
        assert server.broadcaster.members == 1
        clock.advance(2 * PATIENT.send_timeout_s)
        await nothing_left(server)
