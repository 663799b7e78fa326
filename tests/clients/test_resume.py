"""Stock clients that are cut off go on where they were, by the client package's `resuming`."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest

from graphql_api.rethink.url import DatabaseURL
from tests.clients.load import policy, random_cuts, table, write_and_see, write_load
from tests.clients.program import Program, change_of, program
from tests.clients.tcp_proxy import Cut, TCPProxy
from tests.server.client import Client, connected
from tests.server.database import Writer
from tests.server.operations import POLICIES, Replica
from tests.server.running import Running, running, settings_for

CLIENTS = ["graphql-ws", "apollo", "urql"]
CUTS = 50

pytestmark = [pytest.mark.usefixtures("packages"), pytest.mark.timeout(300)]


class Watching:
    """The subscriptions of a program, and what each holds.

    Attributes:
        replicas: What the subscriptions hold, by their names.
        connections: How many sockets of the client were acknowledged.
        events: How many events it was given.
        snapshots: How many of them were INITIALIZING.
    """

    def __init__(self, program: Program) -> None:
        self._program = program
        self._where: dict[str, dict[str, Any] | None] = {}
        self._ready: set[str] = set()
        self.replicas: dict[str, Replica] = {}
        self.connections = 0
        self.events = 0
        self.snapshots = 0

    def subscribe(self, name: str, where: dict[str, Any] | None) -> None:
        self._where[name] = where
        self.replicas[name] = Replica(POLICIES)
        self._program.subscribe(name, POLICIES.subscription, where=where)

    async def unsubscribe(self, name: str) -> None:
        self._program.unsubscribe(name)
        while name in self.replicas:
            await self.take()

    async def take(self) -> tuple[str, dict[str, Any]] | None:
        """What the program says next, which is checked; an event, if it is one."""
        message = await self._program.next()
        if "connected" in message:
            self.connections = message["connected"]
            return None
        if "unsubscribed" in message:
            del self.replicas[message["unsubscribed"]]
            return None
        name = message["name"]
        event = change_of(message)
        self.events += 1
        match event.get("status"):
            case "INITIALIZING":
                self.snapshots += 1
                assert name not in self._ready, "no snapshot is sent again"
            case "READY":
                self._ready.add(name)
        self.replicas[name].apply(event)
        return name, event

    async def until_ready(self, *names: str) -> None:
        """Until subscriptions have got their snapshots."""
        while not self._ready.issuperset(names):
            await self.take()

    async def until_equal(self, client: Client) -> None:
        """Until every subscription holds what a query gives now."""
        tables = {name: await table(client, where) for name, where in self._where.items()}
        while any(replica.rows != tables[name] for name, replica in self.replicas.items()):
            await self.take()

    async def assert_silent(self, fence: str, writer: Writer) -> None:
        """No row is on its way to any subscription: a new one is the next of each."""
        await writer.insert("policy", policy(fence, "alpha beta"))
        reached: set[str] = set()
        while reached != self.replicas.keys():
            taken = await self.take()
            assert taken is not None, "the connection stands"
            name, event = taken
            if event["__typename"] == "FeedState":
                assert name not in reached, "a status is not behind what came after it"
                continue  # the READY at the end of a replay
            assert event["policy"]["id"] == fence
            assert name not in reached
            reached.add(name)


@pytest.mark.long
@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("name", CLIENTS)
async def test_client_that_is_cut_off_again_and_again_holds_the_table_by_one_snapshot(
    name: str, seed: int, server: Running, client: Client, writer: Writer
) -> None:
    rng = Random(f"{name} {seed}")
    async with (
        TCPProxy(server.host, server.port) as proxy,
        program(name, f"ws://{proxy.host}:{proxy.port}/graphql", resume=True) as stock,
    ):
        watching = Watching(stock)
        watching.subscribe("all", None)
        watching.subscribe("alpha", {"nameContains": "alpha"})
        watching.subscribe("beta", {"nameContains": "beta"})
        async with write_load(writer, rng) as writes:
            await watching.until_ready("all", "alpha", "beta")
            assert watching.snapshots == 3
            proxy.plan(random_cuts(rng, CUTS))
            while proxy.cuts < CUTS // 2:
                await watching.take()
            connections = watching.connections
            while watching.connections == connections:
                await watching.take()

            # The same query with the same variables, mounted again after a reconnect.
            await watching.unsubscribe("beta")
            watching.subscribe("beta again", {"nameContains": "beta"})
            while not proxy.is_done:
                await watching.take()
        assert proxy.cuts == CUTS

        await write_and_see("last", client, writer)
        await watching.until_equal(client)
        assert watching.replicas.keys() == {"all", "alpha", "beta again"}
        await watching.assert_silent("fence", writer)
        assert watching.snapshots > 3, "the one mounted again got its own"
    print(  # noqa: T201 - shown by `pytest -s`
        f"{name}: {len(writes)} writes, {watching.events} events, {proxy.cuts} cuts, "
        f"{watching.connections} connections acknowledged, "
        f"{watching.snapshots} snapshots for 4 subscriptions"
    )


@pytest.mark.parametrize("name", CLIENTS)
async def test_without_resuming_a_reconnect_is_a_snapshot(
    name: str, server: Running, client: Client, writer: Writer
) -> None:
    async with (
        TCPProxy(server.host, server.port) as proxy,
        program(name, f"ws://{proxy.host}:{proxy.port}/graphql") as stock,
    ):
        stock.subscribe("all", POLICIES.subscription)
        replica = Replica(POLICIES)
        while replica.status != "READY":
            replica.apply((await stock.change())[1])
        proxy.plan([Cut(0, reset=True)])
        await write_and_see("not seen", client, writer)
        while "not seen" not in replica.rows:
            replica.apply((await stock.change())[1])
        assert replica.snapshots == 2


@pytest.mark.parametrize("name", CLIENTS)
@pytest.mark.parametrize(("missed", "snapshots"), [(10, 0), (11, 1)])
async def test_snapshot_is_sent_again_once_the_history_does_not_reach_back(
    name: str, missed: int, snapshots: int, starbelly: DatabaseURL, writer: Writer
) -> None:
    async with (
        running(settings_for(starbelly, history_max_changes=10)) as server,
        connected(server.ws) as client,
        TCPProxy(server.host, server.port) as proxy,
        program(name, f"ws://{proxy.host}:{proxy.port}/graphql", resume=True) as stock,
    ):
        stock.subscribe("all", POLICIES.subscription)
        replica = Replica(POLICIES)
        while replica.status != "READY":
            replica.apply((await stock.change())[1])
        proxy.hold()
        proxy.plan([Cut(0, reset=False)])
        for number in range(missed):
            await write_and_see(f"missed {number}", client, writer)
        await proxy.done()
        proxy.release()
        expected = await table(client, None)
        while replica.rows != expected:
            replica.apply((await stock.change())[1])
        assert replica.snapshots == 1 + snapshots
