"""Whatever ends, and however, frees everything at once."""

from __future__ import annotations

import asyncio
import gc
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import replace

import pytest

from graphql_api.rethink.url import DatabaseURL
from tests.fault.proxy import Proxy
from tests.server.client import WAIT_S, Client, connected
from tests.server.operations import POLICIES, WATCHES
from tests.server.running import Running, running, settings_for
from tests.unit.rethink.leaks import sockets

CHANGES = 152
FEEDS = "{ feeds { table status subscribers } }"


async def subscribers(client: Client) -> dict[str, int]:
    """How many subscriptions each table has."""
    feeds = (await client.execute(FEEDS))["data"]["feeds"]
    return {feed["table"]: feed["subscribers"] for feed in feeds}


async def until_no_subscribers(client: Client) -> None:
    """Wait until the server has noticed that everybody left."""
    async with asyncio.timeout(WAIT_S):
        while any((await subscribers(client)).values()):
            pass  # each question is a round trip to the server, in which it can notice


@pytest.fixture
async def observer(server: Running) -> AsyncIterator[Client]:
    """Somebody who only looks on."""
    async with connected(server.ws) as client:
        yield client


async def test_complete_frees_the_registration_at_once(observer: Client, client: Client) -> None:
    for watch in WATCHES:
        operation = await client.subscribe(watch.subscription)
        await operation.until_status("READY")
        assert (await subscribers(observer))[watch.table] == 1
        await operation.complete()
    await until_no_subscribers(observer)


async def test_closed_socket_frees_its_registrations(server: Running, observer: Client) -> None:
    async with connected(server.ws) as client:
        for watch in WATCHES:
            for _ in range(5):
                await (await client.subscribe(watch.subscription)).until_status("READY")
        assert await subscribers(observer) == {watch.table: 5 for watch in WATCHES}
    await until_no_subscribers(observer)


async def test_aborted_socket_frees_its_registrations(server: Running, observer: Client) -> None:
    async with connected(server.ws) as client:
        await (await client.subscribe(POLICIES.subscription)).until_status("READY")
        client.socket.transport.abort()
        await until_no_subscribers(observer)


async def test_id_can_be_used_again_after_complete(client: Client) -> None:
    for _ in range(20):
        operation = await client.subscribe(POLICIES.subscription, operation_id="the id")
        await operation.until_status("READY")
        await operation.complete()
        await client.execute(FEEDS)
        while not operation.messages.empty():
            operation.messages.get_nowait()


def held(*kinds: str) -> Counter[str]:
    """How many tasks, sockets, and objects of these and other kinds there are.

    Args:
        kinds: Names of classes, besides those of what a subscription consists of.
    """
    gc.collect()
    names = {"Subscriber", "Subscription", "View", "Member", *kinds}
    found = Counter(type(thing).__name__ for thing in gc.get_objects())
    # Not by `+`, which forgets those of which there are none, and so what to look for later.
    objects = Counter({name: found[name] for name in names})
    objects.update(tasks=len(asyncio.all_tasks()), sockets=sockets())
    return objects


async def until_no_more_is_held_than(before: Counter[str]) -> None:
    """Wait until what the server and the database still have to do for those who left is done."""
    with suppress(TimeoutError):
        async with asyncio.timeout(WAIT_S):
            while held(*before) - before:
                await asyncio.sleep(0)
    assert held(*before) - before == Counter()


@pytest.mark.parametrize("cycles", [5, pytest.param(50, marks=pytest.mark.long)])
async def test_cycles_of_connecting_and_cutting_leave_nothing(
    cycles: int, server: Running, observer: Client
) -> None:
    async def cycle() -> None:
        async with connected(server.ws) as client:
            for watch in WATCHES:
                await (await client.subscribe(watch.subscription)).until_status("READY")
            client.socket.transport.abort()
        await until_no_subscribers(observer)

    await cycle()
    before = held()
    for _ in range(cycles):
        await cycle()
    await until_no_more_is_held_than(before)


async def test_shutdown_leaves_no_task_and_no_socket(starbelly: DatabaseURL) -> None:
    tasks, open_sockets = asyncio.all_tasks(), sockets()
    async with running(settings_for(starbelly)) as server, connected(server.ws) as client:
        for watch in WATCHES:
            await (await client.subscribe(watch.subscription)).until_status("READY")
    assert asyncio.all_tasks() == tasks
    async with asyncio.timeout(WAIT_S):
        while sockets() > open_sockets:  # the database runs in this process too
            await asyncio.sleep(0)


@pytest.mark.parametrize("sockets", [10, pytest.param(50, marks=pytest.mark.long)])
async def test_subscribers_share_one_changefeed_for_each_table(
    sockets: int, starbelly: DatabaseURL
) -> None:
    """Counted on the wire: START frames whose term is `changes`, and who ended."""
    async with Proxy(starbelly.host, starbelly.port) as proxy:
        behind = replace(starbelly, host=proxy.host, port=proxy.port)
        async with running(settings_for(behind)) as server, connected(server.ws) as observer:
            everyone_is_there = asyncio.Barrier(sockets)
            async with asyncio.TaskGroup() as tasks:
                for number in range(sockets):
                    tasks.create_task(_twenty_subscriptions(server, number, everyone_is_there))
            await until_no_subscribers(observer)
            assert proxy.starts(CHANGES) == len(WATCHES)
            assert proxy.open_links == len(WATCHES)
            feeds = (await observer.execute(FEEDS))["data"]["feeds"]
            assert {feed["status"] for feed in feeds} == {"READY"}


async def _twenty_subscriptions(
    server: Running, number: int, everyone_is_there: asyncio.Barrier
) -> None:
    async with connected(server.ws) as client:
        for n in range(20):
            operation = await client.subscribe(WATCHES[(number + n) % len(WATCHES)].subscription)
            await operation.until_status("READY")
        await everyone_is_there.wait()
