"""Connections to a database that is slow, gone, or goes: every wait ends, and the error is ours."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import certifi
import pytest
import uvloop

from graphql_api.embedded import EmbeddedServer
from graphql_api.errors import DatabaseRefusedError, DatabaseUnavailableError
from graphql_api.rethink.database_connection import Timeouts
from graphql_api.rethink.driver import r
from graphql_api.rethink.failover import connect
from graphql_api.rethink.url import DatabaseURL
from tests.fault.clock import LIMIT_S, LoopClock, limit_over, some_steps
from tests.fault.proxy import (
    Direction,
    Fault,
    Proxy,
    QueryType,
    is_handshake,
    is_reply,
)
from tests.unit.rethink.leaks import nothing_left_behind, sockets

TIMEOUTS = Timeouts(connect_s=LIMIT_S, query_s=LIMIT_S, close_s=LIMIT_S)

every_fault = pytest.mark.parametrize("fault", list(Fault), ids=lambda fault: fault.name)
every_handshake_message = pytest.mark.parametrize(
    "when",
    [
        is_handshake(Direction.UP, 0),
        is_handshake(Direction.DOWN, 0),
        is_handshake(Direction.DOWN, 1),
        is_handshake(Direction.UP, 1),
        is_handshake(Direction.DOWN, 2),
    ],
    ids=["hello", "version", "challenge", "proof", "signature"],
)


def through(
    proxy: Proxy, database: DatabaseURL, certificate: Path | str | None = None
) -> DatabaseURL:
    ca_certs = None if certificate is None else str(certificate)
    return replace(database, host=proxy.host, port=proxy.port, ca_certs=ca_certs)


@pytest.fixture
def hanging_port() -> Iterator[int]:
    """A port whose SYNs are dropped, as those of a host that is not there: its backlog is full."""
    with socket.socket() as listener, contextlib.ExitStack() as stack:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(4):
            client = stack.enter_context(socket.socket())
            client.setblocking(False)
            client.connect_ex(listener.getsockname())
        yield listener.getsockname()[1]


async def test_refused_connection_is_reported_at_once(reserved_port: int) -> None:
    url = DatabaseURL("127.0.0.1", reserved_port, "starbelly", password="hunter2")
    with pytest.raises(DatabaseUnavailableError) as caught:
        async with connect(url, timeouts=TIMEOUTS):
            pass
    assert str(caught.value).startswith(f"no connection to 127.0.0.1:{reserved_port}: ")
    assert "no server listens there" in str(caught.value)
    assert "hunter2" not in str(caught.value)


async def test_host_that_does_not_exist_is_reported() -> None:
    url = DatabaseURL("no-such-host.invalid", 28015, "starbelly")
    with pytest.raises(DatabaseUnavailableError, match="no connection to no-such"):
        async with connect(url, timeouts=replace(TIMEOUTS, connect_s=5.0)):
            pass


async def enter(url: DatabaseURL) -> None:
    async with connect(url, timeouts=TIMEOUTS):
        pass


async def test_connection_that_is_never_accepted_is_given_up(
    hanging_port: int, clock: LoopClock
) -> None:
    entering = asyncio.ensure_future(enter(DatabaseURL("127.0.0.1", hanging_port, "starbelly")))
    await some_steps()
    clock.forward(LIMIT_S)
    with pytest.raises(DatabaseUnavailableError, match=r"within 3600 s"):
        await entering


@pytest.mark.parametrize("fault", [None, *Fault])
async def test_tls_connection_is_left_in_time(
    fault: Fault | None, database: DatabaseURL, certificate: Path
) -> None:
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(certificate)
    async with Proxy(database.host, database.port, tls=tls) as proxy:
        url = through(proxy, database, certificate)
        async with connect(url, timeouts=TIMEOUTS) as connection:
            assert "rethinkdb" in await connection.run(r.db_list())
            if fault is not None:
                proxy.cut(fault)
        await proxy.drained()


@pytest.mark.parametrize("is_cancelled", [False, True], ids=["left", "left and cancelled"])
async def test_connection_that_cannot_be_closed_is_aborted(
    is_cancelled: bool, database: DatabaseURL, certificate: Path, clock: LoopClock
) -> None:
    """The end of TLS waits for the peer's word, half a minute if it may."""
    timeouts = replace(TIMEOUTS, close_s=20)

    async def enter_and_leave() -> None:
        async with connect(through(proxy, database, certificate), timeouts=timeouts) as connection:
            await connection.run(r.db_list())
            proxy.stop_reading()
            leaving.set_result(sockets())

    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(certificate)
    async with Proxy(database.host, database.port, tls=tls) as proxy:
        leaving: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        task = asyncio.ensure_future(enter_and_leave())
        sockets_before = await leaving
        await some_steps()
        if is_cancelled:
            task.cancel()
        clock.forward(timeouts.close_s / 2)
        await some_steps()
        assert not task.done()
        clock.forward(timeouts.close_s / 2)
        await asyncio.wait({task})
        assert task.cancelled() == is_cancelled
        assert tasks_of_the_driver() == []
        assert sockets() == sockets_before - 1
    if not is_cancelled:
        task.result()


