"""A client that reads slowly, or not at all: it harms no other, and loses nothing."""

from __future__ import annotations

import asyncio
import json
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosedError
from websockets.typing import Subprotocol

from graphql_api.rethink.url import DatabaseURL
from tests.fault.clock import LoopClock
from tests.server.client import WAIT_S, Client, connected
from tests.server.database import Writer, writing
from tests.server.operations import POLICIES, Replica
from tests.server.running import Running, running, settings_for

DOCUMENTS = 50
FEWER = 20
"""Documents that are written again and again: a subscriber's queue and the buffers hold fewer."""
SEND_TIMEOUT_S = 60.0
LAST = "zzz"
"""Comes after all others, also in a merged batch, whose changes are in the order of the keys."""
SLIM = """
    subscription {
      policyChanges {
        ... on PolicyAdded { policy { id name } }
        ... on PolicyUpdated { policy { id name } }
        ... on FeedState { status }
      }
    }
"""


@pytest.fixture(autouse=True)
def _leaves_nothing() -> None:
    """Nothing is counted here, and the loop is not in debug mode: this is about load."""


@pytest.fixture
async def writer(starbelly: DatabaseURL) -> AsyncIterator[Writer]:
    async with writing(starbelly) as writer:
        yield writer


def big(n: int, version: int) -> dict[str, Any]:
    """A policy of 8 KB."""
    agents = [{"name": f"{version} {'x' * 70}"} for _ in range(100)]
    return {"id": f"p{n:02}", "name": f"{version}", "user_agents": agents}


async def write_versions(writer: Writer, versions: range, documents: int = DOCUMENTS) -> None:
    """Write every document once for each version."""
    for version in versions:
        await writer.insert("policy", *(big(n, version) for n in range(documents)))


class HesitantClient:
    """A client with a tiny receive buffer, which reads a message only when it is asked to."""

    def __init__(self, socket_: ClientConnection) -> None:
        self.socket = socket_

    @classmethod
    @asynccontextmanager
    async def connected(cls, server: Running) -> AsyncIterator[HesitantClient]:
        sock = socket.socket()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sock.setblocking(False)
        await asyncio.get_running_loop().sock_connect(sock, (server.host, server.port))
        async with connect(
            server.ws,
            sock=sock,
            proxy=None,
            subprotocols=[Subprotocol("graphql-transport-ws")],
            max_queue=1,
            max_size=None,
            ping_interval=None,
            close_timeout=0.1,
            compression=None,  # or much more would fit into the buffers
        ) as socket_:
            client = cls(socket_)
            await client.send({"type": "connection_init"})
            assert (await client.receive())["type"] == "connection_ack"
            yield client

    async def send(self, message: dict[str, Any]) -> None:
        await self.socket.send(json.dumps(message))

    async def receive(self) -> dict[str, Any]:
        async with asyncio.timeout(WAIT_S):
            message: dict[str, Any] = json.loads(await self.socket.recv())
        return message

    async def subscribe(self, **variables: Any) -> None:
        payload = {"query": POLICIES.subscription, "variables": variables}
        await self.send({"type": "subscribe", "id": "1", "payload": payload})

    async def change(self) -> dict[str, Any]:
        message = await self.receive()
        assert message["type"] == "next", message
        (change,) = message["payload"]["data"].values()
        return dict(change)

    async def read_to_the_end(self, replica: Replica) -> ConnectionClosedError:
        """Read what is on its way still; returns how the connection has ended."""
        try:
            while True:
                replica.apply(await self.change())
        except ConnectionClosedError as closed:
            return closed

    async def follow(self, replica: Replica, until: str) -> None:
        """Read until a row is there."""
        while until not in replica.rows:
            replica.apply(await self.change())


async def table(client: Client) -> dict[str, Any]:
    page = (await client.execute(POLICIES.query))["data"]["policies"]
    return {row["id"]: row for row in page["items"]}


