"""Event streams of the whole server: the contract of WebSockets, resumed by Last-Event-ID."""

from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from itertools import product
from typing import Any

import httpx
import pytest

from graphql_api.app import Application, create_app
from graphql_api.rethink.url import DatabaseURL
from graphql_api.server import uvicorn_server as server_module
from graphql_api.server.listening import listen
from graphql_api.settings import Settings
from tests.server.client import WAIT_S, Client, connected
from tests.server.database import Writer, writing
from tests.server.event_source import EventSource, event_source
from tests.server.operations import POLICIES, WATCHES, Replica, until_seen
from tests.server.running import Running, running, settings_for
from tests.server.test_clean_up import (
    held,
    subscribers,
    until_no_more_is_held_than,
    until_no_subscribers,
)
from tests.unit.rethink.leaks import sockets

WITHOUT_CURSOR = """
    subscription ($since: String) {
      policyChanges(since: $since) {
        __typename
        ... on PolicyAdded { policy { id name } }
        ... on PolicyUpdated { policy { name } }
        ... on PolicyDeleted { policyId }
        ... on FeedState { status }
      }
    }
"""


def watching(server: Running, query: str = POLICIES.subscription, **arguments: Any) -> Any:
    return event_source((server.host, server.port), query, **arguments)


@pytest.fixture
async def observer(server: Running) -> AsyncIterator[Client]:
    """Somebody who only looks on."""
    async with connected(server.ws) as client:
        yield client


async def test_stream_begins_with_the_rows_and_follows_every_change(
    server: Running, writer: Writer, observer: Client
) -> None:
    for watch, method in product(WATCHES, ("GET", "POST")):
        replica = Replica(watch)
        async with watching(server, watch.subscription, method=method) as source:
            for change in await source.until_status("READY"):
                replica.apply(change)
            await writer.insert(watch.table, {watch.primary_key: watch.key("a"), "name": "a"})
            while watch.id("a") not in replica.rows:
                replica.apply(await source.change())
                assert source.last_event_id == replica.cursor
            await writer.delete(watch.table, watch.key("a"))
            while watch.id("a") in replica.rows:
                replica.apply(await source.change())
        page = (await observer.execute(watch.query))["data"][watch.page_field]
        assert replica.rows == {row["id"]: row for row in page["items"]}, (watch.table, method)


async def test_every_event_has_its_cursor_as_id_whether_or_not_it_is_selected(
    server: Running, writer: Writer, observer: Client
) -> None:
    async with watching(server, WITHOUT_CURSOR) as source:
        await source.until_status("READY")
        await writer.insert("policy", {"id": "a", "name": "seen"})
        assert (await source.change())["policy"] == {"id": "a", "name": "seen"}
        cursor = source.last_event_id
    await writer.insert("policy", {"id": "b", "name": "missed"})
    await writer.delete("policy", "a")
    await writer.insert("policy", {"id": "c", "name": "the last"})
    await until_seen(observer, POLICIES, "c")
    async with watching(server, WITHOUT_CURSOR, last_event_id=cursor) as source:
        changes = await source.until_status("READY")
    assert [
        change.get("policy", {}).get("name") or change.get("policyId") for change in changes
    ] == ["missed", "a", "the last", None], "exactly the difference"


async def test_stream_that_is_cut_again_and_again_misses_and_repeats_nothing(
    server: Running, writer: Writer, observer: Client
) -> None:
    replica = Replica(POLICIES)
    cursor = None
    for round_ in range(20):
        # A browser comes again with the URL it had at first, whatever that says of `since`.
        async with watching(server, last_event_id=cursor) as source:
            while replica.status != "READY":
                replica.apply(await source.change())
            for n in range(10):
                row = {"id": f"p{n % 5}", "name": f"name {round_} {n}"}
                await writer.insert("policy", row)
            for _ in range(round_ % 10):
                replica.apply(await source.change())
            cursor = replica.cursor
            source.abort()
    await writer.insert("policy", {"id": "last", "name": "the last"})
    async with watching(server, last_event_id=cursor) as source:
        while "last" not in replica.rows:
            replica.apply(await source.change())
    page = (await observer.execute(POLICIES.query))["data"]["policies"]
    assert replica.rows == {row["id"]: row for row in page["items"]}
    assert replica.snapshots == 1


