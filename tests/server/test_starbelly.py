"""Starbelly's own protocol: lists, job status and requests, by trio-websocket."""

from __future__ import annotations

import asyncio
import os
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus
from websockets.typing import Origin

from graphql_api.auth.api_token import new_token
from graphql_api.auth.token_file import add_token, remove_token
from graphql_api.rethink.url import DatabaseURL
from graphql_api.scopes import Scope
from graphql_api.tables import TABLES
from tests.fault.clock import LoopClock, websockets_unasked
from tests.fault.proxy import Proxy
from tests.fault.test_feed_repair import CHANGES, behind
from tests.server.client import WAIT_S, Client
from tests.server.database import Writer
from tests.server.running import Running, running, settings_for, until_ready
from tests.server.starbelly_client import (
    Closed,
    RefusedRequest,
    StarbellyClient,
    starbelly_client,
)
from tests.server.test_clean_up import subscribers, until_no_subscribers
from tests.starbelly_numbers import (
    ADDED,
    COMPLETED,
    DELETED,
    GONE,
    RUNNING,
    UPDATED,
    Request,
)

LISTS = {
    "subscribe_policy_list": ("policy", "id", "name"),
    "subscribe_schedule_list": ("schedule", "id", "schedule_name"),
    "subscribe_domain_login_list": ("domain_login", "domain", "login_url"),
}
ROOT = Path(__file__).parents[2]


def url_of(server: Running) -> str:
    return f"ws://{server.host}:{server.port}/starbelly"


@pytest.fixture
async def starbelly_socket(server: Running) -> AsyncIterator[StarbellyClient]:
    await until_ready(server)
    async with starbelly_client(url_of(server)) as client:
        yield client


def new_key(command: str) -> str:
    return "z.example" if command == "subscribe_domain_login_list" else str(uuid4())


@pytest.mark.parametrize("command", LISTS)
async def test_rows_come_as_added_and_then_every_change(
    command: str, starbelly_socket: StarbellyClient, writer: Writer
) -> None:
    table, key_field, name_field = LISTS[command]
    there = sum([1 async for _ in await writer.run(writer.table(table))])
    subscription = await starbelly_socket.subscribe(command)
    rows = await subscription.rows(there)
    assert all(kind == ADDED for kind, _, _ in rows)
    key, shown = new_key(command), table != "domain_login"
    await writer.insert(table, {key_field: key, name_field: "one"})
    assert await subscription.row() == (ADDED, key, "one" if shown else "")
    await writer.update(table, key, {name_field: "two"})
    assert await subscription.row() == (UPDATED, key, "two" if shown else "")
    await writer.delete(table, key)
    assert await subscription.row() == (DELETED, key, "two" if shown else "")
    await writer.insert(table, {key_field: key, name_field: "three"})
    assert await subscription.row() == (ADDED, key, "three" if shown else "")


async def test_many_subscriptions_on_one_socket_and_on_many_see_the_same(
    server: Running, writer: Writer
) -> None:
    await until_ready(server)
    async with (
        starbelly_client(url_of(server)) as first,
        starbelly_client(url_of(server)) as second,
    ):
        subscriptions = [
            await client.subscribe("subscribe_policy_list")
            for client in (first, first, second, second)
        ]
        assert len({(each.client, each.id) for each in subscriptions}) == 4
        key = str(uuid4())
        await writer.insert("policy", {"id": key, "name": "new"})
        for subscription in subscriptions:
            rows = await subscription.rows(3)
            assert sorted(name for _, _, name in rows) == ["Broad Crawl", "Deep Crawl", "new"]


@pytest.mark.parametrize("each", [20, pytest.param(100, marks=pytest.mark.long)])
async def test_subscribers_of_ten_sockets_cost_one_encoding_for_each_change_and_no_changefeed(
    starbelly: DatabaseURL, writer: Writer, each: int
) -> None:
    changes, sockets = 5, 10
    async with (
        Proxy(starbelly.host, starbelly.port) as proxy,
        running(behind(proxy, starbelly)) as server,
    ):
        await until_ready(server)
        changefeeds = proxy.starts(CHANGES)
        clients = [starbelly_client(url_of(server)) for _ in range(sockets)]
        opened = [await client.__aenter__() for client in clients]
        subscriptions = [
            await client.subscribe("subscribe_policy_list")
            for client in opened
            for _ in range(each)
        ]
        for subscription in subscriptions:
            await subscription.rows(2)
        assert proxy.starts(CHANGES) == changefeeds == len(TABLES)
        before = await executions(server)
        key = str(uuid4())
        for number in range(changes):
            await writer.insert("policy", {"id": key, "name": f"name {number}"})
            for subscription in subscriptions:
                _, _, name = await subscription.row()
                assert name == f"name {number}"
        assert await executions(server) - before == changes
        for client in clients:
            await client.__aexit__(None, None, None)


