"""Two servers on one database: a client resumes at the one that it comes from, and at the other."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from random import Random
from urllib.parse import urlsplit

import pytest

from graphql_api.rethink.init import initialise
from graphql_api.rethink.url import DatabaseURL
from graphql_api.tables import TABLES
from tests.clients.load import policy, table, write_load
from tests.clients.program import Program, program
from tests.clients.tcp_proxy import TCPProxy
from tests.server.client import Client, connected
from tests.server.database import Writer, writing
from tests.server.operations import POLICIES, Replica
from tests.server.process import process

pytestmark = pytest.mark.long


class Switch(TCPProxy):
    """A proxy that leads every client to one server at a time, as its owner says."""

    def switch_to(self, server: str) -> None:
        """Cut off all clients, and lead those that come to the server with this URL."""
        url = urlsplit(server)
        assert url.hostname is not None
        assert url.port is not None
        self.lead_to(url.hostname, url.port)
        for link in self._links:
            link.client.transport.abort()

    @property
    def ws(self) -> str:
        return f"ws://{self.host}:{self.port}/graphql"


@dataclass(frozen=True)
class Both:
    """Two servers, a client of each, a writer to their database, and what leads to one of them."""

    urls: list[str]
    clients: list[Client]
    writer: Writer
    switch: Switch


@pytest.fixture
async def both() -> AsyncIterator[Both]:
    async with AsyncExitStack() as stack:
        embedded = ("embedded", "--port", "0", "--data", ":memory:", "--no-password")
        database = await stack.enter_async_context(process(*embedded, says="is at "))
        await initialise(DatabaseURL.parse(database), TABLES)
        serve = ("serve", "--port", "0", "--no-graphiql", "--database", database)
        urls = [
            await stack.enter_async_context(process(*serve, says="/graphql and ")) for _ in range(2)
        ]
        clients = [await stack.enter_async_context(connected(url)) for url in urls]
        writer = await stack.enter_async_context(writing(DatabaseURL.parse(database)))
        switch = await stack.enter_async_context(Switch("", 0))
        switch.switch_to(urls[0])
        yield Both(urls, clients, writer, switch)


async def write_and_see_at_both(both: Both, key: str) -> None:
    """Insert a row, and wait until both servers have it, and so all that was written before."""
    where = {"ids": [key]}
    operations = [await c.subscribe(POLICIES.subscription, where=where) for c in both.clients]
    for operation in operations:
        await operation.until_status("READY")
    await both.writer.insert("policy", policy(key, "of both"))
    for operation in operations:
        await operation.change()
        await operation.complete()


async def test_client_resumes_at_its_server_and_at_another(both: Both) -> None:
    replica = Replica(POLICIES)
    for visit, at in enumerate([0, 0, 1, 1, 1, 0, 1, 0, 0]):
        both.switch.switch_to(both.urls[at])
        snapshots, events = replica.snapshots, replica.events
        since = {"since": {"all": replica.cursor}} if replica.cursor else None
        async with connected(both.switch.ws, since) as client:
            operation = await client.subscribe(POLICIES.subscription, operation_id="all")
            for change in await operation.until_status("READY"):
                replica.apply(change)
            assert replica.rows == await table(client, None)
            if visit:
                assert replica.snapshots == snapshots == 1, "the other knows its content, too"
                assert replica.events == events + 3, "what it missed, and READY"
            await write_and_see_at_both(both, f"seen {visit}")
            while f"seen {visit}" not in replica.rows:
                replica.apply(await operation.change())
        # While the client is away.
        await both.writer.delete("policy", f"seen {visit}")
        await write_and_see_at_both(both, f"missed {visit}")


async def until_ready(stock: Program, replica: Replica) -> None:
    """Follow a subscription of a stock client until it holds the table again."""
    replica.status = None
    while replica.status != "READY":
        replica.apply((await stock.change())[1])


@pytest.mark.usefixtures("packages")
async def test_stock_client_led_to_and_fro_under_writes_holds_the_table(both: Both) -> None:
    replica = Replica(POLICIES)
    async with program("graphql-ws", both.switch.ws, resume=True) as stock:
        stock.subscribe("all", POLICIES.subscription)
        await until_ready(stock, replica)
        switches = [0, 1, 1, 0, 0, 0, 1, 0]
        async with write_load(both.writer, Random(1)) as writes:
            for to in switches:
                written = len(writes)
                while len(writes) < written + 10:
                    replica.apply((await stock.change())[1])
                both.switch.switch_to(both.urls[to])
                await until_ready(stock, replica)
        await write_and_see_at_both(both, "last")
        tables = [await table(client, None) for client in both.clients]
        assert tables[0] == tables[1]
        while replica.rows != tables[0]:
            replica.apply((await stock.change())[1])
        # A server that is behind the other may not know a cursor yet; `make rolling` counts these.
        assert replica.snapshots <= 1 + len(switches) // 2
