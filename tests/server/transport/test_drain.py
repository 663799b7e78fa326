"""The end of a server: clients are sent away one after the other, and none holds it up."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from graphql_api.server.websocket_protocol import WebSocketProtocol
from tests.fault.clock import LoopClock, put_forward_until, some_steps
from tests.server.transport.test_slow_clients import FLOOD, PATIENT, stalling
from tests.server.transport.test_websocket import nothing_left
from tests.server.transport.toy import Client, connected, opened, serve


async def test_clients_are_closed_with_1012_and_everything_freed() -> None:
    async with serve() as server, AsyncExitStack() as stack:
        clients = [await stack.enter_async_context(connected(server)) for _ in range(5)]
        for client in clients:
            await client.subscribe("subscription { rows { value } }")
            await client.subscribe("subscription { silence }", "b")
            assert (await client.receive())["id"] == "b"
        unacknowledged = await stack.enter_async_context(opened(server))
        await server.toys.wait_for(lambda: server.app.connections == 6)
        await server.app.close_all()
        await nothing_left(server)
        for client in (*clients, unacknowledged):
            assert await client.receive() == (1012, "Service restart")


async def test_clients_are_closed_one_after_the_other_over_the_time_that_there_is() -> None:
    clock = LoopClock(asyncio.get_running_loop())
    async with (
        serve(uvicorn_options={"ws_ping_interval": None}) as server,
        AsyncExitStack() as stack,
        asyncio.TaskGroup() as tasks,
    ):
        closed: list[int | None] = []

        async def watch(client: Client) -> None:
            await client.socket.wait_closed()
            closed.append(client.socket.close_code)

        async def once_closed(number: int) -> list[int | None]:
            await server.toys.wait_for(lambda: len(closed) >= number)
            await some_steps()
            return closed

        for _ in range(4):
            client = await stack.enter_async_context(connected(server, ping_interval=None))
            tasks.create_task(watch(client))
        tasks.create_task(server.app.close_all(spread_s=4000))
        for number in range(1, 5):
            assert await once_closed(number) == [1012] * number
            clock.forward(1000)


async def test_no_socket_is_accepted_any_more() -> None:
    async with serve() as server:
        await server.app.close_all()
        with pytest.raises(InvalidStatus) as refused:
            async with connect(server.url, proxy=None):
                pass
        assert refused.value.response.status_code == 503


async def test_client_that_takes_nothing_holds_up_no_other() -> None:
    options = {"ws": WebSocketProtocol.with_limits(PATIENT)}
    clock = LoopClock(asyncio.get_running_loop())
    async with (
        serve(uvicorn_options=options) as server,
        stalling(server) as client,
        connected(server) as healthy,
    ):
        await client.subscribe(FLOOD)
        await server.toys.wait_for(
            lambda: any(not c.sink.is_writable for c in server.app._connections)
        )
        closing = asyncio.ensure_future(server.app.close_all())
        assert await healthy.receive() == (1012, "Service restart")
        await put_forward_until(clock, closing)
        await nothing_left(server)


async def test_uvicorn_ends_connections_that_are_closing_already() -> None:
    options = {"ws": WebSocketProtocol.with_limits(PATIENT)}
    async with serve(uvicorn_options=options) as server, stalling(server) as client:
        await client.subscribe(FLOOD)
        (connection,) = server.app._connections
        sink = connection.sink
        await server.toys.wait_for(lambda: not sink.is_writable)
        close = asyncio.create_task(client.socket.close())
        await server.toys.wait_for(lambda: sink.is_closed)
        assert sink.transport.get_write_buffer_size() > 0
        sink.shutdown()
        await server.toys.wait_for(lambda: server.app.connections == 0)
        await close