async def executions(server: Running) -> float:
    async with httpx.AsyncClient(base_url=server.http, trust_env=False) as http:
        text = (await http.get("/metrics")).text
    (line,) = [
        line for line in text.splitlines() if line.startswith("graphql_api_executions_total")
    ]
    return float(line.split()[1])


# Job status


def job(key: str, **fields: Any) -> dict[str, Any]:
    return {
        "id": key,
        "name": "a job",
        "run_state": "running",
        "seeds": ["http://a.example/"],
        "tags": ["x"],
        "started_at": datetime(2026, 11, 1, 12, tzinfo=UTC),
        "completed_at": None,
        "item_count": 0,
        "http_success_count": 0,
        "http_error_count": 0,
        "exception_count": 0,
        "http_status_counts": {"200": 3},
        **fields,
    }


async def test_job_status_begins_with_all_jobs_and_has_what_changed(
    starbelly_socket: StarbellyClient, writer: Writer
) -> None:
    one, two = sorted(str(uuid4()) for _ in range(2))
    subscription = await starbelly_socket.subscribe("subscribe_job_status", min_interval=0)
    assert not (await subscription.event()).job_list.jobs  # there is none, and the client knows
    await writer.insert("job", job(one))
    (first,) = (await subscription.event()).job_list.jobs
    assert str(UUID(bytes=first.job_id)) == one
    assert (first.name, first.run_state, [*first.seeds]) == (
        "a job",
        RUNNING,
        ["http://a.example/"],
    )
    assert first.started_at == "2026-11-01T12:00:00+00:00"
    assert not first.HasField("completed_at")
    assert [(count.key, count.value) for count in first.http_status_counts] == [(200, 3)]
    await writer.insert("job", job(two))
    await subscription.event()
    other = await starbelly_socket.subscribe("subscribe_job_status")
    jobs = (await other.event()).job_list.jobs
    assert [str(UUID(bytes=each.job_id)) for each in jobs] == [one, two]
    done = {"run_state": "completed", "completed_at": datetime.now(UTC), "item_count": 7}
    await writer.update("job", two, done)
    (changed,) = (await subscription.event()).job_list.jobs
    assert (changed.run_state, changed.item_count) == (COMPLETED, 7)
    await writer.delete("job", one)
    (gone,) = (await subscription.event()).job_list.jobs
    assert (str(UUID(bytes=gone.job_id)), gone.run_state) == (one, GONE)


@pytest.fixture
def unasked() -> Iterator[None]:
    with websockets_unasked():
        yield


@pytest.mark.usefixtures("unasked")
async def test_min_interval_merges_the_changes_of_a_job_until_it_is_over(
    starbelly_socket: StarbellyClient, writer: Writer
) -> None:
    clock = LoopClock(asyncio.get_running_loop())
    key = str(uuid4())
    await writer.insert("job", job(key))
    fast = await starbelly_socket.subscribe("subscribe_job_status", min_interval=0)
    while not (await fast.event()).job_list.jobs:
        pass
    slow = await starbelly_socket.subscribe("subscribe_job_status", min_interval=WAIT_S / 2)
    assert len((await slow.event()).job_list.jobs) == 1
    for number in range(1, 6):
        await writer.update("job", key, {"item_count": number})
        (changed,) = (await fast.event()).job_list.jobs
        assert changed.item_count == number
    clock.forward(WAIT_S / 2)
    (changed,) = (await slow.event()).job_list.jobs
    assert changed.item_count == 5


# What is refused


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (
            {"list_policies": {}},
            "this server offers subscribe_job_status, subscribe_job_sync, unsub",
        ),
        ({}, "this server offers subscribe_job_status"),
        ({"unsubscribe": {"subscription_id": 77}}, "there is no subscription 77 here"),
        ({"subscribe_job_status": {"min_interval": -1}}, "min_interval must be from 0 to 86400"),
        ({"subscribe_job_status": {"min_interval": float("nan")}}, "min_interval must be from 0"),
        ({"subscribe_job_status": {"min_interval": float("inf")}}, "min_interval must be from 0"),
        ({"subscribe_job_sync": {}}, "subscribe_job_sync is incomplete"),
        ({"subscribe_job_sync": {"job_id": b"abc"}}, "job_id must be the 16 bytes of a UUID"),
        (
            {"subscribe_job_sync": {"job_id": bytes(16), "sync_token": b"\x01" + bytes(8)}},
            "the cursor is not one that this API gave out",
        ),
        (
            {"subscribe_job_sync": {"job_id": bytes(16), "sync_token": b"\xff"}},
            "the sync_token is not one that this server gave out",
        ),
    ],
)
async def test_request_that_cannot_be_done_is_answered_and_the_socket_goes_on(
    command: dict[str, Any],
    said: str,
    starbelly_socket: StarbellyClient,
    caplog: pytest.LogCaptureFixture,
) -> None:
    with pytest.raises(RefusedRequest, match=said):
        await starbelly_socket.ask(**command)
    subscription = await starbelly_socket.subscribe("subscribe_policy_list")
    assert len(await subscription.rows(2)) == 2
    assert not [record for record in caplog.records if record.exc_info]