async def until_version(client: Client, version: int, documents: int) -> None:
    """Wait until the feed has what was written last, of every document."""
    written = {f"p{n:02}" for n in range(documents)}
    while not written <= {
        key for key, row in (await table(client)).items() if row["name"] == str(version)
    }:
        pass


async def until_no_subscribers(client: Client, clock: LoopClock | None = None) -> None:
    """Wait until all who have watched a table have been cut off.

    The server looks four times in `SEND_TIMEOUT_S`, which passes by the clock, if there is one.
    """
    while True:
        data = (await client.execute("{ feeds { subscribers } }"))["data"]
        if not any(feed["subscribers"] for feed in data["feeds"]):
            return
        if clock is not None:
            clock.forward(SEND_TIMEOUT_S / 4)


async def test_one_that_stops_reading_is_aborted_resumes_and_converges(
    starbelly: DatabaseURL, writer: Writer, clock: LoopClock
) -> None:
    settings = settings_for(starbelly, send_timeout_s=SEND_TIMEOUT_S, send_buffer_bytes=4096)
    async with running(settings) as server, connected(server.ws) as observer:
        replica = Replica(POLICIES)
        async with HesitantClient.connected(server) as stalled:
            await stalled.subscribe()
            while replica.status != "READY":
                replica.apply(await stalled.change())
            await write_versions(writer, range(3))
            await until_version(observer, 2, DOCUMENTS)
            await until_no_subscribers(observer, clock)
            closed = await stalled.read_to_the_end(replica)
            assert closed.rcvd is None, "its transport is aborted: it sees 1006"
        assert replica.events < 3 * DOCUMENTS, "it was cut off before it had everything"
        await writer.insert("policy", {"id": LAST})
        async with connected(server.ws) as again:
            operation = await again.subscribe(POLICIES.subscription, since=replica.cursor)
            while LAST not in replica.rows:
                replica.apply(await operation.change())
            assert replica.rows == await table(again)
        assert replica.snapshots == 1


async def test_one_that_reads_slowly_but_steadily_is_never_cut_and_gets_changes_merged(
    starbelly: DatabaseURL, writer: Writer, clock: LoopClock
) -> None:
    settings = settings_for(starbelly, send_timeout_s=SEND_TIMEOUT_S, send_buffer_bytes=4096)
    versions = 10
    async with (
        running(settings) as server,
        connected(server.ws) as observer,
        HesitantClient.connected(server) as slow,
    ):
        await slow.subscribe()
        replica = Replica(POLICIES)
        while replica.status != "READY":
            replica.apply(await slow.change())
        # It reads one message for each twenty that are written: much too slow, and steadily.
        for version in range(versions):
            await write_versions(writer, range(version, version + 1), FEWER)
            await until_version(observer, version, FEWER)
            clock.forward(SEND_TIMEOUT_S / 6)
            replica.apply(await slow.change())
        await writer.insert("policy", {"id": LAST})
        await slow.follow(replica, LAST)
        assert replica.rows == await table(observer)
        assert replica.snapshots == 1
        assert replica.events < versions * FEWER, "changes of one document were merged"