async def test_server_with_another_certificate_is_not_talked_to(
    database: DatabaseURL, certificate: Path
) -> None:
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(certificate)
    async with Proxy(database.host, database.port, tls=tls) as proxy:
        url = through(proxy, database, certifi.where())
        with pytest.raises(DatabaseUnavailableError, match="CERTIFICATE_VERIFY_FAILED"):
            async with connect(url):
                pass
        assert proxy.units == []


async def test_tls_handshake_that_is_never_answered_is_given_up(clock: LoopClock) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        port = listener.getsockname()[1]
        url = DatabaseURL("127.0.0.1", port, "starbelly", ca_certs=certifi.where())
        entering = asyncio.ensure_future(enter(url))
        accepted, _ = await asyncio.get_running_loop().sock_accept(listener)
        with accepted:
            clock.forward(LIMIT_S)
            with pytest.raises(DatabaseUnavailableError, match=r"within 3600 s"):
                await entering


@every_handshake_message
@every_fault
async def test_handshake_that_fails_is_reported_in_time(
    fault: Fault, when: Any, database: DatabaseURL, proxy: Proxy, clock: LoopClock
) -> None:
    fired = proxy.arm(fault, when)
    async with limit_over(clock, fault, fired):
        with pytest.raises(DatabaseUnavailableError, match="no connection to 127"):
            await enter(through(proxy, database))
    assert fired.is_set()
    await proxy.drained()


@every_handshake_message
async def test_connecting_can_be_cancelled_at_each_message(
    when: Any, database: DatabaseURL, proxy: Proxy
) -> None:
    fired = proxy.arm(Fault.BLACK_HOLE, when)
    task = asyncio.ensure_future(enter(through(proxy, database)))
    await fired.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await proxy.drained()


@every_fault
async def test_query_that_is_not_answered_ends_in_time(
    fault: Fault, database: DatabaseURL, proxy: Proxy, clock: LoopClock
) -> None:
    fired = proxy.arm(fault, is_reply(0), pass_bytes=20)
    async with (
        connect(through(proxy, database), timeouts=TIMEOUTS) as connection,
        limit_over(clock, fault, fired),
    ):
        with pytest.raises(DatabaseUnavailableError):
            await connection.run(r.db_list())
        with pytest.raises(DatabaseUnavailableError):
            await connection.run(r.db_list())
    await proxy.drained()


@every_fault
async def test_idle_connection_that_was_lost_is_left_in_time(
    fault: Fault, database: DatabaseURL, proxy: Proxy
) -> None:
    async with connect(through(proxy, database), timeouts=TIMEOUTS) as connection:
        await connection.run(r.db_list())
        proxy.cut(fault)
    await proxy.drained()


@every_fault
async def test_connection_is_left_in_time_while_queries_wait(
    fault: Fault, database: DatabaseURL, proxy: Proxy
) -> None:
    async with connect(through(proxy, database), timeouts=TIMEOUTS) as connection:
        proxy.arm(Fault.BLACK_HOLE, is_reply(0))
        queries = [asyncio.ensure_future(connection.run(r.db_list())) for _ in range(3)]
        await proxy.seen(lambda unit: unit.query is QueryType.START and unit.index == 4)
        if fault is not Fault.BLACK_HOLE:
            proxy.cut(fault)
    results = await asyncio.gather(*queries, return_exceptions=True)
    assert {type(result) for result in results} == {DatabaseUnavailableError}
    await proxy.drained()


async def test_cancelled_query_takes_its_connection_with_it(
    database: DatabaseURL, proxy: Proxy
) -> None:
    """In the driver its late reply would end the connection, at some later moment."""
    async with connect(through(proxy, database), timeouts=TIMEOUTS) as connection:
        fired = proxy.arm(Fault.BLACK_HOLE, is_reply(0))
        query = asyncio.ensure_future(connection.run(r.db_list()))
        sibling = asyncio.ensure_future(connection.run(r.db_list()))
        await fired.wait()
        query.cancel()
        with pytest.raises(asyncio.CancelledError):
            await query
        with pytest.raises(DatabaseUnavailableError):
            await sibling
        with pytest.raises(DatabaseUnavailableError, match="is lost"):
            await connection.run(r.db_list())
    await proxy.drained()


