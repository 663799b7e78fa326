"""A database of several nodes: one is lost in any way, and the next one is used at once."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import socket
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from graphql_api.embedded import EmbeddedServer
from graphql_api.errors import (
    DatabaseRefusedError,
    DatabaseUnavailableError,
    OutcomeUnknownError,
    TableMissingError,
)
from graphql_api.feeds.events import FeedStatus
from graphql_api.feeds.feed import Feed
from graphql_api.feeds.feed_settings import FeedSettings
from graphql_api.rethink import pool
from graphql_api.rethink.changefeed import RethinkSource
from graphql_api.rethink.driver import r
from graphql_api.rethink.failover import connect
from graphql_api.rethink.init import initialise
from graphql_api.rethink.nodes import Nodes
from graphql_api.rethink.resolution import HEAD_START_S
from graphql_api.rethink.store import RethinkStore
from graphql_api.rethink.url import DatabaseURL
from graphql_api.tables import TABLES
from graphql_api.tables.policy import POLICIES
from tests.fault.clock import LIMIT_S, LoopClock, some_steps, websockets_unasked
from tests.fault.proxy import CHANGES, Direction, Fault, Proxy, QueryType, is_query
from tests.fault.test_rethink_changefeed import SETTINGS
from tests.fixtures import make_certificate
from tests.server import operations
from tests.server.client import WAIT_S, connected
from tests.server.running import running, settings_for, until_ready
from tests.unit.rethink.scripted_server import ScriptedServer

ON_THE_OTHER_WITHIN_S = 3.0
TIMEOUTS = SETTINGS.timeouts

UNSERVED = [
    'Cannot perform read: primary replica for shard ["", +inf) not available',
    (
        "Cannot perform read: The primary replica isn't connected to a quorum of replicas. The "
        'read was not performed, you can do an outdated read using `read_mode="outdated"`.'
    ),
    'cannot subscribe to table `policy`: primary replica for shard ["", +inf) not available',
    "Table `starbelly.policy` is not ready.",
]
"""How a real node says that it cannot serve a table (src/rdb_protocol/changefeed.cc and
src/clustering/query_routing); all are OP_FAILED."""


def both(one: Proxy | ScriptedServer, other: Proxy, database: DatabaseURL) -> DatabaseURL:
    """The URL of two nodes."""
    others = ((other.host, other.port),)
    return replace(database, host=one.host, port=one.port, others=others)


@pytest.fixture
async def other(database: DatabaseURL) -> AsyncIterator[Proxy]:
    """The way to the second node; by `proxy` one gets to the first."""
    async with Proxy(database.host, database.port) as other:
        yield other


@dataclass
class Followed:
    """A feed of policies, and how long it has waited between its tries."""

    feed: Feed[Any, Any]
    waits: list[float]

    async def lost(self) -> None:
        while self.feed.status is FeedStatus.READY:
            await asyncio.sleep(0)

    async def ready(self) -> None:
        while self.feed.status is not FeedStatus.READY:
            await asyncio.sleep(0)


@asynccontextmanager
async def following(url: DatabaseURL, clock: LoopClock, nodes: Nodes) -> AsyncIterator[Followed]:
    waits: list[float] = []

    async def sleep(wait_s: float) -> None:
        waits.append(wait_s)
        clock.forward(wait_s)
        await asyncio.sleep(0)

    source = RethinkSource(url, SETTINGS, nodes=nodes)
    settings = FeedSettings(self_check_s=0)
    feed = Feed(POLICIES, source, settings, rng=random.Random(7), sleep=sleep)
    running_feed = asyncio.create_task(feed.run())
    try:
        await feed.ready(LIMIT_S)
        yield Followed(feed, waits)
    finally:
        running_feed.cancel()
        await asyncio.gather(running_feed, return_exceptions=True)


@pytest.mark.parametrize("loss", ["killed", "refusing", "closed", "stalled"])
async def test_feed_that_loses_its_node_is_on_the_other_at_once(
    starbelly: DatabaseURL, proxy: Proxy, other: Proxy, clock: LoopClock, loss: str
) -> None:
    nodes = Nodes()
    async with following(both(proxy, other, starbelly), clock, nodes) as followed:
        assert (proxy.starts(CHANGES), other.starts(CHANGES)) == (1, 0)
        match loss:
            case "killed":
                proxy.refuses = True
                proxy.cut(Fault.RESET)
            case "refusing":
                proxy.refuses = True
                proxy.cut(Fault.CLOSE)
            case "closed":
                proxy.cut(Fault.CLOSE)
            case "stalled":
                proxy.swallows = True
                proxy.cut(Fault.BLACK_HOLE)
                for _ in range(2):  # the heartbeat's limit, and nothing more
                    clock.forward(SETTINGS.database_heartbeat_s / 2)
                    await some_steps()
        await followed.lost()
        await followed.ready()
        assert len(followed.waits) == 1, "the first try after the loss is the last"
        assert sum(followed.waits) <= ON_THE_OTHER_WITHIN_S
        assert other.starts(CHANGES) == 1
    assert nodes.connections == {}
    assert [*nodes.failures.values()] == [1, 0]


async def test_feed_leaves_a_node_without_its_table_for_one_that_has_it(
    starbelly: DatabaseURL, proxy: Proxy, clock: LoopClock
) -> None:
    async with (
        EmbeddedServer(None) as second,
        Proxy(second.host, second.port) as other,
        connect(starbelly) as connection,
    ):
        away = replace(starbelly, host=second.host, port=second.port, user="admin", password="")
        await initialise(away, TABLES)
        nodes = Nodes()
        async with following(both(proxy, other, starbelly), clock, nodes) as followed:
            assert followed.feed.documents == 2
            await connection.run(r.db(starbelly.database).table_drop("policy"))
            await followed.lost()
            await followed.ready()
            assert sum(followed.waits) <= ON_THE_OTHER_WITHIN_S
            assert other.starts(CHANGES) == 1


@pytest.mark.parametrize("text", UNSERVED)
async def test_node_that_cannot_serve_a_table_is_left_for_one_that_can(
    starbelly: DatabaseURL, other: Proxy, clock: LoopClock, text: str
) -> None:
    def unable(query: list[Any]) -> Any:
        return {"t": 18, "e": 4100000, "r": [text], "b": []} if query[0] == 1 else None

    async with ScriptedServer(unable) as node:
        url = both(node, other, replace(starbelly, user="admin", password=""))
        async with following(url, clock, Nodes()) as followed:
            assert followed.waits == [], "the same try goes on to the other node"
        async with RethinkStore(url, timeouts=TIMEOUTS) as store:
            assert await store.get("policy", "none") is None
            written = await store.write("policy", "new", lambda _: {"id": "new"})
            assert written.new == {"id": "new"}


async def test_connection_is_made_to_the_next_node_while_the_first_is_slow(
    starbelly: DatabaseURL, proxy: Proxy, other: Proxy, clock: LoopClock
) -> None:
    proxy.swallows = True
    nodes = Nodes()

    async def connect_and_ask() -> str:
        async with connect(both(proxy, other, starbelly), timeouts=TIMEOUTS, nodes=nodes) as made:
            assert nodes.connections == {made.node.address: 1}
            return made.node.address

    connecting = asyncio.ensure_future(connect_and_ask())
    while not proxy.open_links:
        await asyncio.sleep(0)
    assert not connecting.done()
    clock.forward(HEAD_START_S)
    assert await connecting == f"{other.host}:{other.port}"
    assert nodes.connections == {}
    await proxy.drained()


async def test_connecting_that_is_cancelled_while_two_nodes_are_tried_leaves_nothing(
    starbelly: DatabaseURL, proxy: Proxy, other: Proxy, clock: LoopClock
) -> None:
    proxy.swallows = other.swallows = True

    async def enter() -> None:
        async with connect(both(proxy, other, starbelly), timeouts=TIMEOUTS):
            pass

    connecting = asyncio.ensure_future(enter())
    while not proxy.open_links:
        await asyncio.sleep(0)
    clock.forward(HEAD_START_S)
    while not other.open_links:
        await asyncio.sleep(0)
    connecting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await connecting
    await proxy.drained()
    await other.drained()


async def test_certificate_must_be_for_the_name_of_its_node(
    starbelly: DatabaseURL, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each name leads to the same address here: what counts is what the operator wrote."""
    certificate = make_certificate(tmp_path, "DNS:db1.test")
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(certificate)
    loop = asyncio.get_running_loop()
    loop.set_debug(False)  # it would report what the proxies' side sees

    async def getaddrinfo(host: str, port: int, **_: Any) -> Any:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]

    monkeypatch.setattr(loop, "getaddrinfo", getaddrinfo)
    async with (
        Proxy(starbelly.host, starbelly.port, tls=tls) as one,
        Proxy(starbelly.host, starbelly.port, tls=tls) as other,
    ):
        url = replace(starbelly, host="db2.test", port=one.port, ca_certs=str(certificate))
        with pytest.raises(DatabaseUnavailableError, match="certificate is not valid for 'db2"):
            async with connect(url, timeouts=TIMEOUTS):
                pass
        assert one.units == []
        both_names = replace(url, others=(("db1.test", other.port),))
        async with connect(both_names, timeouts=TIMEOUTS) as connection:
            assert connection.node.address == f"db1.test:{other.port}"
            assert await connection.run(r.expr(1)) == 1
        assert one.units == []