async def test_cursor_of_a_websocket_resumes_a_stream_and_the_other_way_round(
    server: Running, client: Client, writer: Writer
) -> None:
    operation = await client.subscribe(POLICIES.subscription)
    cursor = (await operation.until_status("READY"))[-1]["cursor"]
    await writer.insert("policy", {"id": "a", "name": "a"})
    assert (await operation.change())["policy"]["id"] == "a"
    async with watching(server, last_event_id=cursor) as source:
        assert (await source.change())["policy"]["id"] == "a"
        resumed = await client.subscribe(POLICIES.subscription, since=source.last_event_id)
    assert (await resumed.change())["status"] == "READY"


async def test_altered_last_event_id_is_an_error_with_its_code(server: Running) -> None:
    for accept, status in (
        ("text/event-stream", 200),
        ("application/json, text/event-stream", 400),
        ("application/graphql-response+json, text/event-stream", 400),
    ):
        async with watching(server, last_event_id="altered", accept=accept) as source:
            assert source.status == status
            answer = await (source.next() if status == 200 else source.json())
            assert [error["extensions"]["code"] for error in answer["errors"]] == ["BAD_CURSOR"]


async def test_plain_request_for_a_subscription_is_answered_by_both_ways(server: Running) -> None:
    async with httpx.AsyncClient(trust_env=False) as http:
        response = await http.post(f"{server.http}/graphql", json={"query": POLICIES.subscription})
    assert response.status_code == 406
    (error,) = response.json()["errors"]
    assert "graphql-transport-ws" in error["message"]
    assert "text/event-stream" in error["message"]


# Clean-up


async def test_client_that_goes_frees_its_registration(server: Running, observer: Client) -> None:
    async with AsyncExitStack() as stack:
        for watch in WATCHES:
            for _ in range(5):
                source = await stack.enter_async_context(watching(server, watch.subscription))
                await source.until_status("READY")
        assert await subscribers(observer) == {watch.table: 5 for watch in WATCHES}
    await until_no_subscribers(observer)


@pytest.mark.parametrize("cycles", [5, pytest.param(50, marks=pytest.mark.long)])
async def test_cycles_of_streaming_and_cutting_leave_nothing(
    cycles: int, server: Running, observer: Client
) -> None:
    async def cycle() -> None:
        for watch in WATCHES:
            async with watching(server, watch.subscription) as source:
                await source.until_status("READY")
        await until_no_subscribers(observer)

    await cycle()
    before = held("_Stream", "StreamingProtocol", "RequestResponseCycle", "Session")
    for _ in range(cycles):
        await cycle()
    await until_no_more_is_held_than(before)


# Sharing


@asynccontextmanager
async def running_app(settings: Settings) -> AsyncIterator[tuple[Running, Application]]:
    """A server, and the application inside it."""
    app = create_app(settings)
    with listen("127.0.0.1", 0) as listener:
        uvicorn = server_module.Server(app, settings)
        serving = asyncio.create_task(uvicorn.serve(sockets=[listener]))
        try:
            yield Running("127.0.0.1", listener.getsockname()[1]), app
        finally:
            uvicorn.should_exit = True
            await serving


@pytest.mark.parametrize("count", [50, pytest.param(500, marks=pytest.mark.long)])
async def test_streams_and_sockets_share_their_executions(
    count: int, starbelly: DatabaseURL, writer: Writer
) -> None:
    query = POLICIES.subscription
    async with (
        running_app(settings_for(starbelly)) as (server, app),
        connected(server.ws) as client,
        AsyncExitStack() as stack,
    ):
        broadcaster = app._services._broadcaster
        operations = [await client.subscribe(query) for _ in range(10)]
        for operation in operations:
            await operation.until_status("READY")
        sources: list[EventSource] = []
        for _ in range(count):
            source = await stack.enter_async_context(watching(server, query, method="POST"))
            await source.until_status("READY")
            sources.append(source)
        assert broadcaster.members == count + 10
        assert broadcaster.groups == 1
        before = broadcaster.traffic.executions
        changes = 5
        for n in range(changes):
            await writer.insert("policy", {"id": "shared", "name": f"{n}"})
        for n in range(changes):
            received = {
                json.dumps(change)
                for change in [
                    *[await operation.change() for operation in operations],
                    *[await source.change() for source in sources],
                ]
            }
            assert len(received) == 1, "the same for all"
            assert json.loads(received.pop())["policy"]["name"] == f"{n}"
        assert broadcaster.traffic.executions - before == changes


