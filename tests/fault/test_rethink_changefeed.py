"""Changefeeds through connections that fail at each stage, and under load."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import replace
from itertools import product
from typing import Any

import pytest
import uvloop

from graphql_api.embedded import EmbeddedServer
from graphql_api.errors import DatabaseUnavailableError, FeedLostError, TableMissingError
from graphql_api.feeds.source import DocumentChange, SourceReady
from graphql_api.feeds.table import Document
from graphql_api.rethink.changefeed import ChangefeedSettings, RethinkSource
from graphql_api.rethink.database_connection import Timeouts
from graphql_api.rethink.driver import RAW, r
from graphql_api.rethink.failover import connect
from graphql_api.rethink.init import initialise
from graphql_api.rethink.table_reader import TableReader
from graphql_api.rethink.url import DatabaseURL
from graphql_api.tables import TABLES
from tests.fault.clock import LIMIT_S, LoopClock, limit_over, some_steps
from tests.fault.proxy import (
    CHANGES,
    Direction,
    Fault,
    Predicate,
    Proxy,
    QueryType,
    is_query,
    is_reply,
    is_start_of,
)
from tests.unit.rethink.leaks import nothing_left_behind

Event = DocumentChange | SourceReady
Write = Callable[..., Awaitable[Any]]

SETTINGS = ChangefeedSettings(
    timeouts=Timeouts(connect_s=LIMIT_S, query_s=LIMIT_S, close_s=LIMIT_S),
    database_heartbeat_s=LIMIT_S,
    database_ready_timeout_s=10 * LIMIT_S,
)

every_fault = pytest.mark.parametrize("fault", list(Fault), ids=lambda fault: fault.name)


@pytest.fixture
async def write(starbelly: DatabaseURL) -> AsyncIterator[Write]:
    """Runs a term on a table, on a connection that is not through the proxy.

    It waits for answers while a test lets the limit of the others be over.
    """
    async with connect(starbelly, timeouts=Timeouts(query_s=100 * LIMIT_S)) as connection:

        async def write(table: str, term: Callable[[Any], Any]) -> Any:
            return await connection.run(term(r.db(starbelly.database).table(table)), **RAW)

        yield write


@pytest.fixture
def source(starbelly: DatabaseURL, proxy: Proxy) -> RethinkSource:
    return RethinkSource(through(proxy, starbelly), SETTINGS)


def through(proxy: Proxy, database: DatabaseURL) -> DatabaseURL:
    return replace(database, host=proxy.host, port=proxy.port)


@asynccontextmanager
async def ready(
    source: RethinkSource, table: str = "policy"
) -> AsyncIterator[AsyncIterator[Event]]:
    """A feed that has sent its initial documents."""
    async with source.changes(table) as feed:
        async for event in feed:
            if isinstance(event, SourceReady):
                break
        yield feed


async def to_the_end(feed: AsyncIterator[Event]) -> None:
    async for _ in feed:
        pass


async def new_id(feed: AsyncIterator[Event]) -> Any:
    event = await anext(feed)
    assert isinstance(event, DocumentChange)
    assert event.new is not None
    return event.new["id"]


# Faults


@every_fault
@pytest.mark.parametrize(
    ("when", "pass_bytes"),
    [
        (is_start_of(CHANGES), 0),
        (is_start_of(CHANGES), 5),
        (is_reply(0), 0),
        (is_reply(0), 5),
        (is_reply(0), 40),
        (is_reply(1), 0),
        (is_reply(1), 20),
    ],
    ids=["start", "in start", "first", "in header", "in first", "second", "in second"],
)
async def test_feed_that_fails_before_it_is_ready_is_reported_in_time(
    *,
    fault: Fault,
    when: Any,
    pass_bytes: int,
    source: RethinkSource,
    proxy: Proxy,
    clock: LoopClock,
) -> None:
    fired = proxy.arm(fault, when, pass_bytes=pass_bytes)
    async with limit_over(clock, fault, fired):
        with pytest.raises(DatabaseUnavailableError):
            async with ready(source):
                pass
    assert fired.is_set()
    await proxy.drained()


@every_fault
async def test_idle_feed_notices_in_time(
    fault: Fault, source: RethinkSource, proxy: Proxy, clock: LoopClock
) -> None:
    is_cut = asyncio.Event()
    async with ready(source) as feed, limit_over(clock, fault, is_cut):
        reader = asyncio.ensure_future(anext(feed))
        await asyncio.sleep(0)
        proxy.cut(fault)
        is_cut.set()
        with pytest.raises(DatabaseUnavailableError):
            await reader
        with pytest.raises(DatabaseUnavailableError):
            await anext(feed)
    await proxy.drained()


@every_fault
async def test_feed_cut_in_the_middle_of_a_change_notices_in_time(
    fault: Fault, source: RethinkSource, proxy: Proxy, write: Write, clock: LoopClock
) -> None:
    fired = proxy.arm(fault, lambda unit: unit.size > 5000, pass_bytes=3000)
    async with ready(source) as feed, limit_over(clock, fault, fired):
        await write("policy", lambda table: table.insert({"id": "big", "x": "x" * 6000}))
        with pytest.raises(DatabaseUnavailableError):
            await anext(feed)
        assert fired.is_set()
    await proxy.drained()


@every_fault
async def test_feed_that_fails_at_its_stop_is_left_in_time(
    fault: Fault, source: RethinkSource, proxy: Proxy
) -> None:
    fired = proxy.arm(fault, is_query(QueryType.STOP))
    async with ready(source):
        pass
    await fired.wait()
    await proxy.drained()


async def in_the_driver(feed: Any) -> None:
    """Wait until a row has come all the way, and only has to be taken."""
    while not feed._stream.has_row():
        await asyncio.sleep(0)


@every_fault
async def test_rows_that_arrived_before_the_fault_are_read(
    fault: Fault, source: RethinkSource, proxy: Proxy, write: Write, clock: LoopClock
) -> None:
    is_cut = asyncio.Event()
    async with ready(source) as feed, limit_over(clock, fault, is_cut):
        await write("policy", lambda table: table.insert({"id": "last", "x": "x" * 6000}))
        await in_the_driver(feed)
        proxy.cut(fault)
        assert await new_id(feed) == "last"
        is_cut.set()
        with pytest.raises(DatabaseUnavailableError):
            await anext(feed)


async def test_siblings_of_a_feed_that_fails_live_on(
    source: RethinkSource, proxy: Proxy, write: Write
) -> None:
    async with ready(source, "policy") as first, ready(source, "schedule") as second:
        proxy.arm(Fault.RESET, lambda unit: unit.link == 0 and unit.direction is Direction.DOWN)
        await write("policy", lambda table: table.insert({"id": "a"}))
        with pytest.raises(DatabaseUnavailableError):
            await anext(first)
        await write("schedule", lambda table: table.insert({"id": "b"}))
        assert await new_id(second) == "b"
        async with ready(source, "policy") as third:
            await write("policy", lambda table: table.insert({"id": "c"}))
            assert await new_id(third) == "c"
    assert proxy.starts(CHANGES) == 3


async def test_server_that_refuses_for_a_while_is_reported_and_then_read(
    source: RethinkSource, proxy: Proxy
) -> None:
    proxy.refuses = True
    for _ in range(3):
        with pytest.raises(DatabaseUnavailableError):
            async with source.changes("policy"):
                pass
    proxy.refuses = False
    async with ready(source):
        pass


# Leaving


async def test_leaving_stops_the_feed_once(source: RethinkSource, proxy: Proxy) -> None:
    async with ready(source):
        pass
    await proxy.drained()
    assert proxy.count(is_query(QueryType.STOP)) == 1
    assert proxy.starts(CHANGES) == 1


async def test_leaving_at_each_message_leaves_nothing_behind(
    source: RethinkSource, proxy: Proxy, write: Write, clock: LoopClock
) -> None:
    """The reader is cancelled when a certain message of its connection has passed, and a bit."""
    link = 0
    for direction, index in product(Direction, range(5)):
        for steps in (0, 2):
            async with nothing_left_behind():
                is_ready = asyncio.Event()
                reader = asyncio.ensure_future(read_for_ever(source, is_ready))
                if index == 4:  # the last of the messages is the heartbeat's
                    await is_ready.wait()
                    await some_steps()
                    clock.forward(LIMIT_S / 2)
                await proxy.seen(is_message(link, direction, index))
                for _ in range(steps):
                    await asyncio.sleep(0)
                reader.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await reader
                await proxy.drained()
            assert proxy.count(is_stop(link)) <= 1
            link += 1
    async with ready(source) as feed:
        await write("policy", lambda table: table.insert({"id": "a"}))
        assert await new_id(feed) == "a"


def is_message(link: int, direction: Direction, index: int) -> Predicate:
    return lambda unit: (unit.link, unit.direction, unit.index) == (link, direction, index)


def is_stop(link: int) -> Predicate:
    return lambda unit: unit.link == link and unit.query is QueryType.STOP


async def read_for_ever(source: RethinkSource, is_ready: asyncio.Event | None = None) -> None:
    async with ready(source) as feed:
        if is_ready is not None:
            is_ready.set()
        await to_the_end(feed)
    raise AssertionError("a feed has no end")


async def test_leaving_at_each_step_of_the_loop_leaves_nothing_behind(
    source: RethinkSource, proxy: Proxy
) -> None:
    runs = steps = started = 0
    async with nothing_left_behind():
        while steps < 150 or started <= 5:  # a database that is slow needs more of them
            reader = asyncio.ensure_future(read_for_ever(source))
            for _ in range(steps):
                await asyncio.sleep(0)
            reader.cancel()
            with pytest.raises(asyncio.CancelledError):
                await reader
            runs += 1
            steps += 2 if steps < 150 else steps // 10
            started = proxy.starts(CHANGES)
        await proxy.drained()
    assert proxy.open_links == 0
    assert started < runs


async def test_leaving_while_a_reader_waits_in_another_task_ends_it(
    source: RethinkSource, proxy: Proxy
) -> None:
    for fault in (None, *Fault):
        async with ready(source) as feed:
            reader = asyncio.ensure_future(anext(feed))
            await asyncio.sleep(0)
            if fault is not None:
                proxy.cut(fault)
        with pytest.raises(StopAsyncIteration):
            await reader
    await proxy.drained()


# What the database does


@pytest.mark.parametrize("max_batch_rows", [1, 100])
async def test_overflow_of_the_servers_queue_is_a_gap(
    max_batch_rows: int, starbelly: DatabaseURL, write: Write
) -> None:
    settings = SETTINGS.model_copy(
        update={"database_queue_size": 10, "max_batch_rows": max_batch_rows}
    )
    async with ready(RethinkSource(starbelly, settings)) as feed:
        for start in range(0, 2000, 500):
            documents = [{"id": f"{n}"} for n in range(start, start + 500)]
            await write("policy", lambda table, new=documents: table.insert(new))
        with pytest.raises(FeedLostError, match="Changefeed cache over array size limit"):
            await to_the_end(feed)


async def test_dropped_table_ends_the_feed_and_a_new_one_is_a_new_feed(
    source: RethinkSource, starbelly: DatabaseURL, write: Write
) -> None:
    async with connect(starbelly) as connection, ready(source) as feed:
        await connection.run(r.db(starbelly.database).table_drop("policy"))
        with pytest.raises(FeedLostError):
            await anext(feed)
    with pytest.raises(TableMissingError, match=r"\.policy does not exist; `graphql-api init`"):
        async with source.changes("policy"):
            pass
    assert await initialise(starbelly, TABLES)
    async with source.changes("policy") as feed:
        names = {(await anext(feed)).new["name"] for _ in range(2)}  # type: ignore[union-attr, index]
        assert names == {"Broad Crawl", "Deep Crawl"}
        assert await anext(feed) == SourceReady()


async def test_missing_database_is_named(source: RethinkSource, database: DatabaseURL) -> None:
    url = replace(database, database="nowhere")
    with pytest.raises(TableMissingError, match=r"database nowhere does not exist; .*init"):
        async with RethinkSource(url).changes("policy"):
            pass


POISON: list[Any] = [
    {"id": "geometry", "x": {"$reql_type$": "GEOMETRY", "type": "Point", "coordinates": [1, 2]}},
    {"id": "binary", "x": {"$reql_type$": "BINARY", "data": "AP8="}},
    {"id": "far", "x": {"$reql_type$": "TIME", "epoch_time": 1e15, "timezone": "+00:00"}},
    {"id": "zone", "x": {"$reql_type$": "TIME", "epoch_time": 1.5, "timezone": "-05:30"}},
    {"id": ["an", "array", 1]},
    {"id": 5},
    {"id": 2.5},
    {"id": True},
    {"id": ""},
    {"id": "large", "x": 1e300},
    {"id": "text", "x": "\0\u2028\U0001f600"},
    {"id": {"$reql_type$": "TIME", "epoch_time": 1, "timezone": "+00:00"}},
    {"id": "last"},
]


async def test_poison_documents_pass_as_changes_as_initials_and_in_reads(
    source: RethinkSource, starbelly: DatabaseURL, write: Write
) -> None:
    async with ready(source, "schedule") as feed:
        for document in POISON:
            await write("schedule", lambda table, new=document: table.insert(r.expr(new)))
            assert await anext(feed) == DocumentChange(old=None, new=document)
    seen: list[Document] = []
    async with source.changes("schedule") as feed:
        async for event in feed:
            if isinstance(event, SourceReady):
                break
            assert event.old is None
            assert event.new is not None
            seen.append(event.new)
    assert by_id(seen) == by_id(POISON)
    read = await TableReader(starbelly).read("schedule")
    assert by_id(read) == by_id(POISON)


# Order and completeness


@pytest.mark.parametrize("max_batch_rows", [1, 7, 100])
async def test_replay_equals_the_table_under_concurrent_writes(
    max_batch_rows: int, starbelly: DatabaseURL
) -> None:
    """Each initial comes once, each `old` is what was known, and the end is the table."""
    source = RethinkSource(
        starbelly, SETTINGS.model_copy(update={"max_batch_rows": max_batch_rows})
    )
    await replay(source, starbelly, seed=max_batch_rows)


async def replay(source: RethinkSource, url: DatabaseURL, *, seed: int) -> None:
    chosen = random.Random(seed)
    table = r.db(url.database).table("policy")
    async with connect(url) as connection:
        await connection.run(table.insert([{"id": f"k{n}", "v": 0} for n in range(0, 60, 2)]))

    async def write(number: int) -> None:
        async with connect(url) as connection:
            for step in range(60):
                key = f"k{chosen.randrange(60)}"
                new = {"id": key, "v": f"{number}.{step}"}
                replace_, delete = table.insert(new, conflict="replace"), table.get(key).delete()
                await connection.run(chosen.choice([replace_, delete]))

    async def write_then_fence() -> None:
        await asyncio.gather(*(write(number) for number in range(4)))
        async with connect(url) as connection:
            await connection.run(table.insert({"id": "fence"}))

    known: dict[str, Document] = {}
    is_ready = False
    async with asyncio.TaskGroup() as writers, source.changes("policy") as feed:
        writers.create_task(write_then_fence())
        while "fence" not in known or not is_ready:
            event = await anext(feed)
            if isinstance(event, SourceReady):
                is_ready = True
                continue
            document = event.new or event.old
            assert document is not None
            assert known.pop(document["id"], None) == event.old
            if event.new is not None:
                known[document["id"]] = event.new
    assert by_id(known.values()) == by_id(await TableReader(url).read("policy"))


def by_id(documents: Iterable[Document]) -> list[Document]:
    return sorted(documents, key=lambda document: str(document["id"]))


@pytest.mark.parametrize("fault", [None, *Fault])
def test_feeds_behave_the_same_on_uvloop(fault: Fault | None) -> None:
    async def main() -> None:
        async with (
            nothing_left_behind(),
            EmbeddedServer(None) as server,
            Proxy(server.host, server.port) as proxy,
        ):
            url = DatabaseURL(server.host, server.port, "starbelly")
            await initialise(url, [table for table in TABLES if table.name == "policy"])
            source = RethinkSource(through(proxy, url), SETTINGS)
            async with ready(source) as feed:
                if fault is Fault.BLACK_HOLE:  # the clock of uvloop cannot be put forward
                    feed._heartbeat._within_s = 0.8  # type: ignore[attr-defined]
                reader = asyncio.ensure_future(anext(feed))
                await asyncio.sleep(0)
                if fault is None:
                    reader.cancel()
                    await asyncio.wait({reader})
                else:
                    proxy.cut(fault)
                    with pytest.raises(DatabaseUnavailableError):
                        await reader
            await proxy.drained()
            if fault is None:
                await replay(source, url, seed=0)
                await proxy.drained()
                assert proxy.count(is_query(QueryType.STOP)) == 2

    uvloop.run(main(), debug=True)
