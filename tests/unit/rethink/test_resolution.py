from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import Any

import pytest

from graphql_api.rethink.resolution import HEAD_START_S, resolved
from graphql_api.rethink.url import DatabaseURL
from tests.fault.clock import LoopClock, some_steps

NAMES = {"one": ["10.0.0.1"], "two": ["10.0.0.2", "10.0.0.3", "10.0.0.2"], "same": ["10.0.0.1"]}


@pytest.fixture
async def names(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Names that are looked up here; gives what makes the lookup of one hang."""
    hanging: set[str] = set()

    async def getaddrinfo(host: str, port: int, **_: Any) -> Any:
        if host in hanging:
            await asyncio.Event().wait()
        if host not in NAMES:
            raise socket.gaierror(-2, "Name or service not known")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (ip, port)) for ip in NAMES[host]]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", getaddrinfo)
    return hanging.add


async def test_name_with_several_addresses_is_several_nodes(names: object) -> None:
    url = DatabaseURL.parse("rethinkdb://app@two,[::1]:7,one:5/d")
    nodes, failures = await resolved(url, 10.0)
    assert failures == []
    assert [(node.ip, node.address, node.user) for node in nodes] == [
        ("10.0.0.2", "two:28015 (10.0.0.2)", "app"),
        ("10.0.0.3", "two:28015 (10.0.0.3)", "app"),
        ("::1", "[::1]:7", "app"),
        ("10.0.0.1", "one:5", "app"),
    ]


async def test_address_that_two_names_have_is_one_node(names: object) -> None:
    nodes, _ = await resolved(DatabaseURL.parse("rethinkdb://one,same/d"), 10.0)
    assert [node.host for node in nodes] == ["one"]


async def test_name_that_does_not_exist_fails_and_leaves_the_others(
    names: object,
) -> None:
    nodes, failures = await resolved(DatabaseURL.parse("rethinkdb://none,one/d"), 10.0)
    assert [node.host for node in nodes] == ["one"]
    ((node, error),) = failures
    assert node.host == "none"
    assert "no connection to none:28015: [Errno -2] Name or service not known" in str(error)


async def test_lookup_that_hangs_delays_the_others_by_a_second_only(
    names: Callable[[str], None], clock: LoopClock
) -> None:
    names("two")
    resolving = asyncio.ensure_future(resolved(DatabaseURL.parse("rethinkdb://two,one/d"), 3600.0))
    await some_steps()
    clock.forward(HEAD_START_S)
    nodes, ((node, error),) = await resolving
    assert [node.host for node in nodes] == ["one"]
    assert node.host == "two"
    assert "its name is not resolved in time" in str(error)


async def test_only_name_has_the_whole_time(names: Callable[[str], None]) -> None:
    clock = LoopClock(asyncio.get_running_loop(), stands_still=True)
    names("two")
    resolving = asyncio.ensure_future(resolved(DatabaseURL.parse("rethinkdb://two/d"), 3600.0))
    await some_steps()
    clock.forward(3599.0)
    await some_steps()
    assert not resolving.done()
    clock.forward(1.0)
    nodes, failures = await resolving
    assert nodes == []
    assert "not resolved in time" in str(failures[0][1])