@pytest.mark.parametrize("positions", [(6,), pytest.param((0, 3, 6), marks=pytest.mark.long)])
async def test_a_batch_that_is_cut_resumes_behind_the_cut(
    positions: tuple[int, ...], starbelly: DatabaseURL, writer: Writer
) -> None:
    documents, versions = 8, 14
    settings = settings_for(starbelly, send_timeout_s=3600, send_buffer_bytes=4096)
    async with running(settings) as server, connected(server.ws) as observer:
        await write_versions(writer, range(1), documents)
        await until_version(observer, 0, documents)
        for number, position in enumerate(positions):
            first = 1 + number * versions
            last = first + versions - 1
            replica = Replica(POLICIES)
            async with HesitantClient.connected(server) as client:
                await client.subscribe()
                while replica.status != "READY":
                    replica.apply(await client.change())
                await write_versions(writer, range(first, last + 1), documents)
                await until_version(observer, last, documents)
                # What fits into buffers comes one by one, what follows as a merged batch.
                while replica.rows["p00"]["name"] != str(last):
                    replica.apply(await client.change())
                for _ in range(position):
                    replica.apply(await client.change())
                assert replica.events < documents * versions, "changes were merged"
                client.socket.transport.abort()
            async with connected(server.ws) as again:
                operation = await again.subscribe(POLICIES.subscription, since=replica.cursor)
                for _ in range(documents - 1 - position):
                    replica.apply(await operation.change())
                assert (await operation.change()).get("status") == "READY"
                assert replica.rows == await table(again)
            assert replica.snapshots == 1


@pytest.mark.long
@pytest.mark.timeout(900)
async def test_two_hundred_readers_are_not_delayed_by_one_that_stalls(
    starbelly: DatabaseURL, writer: Writer
) -> None:
    """2 000 changes to 50 documents of 8 KB, without and with a client that stops reading."""
    settings = settings_for(starbelly, send_timeout_s=5, send_buffer_bytes=4096)
    async with running(settings) as server:
        without = await _latencies(server, writer, 0)
        replica = Replica(POLICIES)
        async with HesitantClient.connected(server) as stalled:
            await stalled.subscribe()
            while replica.status != "READY":
                replica.apply(await stalled.change())
            with_one = await _latencies(server, writer, 1000)
            async with connected(server.ws) as observer:
                await until_no_subscribers(observer)
            closed = await stalled.read_to_the_end(replica)
        assert closed.rcvd is None, "its transport was aborted"
        missed = 40 * DOCUMENTS - replica.events
        assert missed > 0
        async with connected(server.ws) as again:
            operation = await again.subscribe(POLICIES.subscription, since=replica.cursor)
            for change in await operation.until_status("READY"):
                replica.apply(change)
            assert replica.rows == await table(again)
    print(  # noqa: T201 - the figures are asked for
        f"\np99 of write to receipt, 200 readers: {_p99(without) * 1000:.1f} ms without, "
        f"{_p99(with_one) * 1000:.1f} ms with a stalled client, "
        f"which was cut off before {missed} of its changes and then caught up"
    )
    assert len(without) == len(with_one) == 200 * 40 * DOCUMENTS


def _p99(values: list[float]) -> float:
    return sorted(values)[len(values) * 99 // 100]


async def _latencies(server: Running, writer: Writer, first: int) -> list[float]:
    """Write every document 40 times; how long each took to each of 200 readers."""
    versions = range(first, first + 40)
    written: dict[tuple[str, str], float] = {}
    latencies: list[float] = []

    async def read(client: Client, is_ready: asyncio.Barrier) -> None:
        operation = await client.subscribe(SLIM)
        await operation.until_status("READY")
        await is_ready.wait()
        seen = 0
        while seen < 40 * DOCUMENTS:
            change = await operation.change()
            policy = change.get("policy")
            if policy is not None and (key := (policy["id"], policy["name"])) in written:
                latencies.append(time.perf_counter() - written[key])
                seen += 1

    is_ready = asyncio.Barrier(201)
    async with asyncio.TaskGroup() as readers:
        for _ in range(10):
            readers.create_task(_reading(server, 20, read, is_ready))
        await is_ready.wait()
        for version in versions:
            for n in range(DOCUMENTS):
                document = big(n, version)
                written[(document["id"], document["name"])] = time.perf_counter()
                await writer.insert("policy", document)
    return latencies


async def _reading(server: Running, count: int, read: Any, is_ready: asyncio.Barrier) -> None:
    async with connected(server.ws) as client, asyncio.TaskGroup() as tasks:
        for _ in range(count):
            tasks.create_task(read(client, is_ready))
