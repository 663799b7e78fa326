"""What a subscriber sees, over a real socket, while a second program writes."""

from __future__ import annotations

import asyncio
from itertools import count
from typing import Any

import pytest

from graphql_api.rethink.url import DatabaseURL
from tests.server.client import Client, GraphQLErrors, connected
from tests.server.database import Writer, writing
from tests.server.operations import (
    DOMAIN_LOGINS,
    POLICIES,
    SCHEDULES,
    WATCHES,
    Replica,
    Watch,
    until_seen,
)
from tests.server.running import Running

DOCUMENTS: dict[str, dict[str, Any]] = {
    "job": {"id": "j1", "name": "First", "run_state": "running", "policy": {"limits": {}}},
    "policy": {"id": "p1", "name": "First", "limits": {"max_cost": 1.5}},
    "schedule": {"id": "s1", "schedule_name": "First", "enabled": True},
    "domain_login": {"domain": "d1.example", "login_url": "https://d1.example/", "users": []},
    "rate_limit": {"token": b"t1", "name": "First", "delay": 1.5},
    "captcha_solver": {"id": "c1", "name": "First", "api_key": "a", "min_length": 4},
}
PATCHES: dict[str, tuple[dict[str, Any], str]] = {
    "job": ({"item_count": 1}, "itemCount"),
    "policy": ({"name": "Second"}, "name"),
    "schedule": ({"enabled": False}, "enabled"),
    "domain_login": ({"login_test": "Log out"}, "loginTest"),
    "captcha_solver": ({"max_length": 8}, "maxLength"),
    "rate_limit": ({"delay": 2.5}, "delayS"),
}


def test_every_table_is_tried() -> None:
    assert {watch.table for watch in WATCHES} == DOCUMENTS.keys() == PATCHES.keys()


def served(key: str | bytes) -> str:
    return key.hex() if isinstance(key, bytes) else key


@pytest.mark.parametrize("watch", WATCHES, ids=lambda watch: watch.table)
async def test_initial_rows_come_first_and_are_marked_complete(
    watch: Watch, client: Client, writer: Writer
) -> None:
    document = DOCUMENTS[watch.table]
    await writer.insert(watch.table, document)
    await until_seen(client, watch, served(document[watch.primary_key]))
    page = (await client.execute(watch.query))["data"][watch.page_field]
    changes = await (await client.subscribe(watch.subscription)).until_status("READY")
    assert changes[0]["__typename"] == "FeedState"
    assert changes[0]["status"] == "INITIALIZING"
    rows = changes[1:-1]
    assert {(row["__typename"], row["cause"]) for row in rows} == {
        (f"{watch.type_name}Added", "INITIAL")
    }
    assert len(rows) == page["total"]
    assert {row[watch.entity]["id"]: row[watch.entity] for row in rows} == {
        row["id"]: row for row in page["items"]
    }


@pytest.mark.parametrize("watch", WATCHES, ids=lambda watch: watch.table)
async def test_insert_update_and_delete_arrive_with_what_was_before(
    watch: Watch, client: Client, writer: Writer
) -> None:
    operation = await client.subscribe(watch.subscription)
    await operation.until_status("READY")
    document = DOCUMENTS[watch.table]
    key = document[watch.primary_key]

    await writer.insert(watch.table, document)
    added = await operation.change()
    assert added["__typename"] == f"{watch.type_name}Added"
    assert added["cause"] == "CREATED"
    row = added[watch.entity]
    assert row["id"] == served(key)

    patch, changed_field = PATCHES[watch.table]
    await writer.update(watch.table, key, patch)
    updated = await operation.change()
    assert updated["__typename"] == f"{watch.type_name}Updated"
    assert updated["changedFields"] == [changed_field]
    assert updated["previous"] == Replica.version(row)
    assert updated[watch.entity] == {**row, changed_field: next(iter(patch.values()))}

    await writer.delete(watch.table, key)
    deleted = await operation.change()
    assert deleted["__typename"] == f"{watch.type_name}Deleted"
    assert deleted["cause"] == "DELETED"
    assert deleted[watch.deleted_key] == served(key)
    assert deleted["previous"] == Replica.version(updated[watch.entity])