async def test_query_that_is_out_of_time_takes_its_connection_with_it(
    database: DatabaseURL, proxy: Proxy, clock: LoopClock
) -> None:
    fired = proxy.arm(Fault.BLACK_HOLE, is_reply(0))
    async with (
        connect(through(proxy, database), timeouts=TIMEOUTS) as connection,
        limit_over(clock, Fault.BLACK_HOLE, fired),
    ):
        with pytest.raises(DatabaseUnavailableError, match=r"no answer from .* within 3600 s"):
            await connection.run(r.db_list())
        with pytest.raises(DatabaseUnavailableError, match="is lost"):
            await connection.run(r.db_list())
    await proxy.drained()


async def test_connection_that_was_left_is_lost(database: DatabaseURL) -> None:
    async with connect(database) as connection:
        pass
    with pytest.raises(DatabaseUnavailableError, match="is lost"):
        await connection.run(r.db_list())


async def test_leaving_is_finished_although_it_is_cancelled(
    database: DatabaseURL, proxy: Proxy
) -> None:
    async def enter_and_leave() -> None:
        async with connect(through(proxy, database), timeouts=TIMEOUTS):
            entered.set()
            await leave.wait()

    for steps in range(8):
        entered, leave = asyncio.Event(), asyncio.Event()
        task = asyncio.ensure_future(enter_and_leave())
        await entered.wait()
        leave.set()
        for _ in range(steps):
            await asyncio.sleep(0)
        task.cancel()
        task.cancel()
        await asyncio.wait({task})
        assert tasks_of_the_driver() == []
    await proxy.drained()


def tasks_of_the_driver() -> list[str]:
    names = [getattr(task.get_coro(), "__qualname__", "") for task in asyncio.all_tasks()]
    return [name for name in names if name.startswith(("Connection", "DatabaseConnection"))]


async def test_queries_run_side_by_side(database: DatabaseURL) -> None:
    async with connect(database) as connection:
        results = await asyncio.gather(*(connection.run(r.db_list()) for _ in range(50)))
    assert all("rethinkdb" in result for result in results)


async def test_wrong_password_and_unknown_user_are_refused(database: DatabaseURL) -> None:
    for url in (replace(database, password="hunter2"), replace(database, user="hunter")):
        with pytest.raises(DatabaseRefusedError) as caught:
            async with connect(url):
                pass
        assert f"refuses the user {url.user!r}" in str(caught.value)
        assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("password", ["s3cret", "pässwörd", "пароль €"])
async def test_password_of_any_language_is_the_one_that_the_database_has(
    password: str, database: DatabaseURL
) -> None:
    users = r.db("rethinkdb").table("users")
    user = database.database  # a name that is not used otherwise
    async with connect(database) as connection:
        await connection.run(users.insert({"id": user, "password": password}))
        try:
            async with connect(replace(database, user=user, password=password)) as theirs:
                assert "rethinkdb" in await theirs.run(r.db_list())
        finally:
            await connection.run(users.get(user).delete())


async def test_reconnecting_often_leaves_nothing_behind(
    database: DatabaseURL, proxy: Proxy
) -> None:
    url = through(proxy, database)
    async with connect(url):
        pass
    await proxy.drained()
    async with nothing_left_behind():
        for cycle in range(50):
            with contextlib.suppress(DatabaseUnavailableError):
                async with connect(url, timeouts=TIMEOUTS) as connection:
                    query = asyncio.ensure_future(connection.run(r.db_list()))
                    if cycle % 2:
                        proxy.cut(Fault.RESET)
                    await query
        await proxy.drained()


@pytest.mark.parametrize("fault", [None, *Fault])
def test_connections_behave_the_same_on_uvloop(fault: Fault | None) -> None:
    async def main() -> None:
        async with (
            nothing_left_behind(),
            EmbeddedServer(None) as server,
            Proxy(server.host, server.port) as proxy,
        ):
            url = DatabaseURL(proxy.host, proxy.port, "starbelly")
            # Its clock cannot be put forward.
            timeouts = replace(TIMEOUTS, query_s=0.2) if fault is Fault.BLACK_HOLE else TIMEOUTS
            with contextlib.suppress(DatabaseUnavailableError):
                async with connect(url, timeouts=timeouts) as connection:
                    await connection.run(r.db_list())
                    if fault is not None:
                        proxy.cut(fault)
                    await connection.run(r.db_list())
            await proxy.drained()

    uvloop.run(main(), debug=True)
