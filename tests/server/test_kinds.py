"""Kinds of tables: what a declaration can say, over a real database and a real socket."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest import mock

import pytest

from graphql_api import app
from graphql_api.feeds import write_barrier
from graphql_api.feeds.events import ChangeCause, FeedStatus
from graphql_api.feeds.feed import Feed
from graphql_api.feeds.part import TimeWindow
from graphql_api.machine import Machine
from graphql_api.rethink.changefeed import RethinkSource
from graphql_api.rethink.init import initialise
from graphql_api.rethink.url import DatabaseURL
from graphql_api.schema import TableDeclaration
from graphql_api.tables import TABLES
from tests.fault.clock import LoopClock, some_steps
from tests.server.client import WAIT_S, Client, connected
from tests.server.database import Writer, writing
from tests.server.running import running, settings_for
from tests.unit.schema.toy_tables import crawls

CHANGES = """subscription($since: String) { crawlChanges(since: $since) {
  __typename
  ... on CrawlAdded { cause cursor crawl { ...Row } }
  ... on CrawlUpdated { cursor changedFields crawl { ...Row } previous { pages } }
  ... on CrawlDeleted { cause cursor crawlId }
  ... on FeedState { status cursor }
} }
fragment Row on Crawl { id name pages urls secret invalidFields }"""


@asynccontextmanager
async def serving(
    database: DatabaseURL, *documents: dict[str, Any], **kind: Any
) -> AsyncIterator[tuple[Client, Writer]]:
    """A client of a server that has the toy table too, of a kind, and a writer."""
    tables = (*TABLES, crawls(**kind))
    await initialise(database, tables)
    async with writing(database) as writer:
        if documents:
            await writer.insert("crawl", *documents)
        with mock.patch.object(app, "TABLES", tables):
            async with (
                running(settings_for(database)) as server,
                connected(server.ws) as client,
            ):
                yield client, writer


def ago(**length: float) -> datetime:
    now = datetime.now(UTC)
    return now.replace(microsecond=0) - timedelta(**length)


@asynccontextmanager
async def feed_of(
    table: TableDeclaration[Any], database: DatabaseURL, **options: Any
) -> AsyncIterator[Feed[Any, Any]]:
    feed: Feed[Any, Any] = Feed(table, RethinkSource(database), **options)
    task = asyncio.create_task(feed.run())
    try:
        await feed.ready(WAIT_S)
        yield feed
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


# Without some stored fields.

WITHOUT = {"without": ("urls", "login.secret")}
WHOLE_ROW = {"id": "c", "name": "Crawl", "urls": "u" * 999, "login": {"secret": "s", "user": "x"}}


async def test_left_out_fields_never_leave_the_database(database: DatabaseURL) -> None:
    async with serving(database, WHOLE_ROW, **WITHOUT) as (client, writer):
        changes = await client.subscribe(CHANGES)
        _, initial, _ = await changes.until_status("READY")
        assert (initial["crawl"]["urls"], initial["crawl"]["secret"]) == (None, None)
        await writer.update("crawl", "c", {"urls": "v" * 999})  # which is no change
        await writer.update("crawl", "c", {"pages": 1, "login": {"secret": "t"}})
        change = await changes.change()
        assert change["changedFields"] == ["pages"]
        assert (change["crawl"]["urls"], change["crawl"]["secret"]) == (None, None)


async def test_self_check_leaves_out_the_same_fields(database: DatabaseURL) -> None:
    table = crawls(**WITHOUT)
    await initialise(database, (table,))
    async with writing(database) as writer:
        await writer.insert("crawl", WHOLE_ROW)
        async with feed_of(table, database) as feed:
            await feed.consistency_check.check()
            assert (feed.consistency_check.checks, feed.consistency_check.differences) == (1, 0)


# A pace.

PACED = {"pace": (0.5, None)}


async def test_paced_table_tells_the_last_state_and_few_others(database: DatabaseURL) -> None:
    async with serving(database, {"id": "c", "pages": 0}, **PACED) as (client, writer):
        changes = await client.subscribe(CHANGES)
        *_, ready = await changes.until_status("READY")
        loop = asyncio.get_running_loop()
        began_s = loop.time()
        for pages in range(1, 101):
            await writer.update("crawl", "c", {"pages": pages})
        received = [await changes.change()]
        while received[-1]["crawl"]["pages"] != 100:
            received.append(await changes.change())
        took_s = loop.time() - began_s
        assert len(received) <= took_s / 0.5 + 2
        held = 0
        for change in received:  # `previous` is what the client held
            assert change["previous"]["pages"] == held
            held = change["crawl"]["pages"]
        resumed = await client.subscribe(CHANGES, since=ready["cursor"])
        again = await resumed.until_status("READY")
        assert [each["crawl"]["pages"] for each in again[:-1]] == [
            each["crawl"]["pages"] for each in received
        ]


async def test_write_to_a_paced_table_is_confirmed_by_its_pace(
    database: DatabaseURL, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(write_barrier, "_ARRIVAL_S", WAIT_S)  # however slow the machine is
    clock = LoopClock(asyncio.get_running_loop())
    table = crawls(pace=(0.2, None))
    await initialise(database, (table,))
    async with writing(database) as writer, feed_of(table, database) as feed:
        await writer.insert("crawl", {"id": "c", "pages": 0})
        for first in (1, 10, 20):
            with feed.expect("c") as expected:
                old, new = {"id": "c", "pages": first}, {"id": "c", "pages": first + 1}
                for document in (old, new, {"id": "c", "pages": first + 2}):  # ours is in between
                    await writer.insert("crawl", document)
                confirmed = asyncio.create_task(expected.is_seen(old, new, 2 * WAIT_S))
                while (row := feed.get("c")) is None or row.pages != first + 2:
                    await asyncio.sleep(0)
                await some_steps()  # it waits, if it must
                clock.forward(2 * WAIT_S)  # the pace is over, and the time for changes to arrive
                assert await confirmed


# A window.

LENGTH_S = 3.0
WINDOWED = {"window": TimeWindow("ended_at", LENGTH_S)}


async def test_window_holds_what_has_not_ended_long_ago(database: DatabaseURL) -> None:
    documents = (
        {"id": "old", "ended_at": ago(days=1)},
        {"id": "new", "ended_at": ago(hours=-1)},
        {"id": "running", "ended_at": None},
        {"id": "bare"},
        {"id": "odd", "ended_at": "long ago"},
    )
    async with serving(database, *documents, **WINDOWED) as (client, writer):
        page = await client.execute("{ crawls { total items { id } } }")
        held = {item["id"] for item in page["data"]["crawls"]["items"]}
        assert held == {"new", "running", "bare", "odd"}
        changes = await client.subscribe(CHANGES)
        await changes.until_status("READY")
        await writer.update("crawl", "old", {"pages": 1})  # is not sent
        await writer.update("crawl", "new", {"pages": 1})
        assert (await changes.change())["crawl"]["id"] == "new"


async def test_row_that_ages_out_has_left_the_filter(
    database: DatabaseURL, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = ago()
    monkeypatch.setattr(app, "Machine", lambda: Machine(now=lambda: now))
    async with serving(database, {"id": "c", "pages": 1}, **WINDOWED) as (client, writer):
        changes = await client.subscribe(CHANGES)
        *_, ready = await changes.until_status("READY")
        await writer.update("crawl", "c", {"ended_at": now, "pages": 2})
        assert (await changes.change())["crawl"]["pages"] == 2
        now += timedelta(seconds=LENGTH_S + 1)
        left = await changes.change()
        assert (left["cause"], left["crawlId"]) == ("LEFT_FILTER", "c")
        page = await client.execute("{ crawls { total } }")
        assert page["data"]["crawls"]["total"] == 0

        # Its document is still there: a change that is outside too says nothing.
        await writer.update("crawl", "c", {"pages": 3})
        await writer.insert("crawl", {"id": "fence", "name": "fence"})
        assert (await changes.change())["crawl"]["id"] == "fence"
        await writer.update("crawl", "c", {"ended_at": None})
        back = await changes.change()
        assert (back["cause"], back["crawl"]["pages"]) == ("ENTERED_FILTER", 3)
        await writer.delete("crawl", "c")
        assert (await changes.change())["cause"] == "DELETED"

        resumed = await client.subscribe(CHANGES, since=ready["cursor"])
        received = await resumed.until_status("READY")
        causes = [(each["__typename"], each.get("cause")) for each in received[:-1]]
        assert causes == [
            ("CrawlUpdated", None),
            ("CrawlDeleted", "LEFT_FILTER"),
            ("CrawlAdded", "CREATED"),
            ("CrawlAdded", "ENTERED_FILTER"),
            ("CrawlDeleted", "DELETED"),
        ]


async def test_row_that_is_changed_over_the_edge_counts_as_deleted_or_created(
    database: DatabaseURL,
) -> None:
    """The database filters by the window, and sends only that the row is gone, or is there."""
    async with serving(database, {"id": "c", "pages": 1}, **WINDOWED) as (client, writer):
        changes = await client.subscribe(CHANGES)
        await changes.until_status("READY")
        await writer.update("crawl", "c", {"ended_at": ago(days=1)})
        gone = await changes.change()
        assert (gone["crawlId"], gone["cause"]) == ("c", "DELETED")
        await writer.update("crawl", "c", {"ended_at": None, "pages": 2})
        back = await changes.change()
        assert (back["crawl"]["id"], back["cause"]) == ("c", "CREATED")


async def test_feed_that_begins_again_reads_the_window_as_it_is_then(database: DatabaseURL) -> None:
    table = crawls(window=TimeWindow("ended_at", 86_400.0))
    await initialise(database, (table,))
    now = datetime.now(UTC)
    async with writing(database) as writer:
        await writer.insert("crawl", {"id": "a", "ended_at": ago(hours=1)}, {"id": "b"})
        async with feed_of(table, database, clock=lambda: now) as feed, feed.subscribe() as changes:
            first = await until(changes, FeedStatus.READY)
            assert {event.crawl.id for event in first[1:-1]} == {"a", "b"}
            now += timedelta(days=1)
            await feed.consistency_check.check()  # looks at the window as the feed has it so far
            assert feed.consistency_check.differences == 0
            await writer.run(writer.r.db(database.database).table_drop("crawl"))
            await until(changes, FeedStatus.STALE)
            await writer.run(writer.r.db(database.database).table_create("crawl"))
            await writer.insert("crawl", {"id": "b"})
            repaired = await until(changes, FeedStatus.READY)
            (left,) = (event for event in repaired if getattr(event, "crawl_id", None) == "a")
            assert left.cause is ChangeCause.LEFT_FILTER


async def until(changes: Any, status: FeedStatus) -> list[Any]:
    """All events up to and with the next of this status."""
    received: list[Any] = []
    async with asyncio.timeout(WAIT_S):
        async for event in changes:
            received.append(event)
            if getattr(event, "status", None) is status:
                break
    return received
