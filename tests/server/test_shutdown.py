"""A shutdown is orderly: clients are sent away one after the other, and come back with a cursor."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from websockets.exceptions import ConnectionClosedError, InvalidStatus

from graphql_api.app import create_app
from graphql_api.feeds import cursor as cursors
from graphql_api.rethink.url import DatabaseURL
from graphql_api.server import uvicorn_server as server
from graphql_api.server.listening import listen
from graphql_api.settings import Settings
from tests import ports
from tests.for_each import for_each
from tests.forks import forked
from tests.patience import LONGEST_S
from tests.server.client import WAIT_S, Client, connected
from tests.server.database import Writer, writing
from tests.server.operations import POLICIES, Replica
from tests.server.running import Running, running, settings_for, until_ready


async def closed_with(client: Client) -> int | None:
    """The code with which the server closes a socket."""
    async with asyncio.timeout(WAIT_S):
        await client.socket.wait_closed()
    return client.socket.close_code


@asynccontextmanager
async def four_sockets(
    settings: Settings,
) -> AsyncIterator[tuple[server.Server, Running, list[Client]]]:
    """A server with four sockets, until the context is left; by then it has been asked to end."""
    with listen("127.0.0.1", 0) as listener:
        running = Running("127.0.0.1", listener.getsockname()[1])
        uvicorn = server.Server(create_app(settings), settings)
        serving = asyncio.create_task(uvicorn.serve(sockets=[listener]))
        async with AsyncExitStack() as stack:
            clients = [await stack.enter_async_context(connected(running.ws)) for _ in range(4)]
            await until_ready(running)
            yield uvicorn, running, clients
        async with asyncio.timeout(WAIT_S):
            await serving


async def test_sockets_are_closed_one_after_the_other_while_readyz_says_so(
    starbelly: DatabaseURL,
) -> None:
    # As long as no machine takes to ask for what is asked for at the same time.
    settings = settings_for(starbelly, shutdown_grace_s=600)
    async with (
        four_sockets(settings) as (uvicorn, running, clients),
        httpx.AsyncClient(base_url=running.http, trust_env=False) as http,
    ):
        uvicorn.handle_exit(signal.SIGTERM, None)
        closing = [asyncio.create_task(closed_with(client)) for client in clients]
        done, pending = await asyncio.wait(closing, return_when=asyncio.FIRST_COMPLETED)
        assert [task.result() for task in done] == [1012]
        assert len(pending) == 3, "not all at once"
        readyz = await http.get("/readyz")
        assert (readyz.status_code, readyz.text) == (503, "shutting down\n")
        assert (await http.get("/healthz")).status_code == 200
        with pytest.raises((InvalidStatus, ConnectionClosedError)):
            async with connected(running.ws):
                pass
        (still_open, *_) = [c for c, task in zip(clients, closing, strict=True) if task in pending]
        assert await still_open.execute(POLICIES.query), "served until it is its turn"
        uvicorn.handle_exit(signal.SIGTERM, None)
        await asyncio.gather(*pending)


async def test_sockets_are_closed_within_the_grace_period_with_1012(
    starbelly: DatabaseURL,
) -> None:
    settings = settings_for(starbelly, shutdown_grace_s=1)
    async with four_sockets(settings) as (uvicorn, _, clients):
        uvicorn.handle_exit(signal.SIGTERM, None)
        codes = await asyncio.gather(*(closed_with(client) for client in clients))
        assert codes == [1012] * len(clients)


async def test_last_word_before_1012_is_the_newest_cursor(starbelly: DatabaseURL) -> None:
    settings = settings_for(starbelly, shutdown_grace_s=1)
    async with four_sockets(settings) as (uvicorn, _, clients), writing(starbelly) as writer:
        narrow = {"nameContains": "nothing is called so"}
        following = await clients[0].subscribe(POLICIES.subscription)
        operations = [
            await client.subscribe(POLICIES.subscription, where=narrow) for client in clients
        ]
        first = [(await operation.until_status("READY"))[-1] for operation in operations]
        await following.until_status("READY")
        for number in range(3):
            await writer.insert("policy", {"id": f"{number}", "name": "new"})
        newest = [(await following.change()) for _ in range(3)][-1]
        uvicorn.handle_exit(signal.SIGTERM, None)
        assert await asyncio.gather(*map(closed_with, clients)) == [1012] * len(clients)
        for operation, before in zip(operations, first, strict=True):
            ready = await operation.change()
            assert ready["status"] == "READY"
            assert position_of(ready["cursor"]) == position_of(newest["cursor"])
            assert position_of(before["cursor"]) == position_of(newest["cursor"]) - 3
            assert operation.messages.empty()
        assert following.messages.empty(), "its cursor was the newest"


def position_of(cursor: str) -> int:
    """The position that a cursor names."""
    decoded = cursors.decode(cursor)
    assert isinstance(decoded, cursors.At)
    return decoded.point.position


@pytest.mark.parametrize("is_changed", [False, True])
async def test_cursor_of_a_server_that_is_gone_means_the_same_content_to_its_successor(
    starbelly: DatabaseURL, writer: Writer, is_changed: bool
) -> None:
    async with running(settings_for(starbelly)) as server, connected(server.ws) as client:
        replica = Replica(POLICIES)
        operation = await client.subscribe(POLICIES.subscription)
        for change in await operation.until_status("READY"):
            replica.apply(change)
    if is_changed:
        await writer.insert("policy", {"id": "of the meantime"})
    async with running(settings_for(starbelly)) as server, connected(server.ws) as client:
        await until_ready(server)
        operation = await client.subscribe(POLICIES.subscription, since=replica.cursor)
        for change in await operation.until_status("READY"):
            replica.apply(change)
    assert replica.snapshots == (2 if is_changed else 1)
    assert len(replica.rows) == (3 if is_changed else 2)


async def test_client_goes_on_at_another_server(starbelly: DatabaseURL, writer: Writer) -> None:
    async with (
        running(settings_for(starbelly)) as first,
        running(settings_for(starbelly)) as second,
        connected(first.ws) as of_first,
        connected(second.ws) as of_second,
    ):
        operation = await of_first.subscribe(POLICIES.subscription)
        ready = (await operation.until_status("READY"))[-1]
        other = await of_second.subscribe(POLICIES.subscription)
        await other.until_status("READY")
        for n in range(3):
            await writer.insert("policy", {"id": f"new {n}"})
            event = await operation.change()
            assert event["policy"]["id"] == f"new {n}"
            assert (await other.change())["policy"]["id"] == f"new {n}"
        for cursor, missed in ((ready["cursor"], 3), (event["cursor"], 0)):
            resumed = await of_second.subscribe(POLICIES.subscription, since=cursor)
            events = await resumed.until_status("READY")
            causes = [each.get("cause") for each in events[:-1]]
            assert causes == ["CREATED"] * missed, "nothing is repeated, nothing is missed"


async def test_requests_have_what_sending_clients_away_leaves_of_the_grace_period(
    monkeypatch: pytest.MonkeyPatch, starbelly: DatabaseURL
) -> None:
    settings = settings_for(starbelly, shutdown_grace_s=600)
    app = create_app(settings)
    time, skipped_s = asyncio.get_running_loop().time, 0.0

    async def drain(spread_s: float) -> None:
        nonlocal skipped_s
        assert spread_s == 600
        skipped_s = 400.0

    monkeypatch.setattr(asyncio.get_running_loop(), "time", lambda: time() + skipped_s)
    monkeypatch.setattr(app, "drain", drain)
    with listen("127.0.0.1", 0) as listener:
        uvicorn = server.Server(app, settings)
        serving = asyncio.create_task(uvicorn.serve(sockets=[listener]))
        await until_ready(Running("127.0.0.1", listener.getsockname()[1]))
        uvicorn.handle_exit(signal.SIGTERM, None)
        await serving
    left_s = uvicorn.config.timeout_graceful_shutdown
    assert left_s is not None
    assert 100 < left_s <= 200, "one grace period, not two"


async def test_server_that_has_ended_leaves_no_connection(
    monkeypatch: pytest.MonkeyPatch, starbelly: DatabaseURL
) -> None:
    monkeypatch.setattr(server, "_LAST_LOOK_S", 0)
    settings = settings_for(starbelly, shutdown_grace_s=0)
    with listen("127.0.0.1", 0) as listener:
        uvicorn = server.Server(create_app(settings), settings)
        serving = asyncio.create_task(uvicorn.serve(sockets=[listener]))
        address = listener.getsockname()
        await until_ready(Running(*address))
        reader, writer = await asyncio.open_connection(*address)
        writer.write(
            b"POST /graphql HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            b"Content-Length: 1000\r\nExpect: 100-continue\r\n\r\n"
        )
        assert (await reader.readline()).startswith(b"HTTP/1.1 100 "), "its body is waited for"
        uvicorn.handle_exit(signal.SIGTERM, None)
        await serving
        assert not uvicorn.server_state.connections
        writer.close()


async def test_request_that_never_arrives_is_given_up_after_the_grace_period(
    tmp_path: Path,
) -> None:
    process = await forked(
        *("serve", "--port", "0", "--no-graphiql"),
        *("--data", str(tmp_path / "x.db"), "--shutdown-grace-s", "1", "--log-level", "warning"),
        env=os.environ,
        stderr=PIPE,
    )
    assert process.stdout is not None
    async with asyncio.timeout(LONGEST_S), AsyncExitStack() as stack:
        line = (await process.stdout.readline()).decode()
        url = line.split(" and ")[1].strip()
        for _ in range(4):
            await stack.enter_async_context(connected(url))
        host, port = urlsplit(url).hostname, urlsplit(url).port
        reader, writer = await asyncio.open_connection(host, port)
        stack.callback(writer.close)
        writer.write(
            b"POST /graphql HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            b"Content-Length: 1000\r\nExpect: 100-continue\r\n\r\n"
        )
        # That the server asks for the body proves that the request runs.
        assert (await reader.readline()).startswith(b"HTTP/1.1 100 ")
        process.send_signal(signal.SIGTERM)
        _, errors = await process.communicate()
    assert process.returncode == 0
    assert b"Traceback" not in errors
    assert errors.count(b"\n") == 1, errors


async def test_failure_to_send_clients_away_is_logged(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, starbelly: DatabaseURL
) -> None:
    async def drain(spread_s: float) -> None:
        raise RuntimeError("no way out")

    settings = settings_for(starbelly)
    app = create_app(settings)
    monkeypatch.setattr(app, "drain", drain)
    with listen("127.0.0.1", 0) as listener:
        url = f"ws://127.0.0.1:{listener.getsockname()[1]}/graphql"
        uvicorn = server.Server(app, settings)
        serving = asyncio.create_task(uvicorn.serve(sockets=[listener]))
        async with connected(url) as client:
            await client.execute(POLICIES.query)
        uvicorn.should_exit = True
        await serving
    (record,) = [record for record in caplog.records if record.exc_info is not None]
    assert record.exc_info is not None
    assert "no way out" in str(record.exc_info[1])


@pytest.mark.parametrize(
    ("first", "second"), [(signal.SIGTERM, signal.SIGINT), (signal.SIGTERM, signal.SIGTERM)]
)
async def test_any_second_signal_stops_at_once(first: int, second: int) -> None:
    process = await forked(
        *("serve", "--port", "0", "--data", ":memory:"),
        *("--shutdown-grace-s", "600"),
        env=os.environ,
        stderr=PIPE,
    )
    assert process.stdout is not None
    url = ""
    async with asyncio.timeout(LONGEST_S), AsyncExitStack() as stack:
        while " and ws://" not in url:
            url = (await process.stdout.readline()).decode()
        url = f"ws://{url.split(' and ws://')[1].strip()}"
        clients = [await stack.enter_async_context(connected(url)) for _ in range(3)]
        process.send_signal(first)
        closing = [asyncio.create_task(closed_with(client)) for client in clients]
        await asyncio.wait(closing, return_when=asyncio.FIRST_COMPLETED)
        process.send_signal(second)
        _, errors = await process.communicate()
        assert b"Traceback" not in errors
        await asyncio.gather(*closing)


@for_each("steps", range(6))
async def test_no_client_that_comes_while_the_listener_closes_waits_for_ever(
    steps: int, starbelly: DatabaseURL
) -> None:
    class Ending(server.Server):
        async def main_loop(self) -> None:
            clients.append(socket.create_connection(listener.getsockname()))
            for _ in range(steps):
                await asyncio.sleep(0)
            self.force_exit = True  # nothing stands before the end

    clients: list[socket.socket] = []
    settings = settings_for(starbelly)
    with listen("127.0.0.1", 0) as listener:
        ending = Ending(create_app(settings), settings)
        await ending.serve(sockets=[listener])
    await ending.lifespan.shutdown()
    with clients.pop() as client:
        assert ports.is_ended(client)
