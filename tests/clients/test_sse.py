"""Stock clients of event streams: graphql-sse's, and urql's own."""

from __future__ import annotations

from random import Random

import pytest

from graphql_api.rethink.url import DatabaseURL
from tests.clients.load import random_cuts, table, write_and_see, write_load
from tests.clients.program import program
from tests.clients.tcp_proxy import TCPProxy
from tests.clients.test_resume import Watching
from tests.server.client import Client
from tests.server.database import Writer
from tests.server.operations import POLICIES, WATCHES, Replica
from tests.server.running import Running, running, settings_for

pytestmark = [pytest.mark.usefixtures("packages", "http_packages"), pytest.mark.timeout(300)]

CUTS = 30


@pytest.mark.parametrize("name", ["../http/graphql-sse", "../http/urql-sse"])
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


@pytest.mark.parametrize("name", ["../http/graphql-sse", "../http/urql-sse"])
async def test_mistake_in_a_subscription_reaches_the_application(
    name: str, server: Running
) -> None:
    async with program(name, f"{server.http}/graphql") as stock:
        stock.subscribe("wrong", "subscription { nothing }")
        message = await stock.next()
        while "errors" not in message:
            message = await stock.next()
        assert "GRAPHQL_VALIDATION_FAILED" in str(message["errors"])


async def test_comments_that_keep_a_stream_alive_disturb_no_client(
    starbelly: DatabaseURL, writer: Writer
) -> None:
    async with running(settings_for(starbelly, sse_keep_alive_s=0.005)) as server:
        for name in ("../http/graphql-sse", "../http/urql-sse"):
            async with program(name, f"{server.http}/graphql") as stock:
                stock.subscribe("all", POLICIES.subscription)
                replica = Replica(POLICIES)
                while replica.status != "READY":
                    replica.apply((await stock.change())[1])
                for number in range(20):
                    await writer.insert("policy", {"id": "a", "name": f"{name} {number}"})
                    replica.apply((await stock.change())[1])


@pytest.mark.long
async def test_graphql_sse_client_that_is_cut_off_again_and_again_needs_one_snapshot(
    server: Running, client: Client, writer: Writer
) -> None:
    rng = Random("graphql-sse")
    async with (
        TCPProxy(server.host, server.port) as proxy,
        program(
            "../http/graphql-sse", f"http://{proxy.host}:{proxy.port}/graphql", resume=True
        ) as stock,
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