async def test_error_names_every_node_and_no_password(
    starbelly: DatabaseURL, proxy: Proxy, other: Proxy
) -> None:
    proxy.refuses = True
    async with Proxy("127.0.0.1", proxy.port) as third:
        third.refuses = True
        others = ((third.host, third.port), (other.host, other.port))
        url = replace(starbelly, host=proxy.host, port=proxy.port, others=others, password="xyzzy")
        with pytest.raises(DatabaseUnavailableError) as caught:
            async with connect(url, timeouts=TIMEOUTS):
                pass
    for node in (proxy, third, other):
        assert f"{node.host}:{node.port}" in str(caught.value)
    assert "Wrong password" in str(caught.value)
    assert "xyzzy" not in str(caught.value)


async def test_password_that_every_node_refuses_is_refused(
    starbelly: DatabaseURL, proxy: Proxy, other: Proxy
) -> None:
    url = replace(both(proxy, other, starbelly), password="xyzzy")
    with pytest.raises(DatabaseRefusedError) as caught:
        async with connect(url, timeouts=TIMEOUTS):
            pass
    assert "xyzzy" not in str(caught.value)


async def test_table_that_no_node_has_is_missing(
    starbelly: DatabaseURL, proxy: Proxy, other: Proxy
) -> None:
    source = RethinkSource(both(proxy, other, starbelly), SETTINGS)
    with pytest.raises(TableMissingError, match=r"does not exist; `graphql-api init` creates it"):
        async with source.changes("nothing"):
            pass
    assert (proxy.starts(CHANGES), other.starts(CHANGES)) == (1, 1)


