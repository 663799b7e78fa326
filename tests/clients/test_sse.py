"""Stock clients of subscriptions over HTTP: graphql-sse's, urql's own, and Apollo's HttpLink."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest

from graphql_api.rethink.url import DatabaseURL
from tests.clients.load import (
    policy,
    random_cuts,
    table,
    write_and_see,
    write_load,
)
from tests.clients.program import program
from tests.clients.tcp_proxy import Cut, TCPProxy
from tests.clients.test_resume import Watching
from tests.server.client import Client
from tests.server.database import Writer
from tests.server.operations import POLICIES, WATCHES, Replica
from tests.server.running import Running, running, settings_for

pytestmark = [pytest.mark.usefixtures("packages", "http_packages"), pytest.mark.timeout(300)]

CLIENTS = ["../http/graphql-sse", "../http/urql-sse", "../http/apollo-multipart"]
CUTS = 30


@pytest.mark.parametrize("name", CLIENTS)
async def test_stock_client_follows_the_table(
    name: str, server: Running, client: Client, writer: Writer
) -> None:
    async with program(name, f"{server.http}/graphql") as stock:
        watching = Watching(stock)
        watching.subscribe("all", None)
        await watching.until_ready("all")
        for number in range(5):
            await write_and_see(f"new {number}", client, writer)
        await writer.delete("policy", "new 0")
        await writer.insert("policy", {"id": "last"})
        while "last" not in watching.replicas["all"].rows:
            await watching.take()
        assert watching.replicas["all"].rows == await table(client, None)


@pytest.mark.parametrize("name", CLIENTS)
async def test_mistake_in_a_subscription_reaches_the_application(
    name: str, server: Running
) -> None:
    async with program(name, f"{server.http}/graphql") as stock:
        stock.subscribe("wrong", "subscription { nothing }")
        message = await stock.next()
        while "errors" not in message:
            message = await stock.next()
        assert "GRAPHQL_VALIDATION_FAILED" in str(message["errors"])


async def test_what_keeps_a_stream_alive_disturbs_no_client(
    starbelly: DatabaseURL, writer: Writer
) -> None:
    async with running(settings_for(starbelly, sse_keep_alive_s=0.005)) as server:
        for name in CLIENTS:
            async with program(name, f"{server.http}/graphql") as stock:
                stock.subscribe("all", POLICIES.subscription)
                replica = Replica(POLICIES)
                while replica.status != "READY":
                    replica.apply((await stock.change())[1])
                for number in range(20):
                    await writer.insert("policy", {"id": "a", "name": f"{name} {number}"})
                    replica.apply((await stock.change())[1])


@pytest.mark.long
@pytest.mark.parametrize("name", ["../http/graphql-sse", "../http/apollo-multipart"])
async def test_client_that_is_cut_off_again_and_again_needs_one_snapshot(
    name: str, server: Running, client: Client, writer: Writer
) -> None:
    rng = Random(name)
    async with (
        TCPProxy(server.host, server.port) as proxy,
        program(name, f"http://{proxy.host}:{proxy.port}/graphql", resume=True) as stock,
    ):
        watching = Watching(stock)
        watching.subscribe("all", None)
        watching.subscribe("alpha", {"nameContains": "alpha"})
        async with write_load(writer, rng):
            await watching.until_ready("all", "alpha")
            proxy.plan(random_cuts(rng, CUTS))
            while proxy.cuts < CUTS:
                await watching.take()
        await write_and_see("last", client, writer)
        await watching.until_equal(client)
        await watching.assert_silent("fence", writer)
        assert watching.snapshots == 2, "one for each subscription"


async def test_result_of_a_query_comes_once_and_completes(server: Running) -> None:
    async with program("../http/graphql-sse", f"{server.http}/graphql") as stock:
        stock.subscribe("query", "{ feeds { table } }")
        tables = [{"table": watch.table} for watch in WATCHES]
        messages = [await stock.next() for _ in range(3)]
        assert sorted(messages, key=str) == [
            {"connected": 1},
            {"name": "query", "completed": True},
            {"name": "query", "data": {"feeds": tables}},
        ]


async def test_apollo_comes_again_by_its_retry_link_and_reads_a_snapshot(
    server: Running, client: Client, writer: Writer
) -> None:
    rng = Random("RetryLink")
    async with (
        TCPProxy(server.host, server.port) as proxy,
        program("../http/apollo-multipart", f"http://{proxy.host}:{proxy.port}/graphql") as stock,
    ):
        stock.subscribe("all", POLICIES.subscription)
        replica = Replica(POLICIES)
        async with write_load(writer, rng):
            proxy.plan(random_cuts(rng, 5))
            while proxy.cuts < 5:
                replica.apply((await stock.change())[1])
        await write_and_see("last", client, writer)
        expected = await table(client, None)
        while replica.rows != expected or replica.status != "READY":
            replica.apply((await stock.change())[1])
        assert replica.snapshots > 1


@pytest.mark.parametrize("resume", [False, True])
async def test_apollo_goes_from_a_server_that_shuts_down_to_the_next_one(
    resume: bool, starbelly: DatabaseURL, writer: Writer, reserved_port: int
) -> None:
    url = f"http://127.0.0.1:{reserved_port}/graphql"
    replica = Replica(POLICIES)
    async with program("../http/apollo-multipart", url, resume=resume) as stock:
        async with running(settings_for(starbelly), reserved_port):
            stock.subscribe("all", POLICIES.subscription)
            while replica.status != "READY":
                replica.apply((await stock.change())[1])
        await writer.insert("policy", policy("between", "two servers"))
        async with running(settings_for(starbelly), reserved_port):
            while "between" not in replica.rows or replica.status != "READY":
                replica.apply((await stock.change())[1])
    assert replica.snapshots == 2


async def test_graphql_sse_client_follows_several_tables_by_one_stream(
    server: Running, client: Client, writer: Writer
) -> None:
    async with (
        TCPProxy(server.host, server.port) as proxy,
        program("../http/graphql-sse-single", f"http://{proxy.host}:{proxy.port}/graphql") as stock,
    ):
        replicas = {"all": Replica(POLICIES), "alpha": Replica(POLICIES)}
        stock.subscribe("all", POLICIES.subscription)
        stock.subscribe("alpha", POLICIES.subscription, where={"nameContains": "alpha"})

        async def until(name: str, **expected: Any) -> None:
            while replicas[name].status != "READY" or replicas[name].rows != expected["rows"]:
                said, change = await stock.change()
                replicas[said].apply(change)

        for cuts in (0, 1, 2):
            await write_and_see(f"alpha {cuts}", client, writer)
            await until("all", rows=await table(client, None))
            await until("alpha", rows=await table(client, {"nameContains": "alpha"}))
            proxy.plan([Cut(0, reset=bool(cuts % 2))] * proxy.open)
        stock.unsubscribe("alpha")
