"""Shared execution over real feeds: everybody is sent what they would be sent alone."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from graphql_api.execution.broadcaster import Broadcaster
from graphql_api.schema import Context
from graphql_api.scopes import ALL_SCOPES, Scope
from tests.properties import examples
from tests.unit.execution.toy import FakeSink, join, served
from tests.unit.schema import documents
from tests.unit.schema.harness import Server, serve

POLICY_FIELDS = "policy { id name limits { maxItems } urlRules { amount } userAgents { name } }"
CHANGES = f"""
    __typename
    ... on FeedState {{ status cursor }}
    ... on PolicyAdded {{ cause cursor {POLICY_FIELDS} }}
    ... on PolicyUpdated {{ cursor changedFields previous {{ name }} {POLICY_FIELDS} }}
    ... on PolicyDeleted {{ cause cursor policyId previous {{ name }} }}
"""
ARGUMENTS = "$w: PolicyFilter, $i: Boolean! = true, $s: String, $v: Boolean! = false"
QUERIES = [
    f"subscription ({ARGUMENTS}) {{ policyChanges(where: $w, includeInitial: $i, since: $s) "
    f"{{ {selection} }} }}"
    for selection in (
        f"{CHANGES} ... on FeedState @include(if: $v) {{ x: status }}",
        f"{CHANGES} ... on FeedState @skip(if: $v) {{ x: status }}",
    )
]
SCHEDULES = """
    subscription ($i: Boolean! = true) { scheduleChanges(includeInitial: $i) {
        ... on ScheduleAdded { schedule { id policy { name } } }
        ... on ScheduleUpdated { schedule { id scheduleName policy { name } } }
    } }