async def test_request_without_an_id_is_refused_under_zero(
    starbelly_socket: StarbellyClient,
) -> None:
    request = Request()
    request.subscribe_policy_list.SetInParent()
    await starbelly_socket.send(request.SerializePartialToString())
    with pytest.raises(RefusedRequest, match="request_id is incomplete"):
        await starbelly_socket.response(0)


@pytest.mark.parametrize(
    ("data", "code"),
    [("text", 1003), (b"\xff\xff", 1007), (b"\x08", 1007), (b"\x00" * 100_000, 1009)],
)
async def test_what_is_no_request_closes_the_socket(
    data: bytes | str, code: int, starbelly_socket: StarbellyClient
) -> None:
    subscription = await starbelly_socket.subscribe("subscribe_policy_list")
    await subscription.rows(2)
    await starbelly_socket.send(data)
    with pytest.raises(Closed) as closed:
        await subscription.event()
    assert closed.value.code == code
    assert "Traceback" not in closed.value.reason


async def test_limits_of_a_socket_are_answered(starbelly: DatabaseURL) -> None:
    settings = settings_for(starbelly, max_subscriptions=2)
    async with running(settings) as server, starbelly_client(url_of(server)) as client:
        first = await client.subscribe("subscribe_policy_list")
        await client.subscribe("subscribe_policy_list")
        with pytest.raises(RefusedRequest, match="this socket has 2 subscriptions"):
            await client.subscribe("subscribe_policy_list")
        await first.unsubscribe()
        await client.subscribe("subscribe_policy_list")
    slow = settings_for(starbelly, max_operations_per_s=0.01, max_subscriptions=1, max_queries=1)
    async with running(slow) as server, starbelly_client(url_of(server)) as client:
        for _ in range(2):
            subscription = await client.subscribe("subscribe_policy_list")
            await subscription.unsubscribe()
        with pytest.raises(RefusedRequest, match="operations"):
            await client.subscribe("subscribe_policy_list")


# Ends


async def test_unsubscribe_frees_at_once_and_nothing_comes_behind_it(
    starbelly_socket: StarbellyClient, client: Client, writer: Writer
) -> None:
    kept = await starbelly_socket.subscribe("subscribe_policy_list")
    for command in (*LISTS, "subscribe_job_status"):
        subscription = await starbelly_socket.subscribe(command)
        if command == "subscribe_policy_list":
            await subscription.rows(2)
        await subscription.unsubscribe()
        with pytest.raises(RefusedRequest, match="there is no subscription"):
            await subscription.unsubscribe()
    await kept.rows(2)
    counts = await subscribers(client)
    assert {table for table, number in counts.items() if number} == {"policy"}
    before = starbelly_socket.events
    await writer.insert("policy", {"id": str(uuid4()), "name": "a fence"})
    await kept.row()
    assert starbelly_socket.events == before + 1


async def test_lost_socket_frees_everything(
    server: Running, client: Client, writer: Writer
) -> None:
    async with starbelly_client(url_of(server)) as lost:
        for command in (*LISTS, "subscribe_job_status"):
            for _ in range(3):
                await lost.subscribe(command)
        assert sum((await subscribers(client)).values()) == 12
    await until_no_subscribers(client)


async def test_shutdown_closes_with_service_restart(starbelly: DatabaseURL) -> None:
    async with running(settings_for(starbelly, shutdown_grace_s=1)) as server:
        context = starbelly_client(url_of(server))
        client = await context.__aenter__()
        await client.subscribe("subscribe_policy_list")
    end = await client.closed
    assert end.code == 1012
    await context.__aexit__(None, None, None)


# Keys


async def test_keys_that_are_no_uuids_are_counted_warned_of_once_and_not_sent(
    server: Running,
    starbelly_socket: StarbellyClient,
    writer: Writer,
    caplog: pytest.LogCaptureFixture,
) -> None:
    upper = str(UUID(int=10**38)).upper()
    await writer.insert("policy", {"id": "p", "name": "odd"}, {"id": upper, "name": "odd"})
    subscription = await starbelly_socket.subscribe("subscribe_policy_list")
    key = str(uuid4())
    await writer.insert("policy", {"id": "q", "name": "odd"})
    await writer.update("policy", "p", {"name": "odd again"})
    await writer.insert("policy", {"id": key, "name": "plain"})
    rows = await subscription.rows(3)
    assert sorted(name for _, _, name in rows) == ["Broad Crawl", "Deep Crawl", "plain"]
    assert await unsayable(server) == 3
    await writer.delete("policy", "p")
    await writer.delete("policy", key)
    assert await subscription.row() == (DELETED, key, "plain")
    assert await unsayable(server) == 2
    warnings = [record for record in caplog.records if "no UUID" in record.getMessage()]
    assert len(warnings) == 1


