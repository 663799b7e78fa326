"""Live pages and paced changes of the whole server, over a WebSocket and over an event stream."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.server.client import WAIT_S, Client, Operation
from tests.server.database import Writer
from tests.server.event_source import event_source
from tests.server.operations import WATCHES, Watch
from tests.server.running import Running
from tests.server.test_subscriptions import DOCUMENTS

LIVE_SCHEDULES = """subscription {
    liveSchedules(where: {ids: ["s1"]}, everyMs: 50) {
        items { id scheduleName policy { name } } total status cursor
    } }"""
PACED = """subscription { policyChanges(where: {ids: ["p1"]}, everyMs: 50) {
    ... on FeedState { status }
    ... on PolicyAdded { policy { name } }
    ... on PolicyUpdated { policy { name } previous { name } } } }"""


async def until_page(operation: Operation, field: str, **wanted: Any) -> dict[str, Any]:
    async with asyncio.timeout(WAIT_S):
        while True:
            page: dict[str, Any] = (await operation.next())["data"][field]
            if {name: page[name] for name in wanted} == wanted:
                return page


@pytest.mark.parametrize("watch", WATCHES, ids=lambda watch: watch.table)
async def test_each_table_has_live_pages(watch: Watch, client: Client, writer: Writer) -> None:
    field = f"live{watch.page_field[0].upper()}{watch.page_field[1:]}"
    live = watch.query.replace("query", "subscription", 1).replace(watch.page_field, field, 1)
    live = live.replace("limit: 1000", "limit: 10, everyMs: 50")
    assert field in live
    operation = await client.subscribe(live)
    before = await until_page(operation, field, status="READY")
    await writer.insert(watch.table, DOCUMENTS[watch.table])
    page = await until_page(operation, field, total=before["total"] + 1, status="READY")
    query = watch.query.replace("limit: 1000", "limit: 10")
    assert page == (await client.execute(query))["data"][watch.page_field]


async def test_page_follows_its_rows_and_those_that_they_lead_to(
    client: Client, writer: Writer
) -> None:
    operation = await client.subscribe(LIVE_SCHEDULES)
    await until_page(operation, "liveSchedules", items=[], total=0, status="READY")
    schedule = {"id": "s1", "schedule_name": "nightly", "policy_id": "p1"}
    row = {"id": "s1", "scheduleName": "nightly", "policy": None}
    await writer.insert("schedule", schedule)
    await until_page(operation, "liveSchedules", items=[row], total=1)
    await writer.insert("policy", {"id": "p1", "name": "First"})
    page = await until_page(
        operation, "liveSchedules", items=[{**row, "policy": {"name": "First"}}]
    )
    changes = await client.subscribe(
        'subscription($since: String) { scheduleChanges(where: {ids: ["s1"]}, since: $since) '
        "{ __typename ... on FeedState { status } } }",
        since=page["cursor"],
    )
    first = (await changes.next())["data"]["scheduleChanges"]
    assert first == {"__typename": "FeedState", "status": "READY"}
    await writer.delete("schedule", "s1")
    await until_page(operation, "liveSchedules", items=[], total=0)


async def test_page_comes_over_an_event_stream(server: Running, writer: Writer) -> None:
    async with event_source((server.host, server.port), LIVE_SCHEDULES) as stream:
        first = await stream.next()
        assert first["data"]["liveSchedules"]["items"] == []
        await writer.insert("schedule", {"id": "s1", "schedule_name": "nightly"})
        second = await stream.next()
        assert second["data"]["liveSchedules"]["total"] == 1


async def test_paced_changes_lead_to_the_last_value(client: Client, writer: Writer) -> None:
    operation = await client.subscribe(PACED)
    await writer.insert("policy", {"id": "p1", "name": "0"})
    for number in range(1, 20):
        await writer.update("policy", "p1", {"name": str(number)})
    held = None
    async with asyncio.timeout(WAIT_S):
        while held != "19":
            change = (await operation.next())["data"]["policyChanges"]
            if "policy" in change:
                assert change.get("previous", {"name": held})["name"] == held
                held = change["policy"]["name"]