async def test_filter_shows_rows_that_enter_and_leave(client: Client, writer: Writer) -> None:
    operation = await client.subscribe(
        SCHEDULES.subscription, where={"enabled": True, "anyTag": ["a", "b"]}
    )
    await operation.until_status("READY")
    await writer.insert("schedule", {"id": "s1", "enabled": False, "tags": ["a"]})
    await writer.update("schedule", "s1", {"enabled": True})
    entered = await operation.change()
    assert (entered["__typename"], entered["cause"]) == ("ScheduleAdded", "ENTERED_FILTER")
    await writer.update("schedule", "s1", {"tags": ["c"]})
    left = await operation.change()
    assert (left["__typename"], left["cause"]) == ("ScheduleDeleted", "LEFT_FILTER")


async def test_without_initial_rows_the_first_word_is_ready(client: Client, writer: Writer) -> None:
    await client.execute(POLICIES.query)  # the feed is ready after this
    operation = await client.subscribe(POLICIES.subscription, includeInitial=False)
    assert (await operation.change())["status"] == "READY"
    await writer.insert("policy", {"id": "p1"})
    assert (await operation.change())["cause"] == "CREATED"


async def test_password_is_no_part_of_any_event(client: Client, writer: Writer) -> None:
    operation = await client.subscribe(DOMAIN_LOGINS.subscription)
    await operation.until_status("READY")
    users = [{"username": "u", "password": "hunter2", "working": True}]
    await writer.insert("domain_login", {"domain": "d", "login_url": "x", "users": users})
    added = await operation.change()
    assert added["domainLogin"]["users"] == [
        {"username": "u", "hasPassword": True, "working": True}
    ]
    # A password replaced is no event: the next thing to arrive is the fence after it.
    await writer.update("domain_login", "d", {"users": [{**users[0], "password": "other"}]})
    await writer.update("domain_login", "d", {"login_url": "fence"})
    assert (await operation.change())["changedFields"] == ["loginUrl"]


async def test_page_cursor_continues_without_gap_or_repeat(client: Client, writer: Writer) -> None:
    page = (await client.execute(POLICIES.query))["data"]["policies"]
    await writer.insert("policy", {"id": "p1", "name": "made between query and subscription"})
    await writer.delete("policy", page["items"][0]["id"])
    operation = await client.subscribe(POLICIES.subscription, since=page["cursor"])
    replica = Replica(POLICIES, {row["id"]: row for row in page["items"]})
    while replica.status != "READY" or "p1" not in replica.rows or replica.events < 3:
        replica.apply(await operation.change())
    assert replica.snapshots == 0
    assert page["items"][0]["id"] not in replica.rows


async def test_many_operations_share_one_socket_and_many_sockets_one_feed(
    server: Running, client: Client, writer: Writer
) -> None:
    async with connected(server.ws) as other:
        operations = [
            await connection.subscribe(watch.subscription)
            for connection in (client, other)
            for watch in WATCHES
            for _ in range(3)
        ]
        for operation in operations:
            await operation.until_status("READY")
        for table, document in DOCUMENTS.items():
            await writer.insert(table, document)
        for operation in operations:
            assert (await operation.change())["cause"] == "CREATED"


async def test_completing_one_operation_leaves_its_neighbours(
    client: Client, writer: Writer
) -> None:
    one = await client.subscribe(POLICIES.subscription)
    two = await client.subscribe(POLICIES.subscription)
    await one.until_status("READY")
    await two.until_status("READY")
    await one.complete()
    await client.execute(POLICIES.query)  # the server has read `complete` when it answers this
    await writer.insert("policy", {"id": "p1"})
    assert (await two.change())["cause"] == "CREATED"
    assert one.messages.empty()


async def test_altered_cursor_is_an_error_with_its_code(client: Client) -> None:
    operation = await client.subscribe(POLICIES.subscription, since="altered")
    with pytest.raises(GraphQLErrors) as caught:
        await operation.next()
    assert caught.value.errors[0]["extensions"]["code"] == "BAD_CURSOR"