"""


@dataclass(frozen=True)
class Subscriber:
    """What somebody subscribes to, in such a way that equal ones are equal."""

    query: str
    where: tuple[str, str] | None
    include_initial: bool
    flag: bool
    scopes: frozenset[Scope]

    @property
    def variables(self) -> dict[str, Any]:
        where = dict([self.where]) if self.where else None
        return {"w": where, "i": self.include_initial, "v": self.flag}

    @property
    def group(self) -> tuple[Any, ...]:
        return self.query, self.where, self.flag, self.scopes


SUBSCRIBERS = st.builds(
    Subscriber,
    query=st.sampled_from(QUERIES),
    where=st.sampled_from([None, ("nameContains", "a"), ("nameContains", "b")]),
    include_initial=st.booleans(),
    flag=st.booleans(),
    scopes=st.sampled_from([ALL_SCOPES, frozenset({Scope.READ})]),
)
WRITES = st.lists(
    st.tuples(st.sampled_from("pqr"), st.none() | st.sampled_from(["a", "b", "ab", "ba"])),
    max_size=12,
)


def policy(key: str, name: str) -> dict[str, Any]:
    return {**copy.deepcopy(documents.POLICY), "id": key, "name": name}


class Table:
    """The table behind a fake source, so that changes fit what is there."""

    def __init__(self, server: Server, rows: dict[str, dict[str, Any]]) -> None:
        self._server = server
        self._rows = rows

    def write(self, key: str, name: str | None) -> None:
        old = self._rows.get(key)
        new = None if name is None else policy(key, name)
        if old is None and new is None:
            return
        self._server.source.change("policy", old, new)
        if new is None:
            del self._rows[key]
        else:
            self._rows[key] = new


@asynccontextmanager
async def served_policies() -> AsyncIterator[tuple[Server, Table, Broadcaster]]:
    rows = {key: policy(key, name) for key, name in (("p", "a"), ("q", "b"))}
    async with (
        serve({"policy": list(rows.values()), "schedule": []}) as server,
        Broadcaster() as broadcaster,
    ):
        yield server, Table(server, rows), broadcaster


async def settled(server: Server, broadcaster: Broadcaster) -> None:
    """Wait until all that was written has been served."""
    for queue in server.source._changes.values():
        while not queue.empty():
            await asyncio.sleep(0)
    for _ in range(5):
        await asyncio.sleep(0)
        await served(broadcaster)


async def alone(server: Server, subscriber: Subscriber, results: list[Any]) -> None:
    """What Strawberry itself sends a subscriber."""
    async with server.subscribe(subscriber.query, **subscriber.variables) as stream:
        async for result in stream:
            assert result.errors is None
            results.append(result.data)


@given(st.lists(SUBSCRIBERS, min_size=1, max_size=8), WRITES)
@examples(40)
async def test_everybody_is_sent_what_they_would_be_sent_alone(
    subscribers: list[Subscriber], writes: list[tuple[str, str | None]]
) -> None:
    async with served_policies() as (server, table, broadcaster):
        sinks = [FakeSink() for _ in subscribers]
        expected: list[list[Any]] = [[] for _ in subscribers]
        async with asyncio.TaskGroup() as tasks:
            oracles = [
                tasks.create_task(alone(server, subscriber, results))
                for subscriber, results in zip(subscribers, expected, strict=True)
            ]
            for subscriber, sink in zip(subscribers, sinks, strict=True):
                context = Context(server.context.feeds, server.context.store, 5, subscriber.scopes)
                await join(
                    broadcaster,
                    context,
                    sink,
                    subscriber.query,
                    schema=server.schema,
                    **subscriber.variables,
                )
            await settled(server, broadcaster)
            for key, name in writes:
                table.write(key, name)
                await settled(server, broadcaster)
            assert broadcaster.groups == len({subscriber.group for subscriber in subscribers})
            assert [sink.data for sink in sinks] == expected
            for oracle in oracles:
                oracle.cancel()


async def test_change_is_executed_once_for_each_group() -> None:
    async with served_policies() as (server, table, broadcaster):
        for i in range(3):
            for where in (None, {"nameContains": "a"}, {"nameContains": "nobody"}):
                await join(
                    broadcaster,
                    server.context,
                    FakeSink(),
                    QUERIES[0],
                    schema=server.schema,
                    id_=str(i),
                    w=where,
                    i=False,
                )
        await settled(server, broadcaster)
        before = broadcaster.traffic.executions
        table.write("p", "abc")
        await settled(server, broadcaster)
        assert broadcaster.traffic.executions - before == 2


async def test_snapshot_is_executed_once_for_a_group() -> None:
    async with served_policies() as (server, _, broadcaster):
        sinks = [FakeSink() for _ in range(4)]
        for sink in sinks[:2]:
            await join(broadcaster, server.context, sink, QUERIES[0], schema=server.schema)
        await settled(server, broadcaster)
        before = broadcaster.traffic.executions
        for sink in sinks[2:]:
            await join(broadcaster, server.context, sink, QUERIES[0], schema=server.schema)
        await settled(server, broadcaster)
        statuses = 4  # INITIALIZING and READY of both
        assert broadcaster.traffic.executions - before <= statuses
        added = [[row for row in sink.data if "policy" in str(row)] for sink in sinks]
        assert added[0] == added[1] == added[2] == added[3]


async def test_resumed_stretch_is_executed_once_for_a_group() -> None:
    async with served_policies() as (server, table, broadcaster):
        await join(
            broadcaster, server.context, first := FakeSink(), QUERIES[0], schema=server.schema
        )
        await settled(server, broadcaster)
        (cursor,) = {
            data["policyChanges"]["cursor"]
            for data in first.data
            if data["policyChanges"].get("status") == "READY"
        }
        for i in range(5):
            table.write("p", f"name {i}")
        await settled(server, broadcaster)
        sinks = [FakeSink() for _ in range(3)]
        for sink in sinks:
            await join(
                broadcaster, server.context, sink, QUERIES[0], schema=server.schema, s=cursor
            )
        before = broadcaster.traffic.executions
        await settled(server, broadcaster)
        names = [data["policyChanges"].get("policy", {}).get("name") for data in sinks[0].data]
        assert names == [f"name {i}" for i in range(5)] + [None]
        assert broadcaster.traffic.executions - before <= 5 + 3


# Results that read another feed


async def test_result_that_read_another_feed_holds_while_that_feed_stands() -> None:
    schedule = documents.SCHEDULE | {"policy_id": "p"}
    async with (
        serve({"policy": [policy("p", "old")], "schedule": [schedule]}) as server,
        Broadcaster() as broadcaster,
    ):
        sinks = [FakeSink() for _ in range(4)]

        async def subscribe(sink: FakeSink) -> int:
            before = broadcaster.traffic.executions
            await join(broadcaster, replace(server.context), sink, SCHEDULES, schema=server.schema)
            await settled(server, broadcaster)
            return broadcaster.traffic.executions - before

        statuses = 2
        assert await subscribe(sinks[0]) == 1 + statuses
        assert await subscribe(sinks[1]) == 1 + statuses  # one member remembers nothing
        assert await subscribe(sinks[2]) == 0
        server.source.change("policy", policy("p", "old"), policy("p", "new"))
        await settled(server, broadcaster)
        assert await subscribe(sinks[3]) == 1  # the row, not the statuses
        names = [
            data["scheduleChanges"]["schedule"]["policy"]["name"]
            for sink in sinks
            for data in sink.data
            if data["scheduleChanges"]
        ]
        assert names == ["old", "old", "old", "new"]


JOBS_OF_SCHEDULES = """
    subscription { scheduleChanges {
        ... on ScheduleAdded { schedule { latestJob { itemCount } jobs { id } } }
    } }
"""


async def test_result_with_rows_that_lead_back_is_made_again_once_they_have_changed() -> None:
    job = {**copy.deepcopy(documents.JOB), "schedule_id": "s1", "item_count": 1}
    async with (
        serve({"schedule": [documents.SCHEDULE], "job": [job]}) as server,
        Broadcaster() as broadcaster,
    ):
        sinks = [FakeSink() for _ in range(3)]

        async def subscribe(sink: FakeSink) -> None:
            context = replace(server.context)
            await join(broadcaster, context, sink, JOBS_OF_SCHEDULES, schema=server.schema)
            await settled(server, broadcaster)

        await subscribe(sinks[0])
        await subscribe(sinks[1])
        server.source.change("job", job, {**job, "item_count": 2})
        await settled(server, broadcaster)
        await subscribe(sinks[2])
        counts = [
            data["scheduleChanges"]["schedule"]["latestJob"]["itemCount"]
            for sink in sinks
            for data in sink.data
            if data["scheduleChanges"]
        ]
        assert counts == [1, 1, 2]