async def unsayable(server: Running) -> float:
    async with httpx.AsyncClient(base_url=server.http, trust_env=False) as http:
        text = (await http.get("/metrics")).text
    name = 'graphql_api_starbelly_unsayable_documents{table="policy"}'
    (line,) = [line for line in text.splitlines() if line.startswith(name)]
    return float(line.split()[1])


# Access


def token(file: Path, name: str, *scopes: Scope) -> str:
    secret, made = new_token(name, scopes, created=datetime.now(UTC), expires=None)
    add_token(file, made)
    return secret


async def test_access_is_as_for_every_other_socket(starbelly: DatabaseURL, tmp_path: Path) -> None:
    file = tmp_path / "tokens.json"
    file.write_text('{"tokens": []}')
    reader, writer = token(file, "reader", Scope.READ), token(file, "writer", Scope.WRITE)
    async with running(settings_for(starbelly, tokens=file)) as server:
        url = url_of(server)
        for headers in ({}, {"Authorization": "Bearer wrong"}):
            async with starbelly_client(url, headers=headers) as stranger:
                end = await stranger.closed
            assert end.code == 4403
            assert "wrong" not in end.reason
        async with starbelly_client(f"{url}?token={reader}") as stranger:
            end = await stranger.closed
        assert (end.code, "a token in the URL" in end.reason) == (4403, True)
        in_header: dict[str, Any] = {"headers": {"Authorization": f"Bearer {reader}"}}
        as_browsers: dict[str, Any] = {"subprotocols": ["starbelly", f"bearer.{reader}"]}
        for credentials in (in_header, as_browsers):
            async with starbelly_client(url, **credentials) as client:
                await (await client.subscribe("subscribe_policy_list")).rows(2)
                with pytest.raises(RefusedRequest, match="login_list needs the scope logins"):
                    await client.subscribe("subscribe_domain_login_list")
        headers = {"Authorization": f"Bearer {writer}"}
        async with starbelly_client(url, headers=headers) as client:
            for command in (*LISTS, "subscribe_job_status"):
                with pytest.raises(RefusedRequest, match=f"{command} needs the scope"):
                    await client.subscribe(command)
            with pytest.raises(RefusedRequest, match="subscribe_job_sync needs the scope read"):
                await client.subscribe("subscribe_job_sync", job_id=bytes(16))
        async with starbelly_client(url, **in_header) as client:
            await client.subscribe("subscribe_policy_list")
            remove_token(file, "reader")
            end = await asyncio.wait_for(client.closed, WAIT_S)
        assert (end.code, end.reason) == (4403, "Forbidden: the token has been revoked")


@pytest.mark.parametrize(
    ("origin", "settings"),
    [("https://elsewhere.example", {}), (None, {"starbelly": False})],
    ids=["another origin", "turned off"],
)
async def test_handshake_is_refused(
    origin: Origin | None, settings: dict[str, Any], starbelly: DatabaseURL
) -> None:
    async with running(settings_for(starbelly, **settings)) as server:
        with pytest.raises(InvalidStatus, match="403"):
            await connect(url_of(server), origin=origin, proxy=None)


# The program


@pytest.mark.parametrize("messages", [[], ["tests.starbelly_numbers"]])
async def test_program_of_the_example_prints_what_happens(
    messages: list[str], server: Running, writer: Writer
) -> None:
    program = ROOT / "examples" / "starbelly" / "policies.py"
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, str(program), *messages),
        env={**os.environ, "STARBELLY_URL": url_of(server), "PYTHONPATH": str(ROOT)},
        stdout=PIPE,
    )
    try:
        assert process.stdout is not None
        key = str(uuid4())
        async with asyncio.timeout(WAIT_S):
            lines = [await process.stdout.readline() for _ in range(2)]
            await writer.insert("policy", {"id": key, "name": "One"})
            lines.append(await process.stdout.readline())
            await writer.update("policy", key, {"name": "Two"})
            lines.append(await process.stdout.readline())
            await writer.delete("policy", key)
            lines.append(await process.stdout.readline())
    finally:
        process.kill()
        await process.communicate()
    assert {line.partition(b" (")[0] for line in lines[:2]} == {
        b"Policy added: Broad Crawl",
        b"Policy added: Deep Crawl",
    }
    assert [line.decode() for line in lines[2:]] == [
        f"Policy added: One ({key})\n",
        f"Policy updated: Two ({key})\n",
        f"Policy deleted: Two ({key})\n",
    ]