async def test_schedule_shows_the_policy_that_it_names(client: Client, writer: Writer) -> None:
    await writer.insert("policy", {"id": "p1", "name": "Named"})
    await until_seen(client, POLICIES, "p1")
    operation = await client.subscribe(
        "subscription { scheduleChanges { ... on ScheduleAdded { schedule { policy { name } } } } }"
    )
    await writer.insert("schedule", {"id": "s1", "policy_id": "p1"})
    changes = [await operation.change()]
    while not changes[-1]:
        changes.append(await operation.change())
    assert changes[-1]["schedule"]["policy"] == {"name": "Named"}


async def one_round_trip(server: Running) -> None:
    """Something that takes a moment, in which others write."""
    async with connected(server.ws) as client:
        await client.execute("{ feeds { table } }")


async def test_query_then_subscribe_under_load_has_neither_gap_nor_repeat(
    server: Running, starbelly: DatabaseURL, writer: Writer
) -> None:
    """Whenever the page was read, replaying from its cursor keeps to every `previous`."""

    async def write(number: int) -> None:
        async with writing(starbelly) as own:
            for n in range(60):
                await own.insert("policy", {"id": f"p{(number + n) % 7}", "name": f"{number}.{n}"})

    async def query_then_subscribe() -> None:
        async with connected(server.ws) as client:
            page = (await client.execute(POLICIES.query))["data"]["policies"]
            replica = Replica(POLICIES, {row["id"]: row for row in page["items"]})
            operation = await client.subscribe(POLICIES.subscription, since=page["cursor"])
            while "zzz" not in replica.rows:
                replica.apply(await operation.change())
            assert replica.snapshots == 0
            page = (await client.execute(POLICIES.query))["data"]["policies"]
            assert replica.rows == {row["id"]: row for row in page["items"]}

    async with asyncio.TaskGroup() as readers:
        async with asyncio.TaskGroup() as writers:
            for number in range(5):
                writers.create_task(write(number))
            for _ in range(20):
                readers.create_task(query_then_subscribe())
                await writers.create_task(one_round_trip(server))
        await writer.insert("policy", {"id": "zzz"})


async def test_two_policies_under_ten_writers_while_fifty_join_and_leave(
    server: Running, starbelly: DatabaseURL, writer: Writer
) -> None:
    """Every subscriber's replay, whenever it joined, equals the table."""
    await writer.insert("policy", {"id": "a", "name": "0"}, {"id": "b", "name": "0"})
    visitors = 40

    async def write(number: int) -> None:
        async with writing(starbelly) as own:
            for n in range(40):
                await own.update("policy", "ab"[n % 2], {"name": f"{number}.{n}"})

    async def write_for_visitors() -> None:
        """Go on as long as there are any, no faster than the server tells of it."""
        async with connected(server.ws) as client:
            operation = await client.subscribe(POLICIES.subscription, includeInitial=False)
            await operation.until_status("READY")
            for n in count():
                await writer.update("policy", "a", {"name": f"more {n}"})
                await operation.change()
                if not visitors:
                    return

    async def join_and_leave(number: int) -> None:
        nonlocal visitors
        for _ in range(1 + number % 3):
            async with connected(server.ws) as client:
                operation = await client.subscribe(POLICIES.subscription)
                replica = Replica(POLICIES)
                for _ in range(5 + number % 10):
                    replica.apply(await operation.change())
        visitors -= 1

    async def stay(number: int) -> None:
        async with connected(server.ws) as client:
            operation = await client.subscribe(POLICIES.subscription)
            replica = Replica(POLICIES)
            while "fence" not in replica.rows:
                replica.apply(await operation.change())
            page = (await client.execute(POLICIES.query))["data"]["policies"]
            assert replica.rows == {row["id"]: row for row in page["items"]}
            assert replica.snapshots == 1

    async with asyncio.TaskGroup() as stayers:
        for number in range(10):
            stayers.create_task(stay(number))
        async with asyncio.TaskGroup() as tasks:
            for number in range(10):
                tasks.create_task(write(number))
            tasks.create_task(write_for_visitors())
            for number in range(visitors):
                tasks.create_task(join_and_leave(number))
        await writer.insert("policy", {"id": "fence"})