async def test_idle_connection_to_a_node_that_has_failed_is_not_used(
    starbelly: DatabaseURL, proxy: Proxy, other: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool, "MAX_IDLE_S", LIMIT_S)
    nodes = Nodes()
    url = both(proxy, other, starbelly)
    async with RethinkStore(url, timeouts=TIMEOUTS, nodes=nodes) as store:
        await store.get("policy", "a")
        proxy.swallows = True
        proxy.cut(Fault.BLACK_HOLE)
        (first, _) = nodes.order(nodes._known)
        nodes.fails(first, DatabaseUnavailableError("silent"))  # as a feed's heartbeat finds
        await store.get("policy", "a")
    assert other.count(is_query(QueryType.START)) == 1


async def test_write_of_unknown_outcome_is_not_made_on_another_node(
    starbelly: DatabaseURL, proxy: Proxy, other: Proxy
) -> None:
    starts = 0

    def is_second_start(unit: Any) -> bool:
        nonlocal starts
        starts += unit.direction is Direction.UP and unit.query is QueryType.START
        return starts == 2

    proxy.arm(Fault.RESET, is_second_start)
    async with RethinkStore(both(proxy, other, starbelly), timeouts=TIMEOUTS) as store:
        with pytest.raises(OutcomeUnknownError):
            await store.write("policy", "new", lambda _: {"id": "new"})
        assert other.units == []
        assert await store.get("policy", "new") is None
    assert other.count(is_query(QueryType.START)) == 1