# The end of the server


@asynccontextmanager
async def four_streams(
    settings: Settings,
) -> AsyncIterator[tuple[server_module.Server, Running, list[EventSource]]]:
    """A server with four streams, until the context is left; by then it has been asked to end."""
    with listen("127.0.0.1", 0) as listener:
        running = Running("127.0.0.1", listener.getsockname()[1])
        uvicorn = server_module.Server(create_app(settings), settings)
        serving = asyncio.create_task(uvicorn.serve(sockets=[listener]))
        async with AsyncExitStack() as stack:
            sources = [await stack.enter_async_context(watching(running)) for _ in range(4)]
            for source in sources:
                await source.until_status("READY")
            yield uvicorn, running, sources
        async with asyncio.timeout(WAIT_S):
            await serving


async def test_streams_end_one_after_the_other_while_readyz_says_so(
    starbelly: DatabaseURL,
) -> None:
    # As long as no machine takes to ask for what is asked for at the same time.
    settings = settings_for(starbelly, shutdown_grace_s=600)
    async with (
        four_streams(settings) as (uvicorn, server, sources),
        httpx.AsyncClient(trust_env=False) as http,
    ):
        uvicorn.handle_exit(signal.SIGTERM, None)
        ending = [asyncio.create_task(source.event()) for source in sources]
        done, pending = await asyncio.wait(ending, return_when=asyncio.FIRST_COMPLETED)
        assert [task.result() for task in done] == [None], "without complete"
        assert len(pending) == 3, "not all at once"
        assert (await http.get(f"{server.http}/readyz")).status_code == 503
        async with watching(server) as again:
            assert await again.body() == b"retry: 1000\n\n", "a browser comes again, and again"
        for task in pending:
            task.cancel()
        await asyncio.wait(pending)
        uvicorn.handle_exit(signal.SIGTERM, None)


async def test_streams_end_within_the_grace_period_without_complete(
    starbelly: DatabaseURL,
) -> None:
    settings = settings_for(starbelly, shutdown_grace_s=1)
    async with four_streams(settings) as (uvicorn, _, sources):
        uvicorn.handle_exit(signal.SIGTERM, None)
        assert await asyncio.gather(*(source.event() for source in sources)) == [None] * 4


async def test_last_event_before_the_end_of_a_stream_is_the_newest_cursor(
    starbelly: DatabaseURL,
) -> None:
    settings = settings_for(starbelly, shutdown_grace_s=1)
    async with (
        four_streams(settings) as (uvicorn, server, _),
        watching(server, variables={"where": {"nameContains": "no such name"}}) as narrow,
        connected(server.ws) as client,
        writing(starbelly) as writer,
    ):
        (*_, before) = await narrow.until_status("READY")
        following = await client.subscribe(POLICIES.subscription)
        await following.until_status("READY")
        await writer.insert("policy", {"id": "new", "name": "new"})
        await following.change()
        uvicorn.handle_exit(signal.SIGTERM, None)
        (after,) = await narrow.until_status("READY")
        assert after["cursor"] != before["cursor"]
        assert await narrow.event() is None


async def test_shutdown_leaves_no_task_and_no_socket(starbelly: DatabaseURL) -> None:
    tasks, open_sockets = asyncio.all_tasks(), sockets()
    async with (
        running(settings_for(starbelly, shutdown_grace_s=0)) as server,
        AsyncExitStack() as stack,
    ):
        for watch in WATCHES:
            source = await stack.enter_async_context(watching(server, watch.subscription))
            await source.until_status("READY")
    # What was cancelled ends by itself; the database runs in this process too.
    async with asyncio.timeout(WAIT_S):
        while asyncio.all_tasks() - tasks or sockets() > open_sockets:
            await asyncio.sleep(0)
