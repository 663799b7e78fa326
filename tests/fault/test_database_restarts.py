"""The database is killed and started again, many times, under load: no client loses anything."""

from __future__ import annotations

import asyncio
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from graphql_api.rethink.init import initialise
from graphql_api.rethink.url import DatabaseURL
from graphql_api.tables import TABLES
from tests.fault.killable_database import KillableDatabase
from tests.patience import LONGEST_S
from tests.server.client import Client, connected
from tests.server.database import writing
from tests.server.operations import POLICIES, Replica
from tests.server.running import running, settings_for

RESTARTS, WRITERS, SOCKETS, SUBSCRIPTIONS = 20, 200, 20, 5
FENCE = "zzz"
"""Comes after all others, also in a merged batch, whose changes are in the order of the keys."""


@pytest.fixture(autouse=True)
def _leaves_nothing() -> None:
    """Nothing is counted here, and the loop is not in debug mode: this is about load."""


@asynccontextmanager
async def write_load(url: DatabaseURL) -> AsyncIterator[Process]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.fault.write_load", str(url.port), str(WRITERS)),
        stdin=PIPE,
        stdout=PIPE,
        stderr=DEVNULL,  # the driver's complaints of connections that were cut
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def follow(client: Client, replica: Replica) -> None:
    """Follow the policies until the fence."""
    operation = await client.subscribe(POLICIES.subscription)
    while FENCE not in replica.rows:
        async with asyncio.timeout(LONGEST_S):
            message = await operation.messages.get()
        assert message["type"] == "next", message
        (change,) = message["payload"]["data"].values()
        replica.apply(change)


async def watch(url: str) -> list[Replica]:
    """Several subscriptions on one socket; each ends equal to the table."""
    replicas = [Replica(POLICIES) for _ in range(SUBSCRIPTIONS)]
    async with connected(url) as client:
        async with asyncio.TaskGroup() as tasks:
            for replica in replicas:
                tasks.create_task(follow(client, replica))
        page = (await client.execute(POLICIES.query))["data"]["policies"]
        table = {row["id"]: row for row in page["items"]}
        assert all(replica.rows == table for replica in replicas)
    return replicas


async def until_ready(observer: Client) -> None:
    """Wait until every feed follows the database again."""
    async with asyncio.timeout(LONGEST_S):
        while True:
            feeds = (await observer.execute("{ feeds { status } }"))["data"]["feeds"]
            if all(feed["status"] == "READY" for feed in feeds):
                return


@pytest.mark.long
@pytest.mark.timeout(1200)
async def test_a_database_killed_twenty_times_under_load_loses_no_client(tmp_path: Path) -> None:
    async with KillableDatabase(tmp_path / "data.db") as database:
        await initialise(database.url, TABLES)
        replicas, written = await kill_under_load(database)
    assert {replica.snapshots for replica in replicas} == {1}, "differences, not new snapshots"
    outages = [replica.outages for replica in replicas]
    assert min(outages) > 0, "some outages are over before a busy client hears of them"
    print(  # noqa: T201 - the counts are asked for
        f"\n{RESTARTS} kills, {written} acknowledged writes, {len(replicas)} subscribers: all end "
        f"equal to the table, none was disconnected. Outages reported to each: {min(outages)} to "
        f"{max(outages)}; events: {min(r.events for r in replicas)} to "
        f"{max(r.events for r in replicas)}"
    )


async def kill_under_load(database: KillableDatabase) -> tuple[list[Replica], str]:
    """Kill it again and again; returns what the subscribers hold, and how much was written."""
    settings = settings_for(database.url, reconnect_max_s=0.5)
    async with (
        running(settings) as server,
        connected(server.ws) as observer,
        asyncio.TaskGroup() as clients,
    ):
        watching = [clients.create_task(watch(server.ws)) for _ in range(SOCKETS)]
        async with write_load(database.url) as load:
            assert load.stdin is not None
            assert load.stdout is not None
            for _ in range(RESTARTS):
                await until_ready(observer)
                assert await load.stdout.readline()
                await database.kill()
                await database.start()
            load.stdin.close()
            written = (await load.stdout.read()).split()[-1].decode()
        async with writing(database.url) as writer:
            await writer.insert("policy", {"id": FENCE})
    return [replica for watcher in watching for replica in watcher.result()], written