async def test_init_goes_on_at_another_node(
    database: DatabaseURL, proxy: Proxy, other: Proxy
) -> None:
    tables = 0

    def is_index_of_the_third_table(unit: Any) -> bool:
        nonlocal tables
        tables += unit.direction is Direction.UP and unit.term == 177
        return tables == 3

    fired = proxy.arm(Fault.CLOSE, is_index_of_the_third_table)
    created = await initialise(both(proxy, other, database), TABLES, timeouts=TIMEOUTS)
    assert fired.is_set()
    assert len(created) == len(set(created))
    assert {f"table {database.database}.{table.name}" for table in TABLES} <= set(created)
    assert "policy Broad Crawl" in created
    async with connect(database) as connection:
        names = await connection.run(r.db(database.database).table("policy")["name"])
        assert sorted([name async for name in names]) == ["Broad Crawl", "Deep Crawl"]


FAULTS = {
    "killed": Fault.RESET,
    "closed": Fault.CLOSE,
    "stalled": Fault.BLACK_HOLE,
}


@contextlib.contextmanager
def lost(proxy: Proxy, fault: Fault) -> Iterator[None]:
    proxy.refuses = fault is not Fault.BLACK_HOLE
    proxy.swallows = fault is Fault.BLACK_HOLE
    proxy.cut(fault)
    yield
    proxy.refuses = proxy.swallows = False


@pytest.fixture
def unasked() -> Iterator[None]:
    with websockets_unasked():
        yield


@pytest.mark.parametrize("loss", FAULTS)
@pytest.mark.usefixtures("unasked")
async def test_server_keeps_its_clients_and_writes_while_nodes_are_lost_in_turn(
    *,
    starbelly: DatabaseURL,
    proxy: Proxy,
    other: Proxy,
    clock: LoopClock,
    caplog: pytest.LogCaptureFixture,
    loss: str,
) -> None:
    caplog.set_level(logging.INFO, "graphql_api")
    asyncio.get_running_loop().set_debug(False)
    quiet_s = 40.0
    settings = settings_for(
        both(proxy, other, starbelly), database_heartbeat_s=quiet_s, database_timeout_s=quiet_s
    )
    other.refuses = True  # or a feed may begin there, if the first node answers late
    async with running(settings) as server, connected(server.ws) as client:
        await until_ready(server)
        other.refuses = False
        operation = await client.subscribe(operations.POLICIES.subscription)
        replica = operations.Replica(operations.POLICIES)
        for change in await operation.until_status("READY"):
            replica.apply(change)
        for number, (gone, used) in enumerate([(proxy, other), (other, proxy)]):
            feeds = used.starts(CHANGES)
            with lost(gone, FAULTS[loss]):
                for _ in range(2 if FAULTS[loss] is Fault.BLACK_HOLE else 0):
                    clock.forward(quiet_s / 2)  # after the half of it a heartbeat asks
                    await some_steps()
                for change in await operation.until_status("READY"):
                    replica.apply(change)
                await until_on(used, feeds + len(TABLES))
                await until_ready(server)
                made = await client.execute(
                    f'mutation {{ setDomainLogin(domain: "{number}.example", input: '
                    '{loginUrl: "https://login.example/", users: []}) { domain } }'
                )
                assert "errors" not in made, made
                figures = await metrics(server.http)
                address = f'node="{used.host}:{used.port}"'
                assert f"graphql_api_database_connections{{{address}}}" in figures
        assert replica.snapshots == 1, "no client hears more of it than STALE and READY"
    assert f"using the database at {other.host}:{other.port}" in caplog.text


async def until_on(node: Proxy, feeds: int) -> None:
    async with asyncio.timeout(WAIT_S):
        while node.starts(CHANGES) < feeds:
            await asyncio.sleep(0)


async def metrics(url: str) -> str:
    async with httpx.AsyncClient(trust_env=False) as http:
        return (await http.get(f"{url}/metrics")).text
