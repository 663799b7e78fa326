"""The database goes away in every way it can, and the operations that were open go on.

The faults happen on the wire between the server and the database, at each stage of a changefeed.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from graphql_api.rethink.url import DatabaseURL
from graphql_api.settings import Settings
from tests.fault.clock import LoopClock, black_holes_noticed
from tests.fault.proxy import (
    Direction,
    Fault,
    Predicate,
    Proxy,
    QueryType,
    is_handshake,
    is_query,
    is_reply,
    is_start_of,
)
from tests.server.client import Client, Operation, connected
from tests.server.database import Writer, writing
from tests.server.operations import POLICIES, Replica
from tests.server.running import running, settings_for

CHANGES = 152
QUICK: dict[str, Any] = {"reconnect_first_s": 0.01, "reconnect_max_s": 0.05, "self_check_s": 0}
QUIET_S = 40.0
LIMITS: dict[str, Any] = {"database_heartbeat_s": QUIET_S, "database_timeout_s": QUIET_S}
"""Limits of the server. For what works they are longer than a busy machine needs; once a black hole
is there, the clock is put forward."""


@pytest.fixture
async def writer(starbelly: DatabaseURL) -> AsyncIterator[Writer]:
    """A second program that writes to the database, past the proxy."""
    async with writing(starbelly) as writer:
        yield writer


def behind(proxy: Proxy, url: DatabaseURL, **settings: Any) -> Settings:
    """Settings of a server that reaches the database through a proxy."""
    return settings_for(replace(url, host=proxy.host, port=proxy.port), **{**QUICK, **settings})


async def apply_until(replica: Replica, operation: Operation, status: str) -> list[dict[str, Any]]:
    """Follow the operation until it says a status; returns the changes before that."""
    changes = await operation.until_status(status)
    for change in changes:
        replica.apply(change)
    return changes[:-1]


async def assert_equals_table(replica: Replica, client: Client) -> None:
    page = (await client.execute(POLICIES.query))["data"]["policies"]
    assert replica.rows == {row["id"]: row for row in page["items"]}


async def write_during_outage(writer: Writer) -> None:
    await writer.delete("policy", "deleted")
    await writer.update("policy", "changed", {"name": "after"})
    await writer.update("policy", "back", {"name": "in the outage"})
    await writer.update("policy", "back", {"name": "before"})
    await writer.insert("policy", {"id": "added", "name": "new"})


def kinds(changes: list[dict[str, Any]]) -> dict[str, str]:
    """What happened to which policy."""
    return {
        change.get("policyId") or change["policy"]["id"]: change["__typename"] for change in changes
    }


@pytest.mark.parametrize("fault", list(Fault), ids=lambda fault: fault.name)
async def test_what_was_written_during_an_outage_arrives_as_the_difference(
    fault: Fault, starbelly: DatabaseURL, writer: Writer, clock: LoopClock
) -> None:
    rows = [{"id": key, "name": "before"} for key in ("kept", "changed", "back", "deleted")]
    await writer.insert("policy", *rows)
    async with (
        Proxy(starbelly.host, starbelly.port) as proxy,
        running(behind(proxy, starbelly, **LIMITS)) as server,
        black_holes_noticed(clock, proxy, QUIET_S),
        connected(server.ws) as client,
    ):
        operation = await client.subscribe(POLICIES.subscription)
        replica = Replica(POLICIES)
        await apply_until(replica, operation, "READY")
        proxy.refuses = True  # until all is written
        proxy.cut(fault)
        await proxy.drained()
        await write_during_outage(writer)
        proxy.arm(fault, is_handshake(Direction.UP, 0))
        proxy.refuses = False
        await apply_until(replica, operation, "STALE")
        difference = await apply_until(replica, operation, "READY")
        assert kinds(difference) == {
            "added": "PolicyAdded",
            "changed": "PolicyUpdated",
            "deleted": "PolicyDeleted",
        }
        assert replica.snapshots == 1
        await assert_equals_table(replica, client)


STAGES: dict[str, Predicate] = {
    "connect": is_handshake(Direction.UP, 0),
    "handshake, first reply": is_handshake(Direction.DOWN, 0),
    "handshake, last reply": is_handshake(Direction.DOWN, 2),
    "START": is_start_of(CHANGES),
    "initial batch": is_reply(0),
    "second batch": is_reply(1),
    "CONTINUE": is_query(QueryType.CONTINUE),
}


FAULTS = [(Fault.CLOSE, 7), (Fault.RESET, 0), (Fault.BLACK_HOLE, 7)]
"""With how many bytes of the message that they cut."""


@pytest.mark.parametrize(
    ("stage", "fault", "pass_bytes"),
    [
        pytest.param(stage, fault, size, marks=[pytest.mark.long] if (n + m) % 3 else [])
        for n, stage in enumerate(STAGES)
        for m, (fault, size) in enumerate(FAULTS)
    ],
)
async def test_a_fault_at_any_stage_delays_the_feed_and_no_more(
    *,
    stage: str,
    fault: Fault,
    pass_bytes: int,
    starbelly: DatabaseURL,
    writer: Writer,
    clock: LoopClock,
) -> None:
    """The feed alone meets each fault with and without `pass_bytes`: `test_rethink_changefeed`."""
    async with Proxy(starbelly.host, starbelly.port) as proxy:
        happened = proxy.arm(fault, STAGES[stage], pass_bytes=pass_bytes)
        async with (
            running(behind(proxy, starbelly, **LIMITS)) as server,
            black_holes_noticed(clock, proxy, QUIET_S),
            connected(server.ws) as client,
        ):
            operation = await client.subscribe(POLICIES.subscription)
            replica = Replica(POLICIES)
            await happened.wait()
            await apply_until(replica, operation, "READY")
            await writer.insert("policy", {"id": "fence"})
            while "fence" not in replica.rows:
                replica.apply(await operation.change())
            await assert_equals_table(replica, client)


async def test_a_table_dropped_and_made_again_is_followed(
    starbelly: DatabaseURL, writer: Writer
) -> None:
    async with (
        running(settings_for(starbelly, **QUICK)) as server,
        connected(server.ws) as client,
    ):
        operation = await client.subscribe(POLICIES.subscription)
        replica = Replica(POLICIES)
        await apply_until(replica, operation, "READY")
        await writer.run(writer.r.db(starbelly.database).table_drop("policy"))
        await apply_until(replica, operation, "STALE")
        await writer.run(writer.r.db(starbelly.database).table_create("policy"))
        await writer.insert("policy", {"id": "new"})
        await apply_until(replica, operation, "READY")
        while replica.rows.keys() != {"new"}:  # it may have been ready before the insert
            replica.apply(await operation.change())
        assert replica.snapshots == 1


async def test_an_overflow_of_the_queue_is_noticed_and_repaired(
    starbelly: DatabaseURL, writer: Writer
) -> None:
    async with (
        Proxy(starbelly.host, starbelly.port) as proxy,
        running(behind(proxy, starbelly, database_queue_size=10)) as server,
        connected(server.ws) as client,
    ):
        operation = await client.subscribe(POLICIES.subscription)
        replica = Replica(POLICIES)
        await apply_until(replica, operation, "READY")
        # Not while it is written: RethinkDB does not get ready when it has dropped changes before.
        proxy.refuses = True
        await writer.insert("policy", *({"id": f"p{n:04}", "name": str(n)} for n in range(2000)))
        await apply_until(replica, operation, "STALE")
        proxy.refuses = False
        while len(replica.rows) < 2002 or replica.status != "READY":
            replica.apply(await operation.change())
        assert replica.snapshots == 1


async def test_queries_while_stale_say_so_and_joiners_too(
    starbelly: DatabaseURL, writer: Writer
) -> None:
    async with (
        Proxy(starbelly.host, starbelly.port) as proxy,
        running(behind(proxy, starbelly)) as server,
        connected(server.ws) as client,
    ):
        operation = await client.subscribe(POLICIES.subscription)
        await operation.until_status("READY")
        proxy.refuses = True
        proxy.cut(Fault.RESET)
        await operation.until_status("STALE")
        page = (await client.execute(POLICIES.query))["data"]["policies"]
        assert page["status"] == "STALE"
        assert page["total"] == 2
        joined = await client.subscribe(POLICIES.subscription)
        changes = await joined.until_status("STALE")
        assert [change.get("cause") for change in changes] == [None, "INITIAL", "INITIAL", None]
        resumed = await client.subscribe(POLICIES.subscription, since=page["cursor"])
        assert (await resumed.change())["status"] == "STALE"
