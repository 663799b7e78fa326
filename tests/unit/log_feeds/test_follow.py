"""Partitions that are followed over an unreliable database, on a simulated clock."""

from __future__ import annotations

import asyncio
import random
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graphql_api.errors import FeedUnavailableError, NotFoundError, OverBudgetError
from graphql_api.feeds.table import Document
from graphql_api.log_feeds.log_feeds import LogFeeds
from graphql_api.log_feeds.subscription import LogSubscription
from graphql_api.turns import Turns
from tests.properties import examples
from tests.simulation.loop import simulated
from tests.unit.log_feeds.toy import Added, Event, FakeDatabase, ToyLog, feeds_of

BOUND_S = 5.0
LOG = ToyLog()
ALL, LOUD = 3, 2
SMALL = 20_000
"""Bytes for rows in memory: a dozen of them."""


class Client:
    """A client that is cut off now and then, and comes back, perhaps to another server."""

    def __init__(
        self, servers: list[LogFeeds], chance: random.Random, *, kinds: int, pause_s: float
    ) -> None:
        self._servers = servers
        self._chance = chance
        self._kinds = kinds
        self._pause_s = pause_s
        self.had: set[int] = set()
        self.events = 0
        self.since: str | None = None

    async def run(self, cuts: int) -> None:
        """Follow until the stream is over."""
        for _ in range(cuts):
            with suppress(TimeoutError):
                async with asyncio.timeout(self._chance.uniform(0.1, 4)):
                    await self._follow()
                    return
        await self._follow()

    async def _follow(self) -> None:
        server = self._chance.choice(self._servers)
        given: set[int] = set()
        async with server.subscribe(
            LOG, "s", kinds=self._kinds, since=self.since, words="stream"
        ) as subscription:
            async for event in subscription:
                assert isinstance(event, Added)
                assert event.row.number not in given, "given out twice"
                given.add(event.row.number)
                self.had.add(event.row.number)
                self.events += 1
                self.since = event.cursor
                if self._pause_s:
                    await asyncio.sleep(self._chance.uniform(0, self._pause_s))


async def crawl(database: FakeDatabase, chance: random.Random, rows: int, *, outages: int) -> None:
    """Insert rows out of order by less than the bound, and end the stream."""
    database.streams["s"] = {"is_over": False, "events": 0}
    writes: list[tuple[float, int]] = []
    at_s, number = 0.0, 0
    for _ in range(rows):
        at_s += chance.choice((0, 0, 0.01, 0.5))
        number += chance.choice((1, 1, 2, 50))
        writes.append((at_s + chance.choice((0, 0, 0.2, BOUND_S * 0.8)), number))
    losses = [(chance.uniform(0, at_s), None) for _ in range(outages)]
    began_s = asyncio.get_running_loop().time()
    for due_s, what in sorted([*writes, *losses], key=lambda item: item[0]):
        await asyncio.sleep(max(0.0, began_s + due_s - asyncio.get_running_loop().time()))
        if what is None:
            database.lose()
        else:
            database.insert("s", what)
    counted = rows if chance.random() < 0.7 else rows - 1
    database.streams["s"] = {"is_over": True, "events": counted}


async def watch_memory(servers: list[LogFeeds], row_bytes: int) -> None:
    """See at any time that the rows in memory are bounded."""
    while True:
        await asyncio.sleep(0.1)
        assert all(server.row_bytes <= row_bytes for server in servers)


@examples(60)
@given(
    seed=st.integers(0, 2**32),
    rows=st.integers(0, 400),
    failures=st.sampled_from((0, 0, 10)),
    outages=st.integers(0, 3),
    row_bytes=st.sampled_from((SMALL, 10**7)),
)
def test_every_client_has_every_row_whatever_happens_and_completes(
    seed: int, rows: int, failures: int, outages: int, row_bytes: int
) -> None:
    async def story() -> None:
        chance = random.Random(seed)
        database = FakeDatabase(chance, failures=failures)
        async with asyncio.timeout(3600), asyncio.TaskGroup() as tasks:
            servers = [
                feeds_of(database, bound_s=BOUND_S, chance=chance, max_row_bytes=row_bytes)
                for _ in range(2)
            ]
            running = [tasks.create_task(server.run()) for server in servers]
            clients = [
                Client(servers, chance, kinds=kinds, pause_s=pause_s)
                for kinds in (ALL, LOUD)
                for pause_s in (0.0, 0.1)
            ]
            crawler = tasks.create_task(crawl(database, chance, rows, outages=outages))
            await asyncio.sleep(0.01)
            following = [
                tasks.create_task(client.run(cuts))
                for client, cuts in zip(clients, (0, 4, 9, 2), strict=True)
            ]
            watched = tasks.create_task(watch_memory(servers, row_bytes))
            await asyncio.wait([crawler, *following])
            watched.cancel()
            assert all(server.partitions == 0 for server in servers)
            for task in running:
                task.cancel()
        written = set(database.tables.get("s", {}))
        for client in clients:
            wanted = {row for row in written if client._kinds == ALL or row % 3 == 0}
            assert client.had == wanted
        assert database.open_feeds == 0

    simulated(story)


def test_one_changefeed_for_all_that_follow_and_none_without_followers() -> None:
    async def story() -> None:
        chance = random.Random(1)
        database = FakeDatabase(chance)
        database.streams["s"] = {"is_over": False, "events": None}
        database.insert("s", *range(2000))
        feeds = feeds_of(database, chance=chance, max_row_bytes=10**7)
        running = asyncio.create_task(feeds.run())
        subscriptions = [
            feeds.subscribe(LOG, "s", kinds=ALL, since=None, words="stream") for _ in range(20)
        ]
        for subscription in subscriptions:
            for number in range(2000):
                event = await anext(subscription)
                assert isinstance(event, Added)
                assert event.row.number == number
        assert (database.opened, database.open_feeds) == (1, 1)
        for subscription in subscriptions:
            subscription.close()
        await asyncio.sleep(1)
        assert (database.opened, database.open_feeds, feeds.partitions) == (1, 0, 0)
        running.cancel()
        await asyncio.wait([running])

    simulated(story)


def test_no_more_changefeeds_are_opened_than_are_allowed() -> None:
    async def story() -> None:
        chance = random.Random(4)
        database = FakeDatabase(chance)
        feeds = feeds_of(database, chance=chance, max_row_bytes=10**7, max_partitions=2)
        running = asyncio.create_task(feeds.run())

        def follow(name: str) -> LogSubscription:
            return feeds.subscribe(LOG, name, kinds=ALL, since=None, words="stream")

        first, _, again = follow("a"), follow("b"), follow("a")
        with pytest.raises(FeedUnavailableError, match="try again later"):
            follow("c")
        first.close()
        with pytest.raises(FeedUnavailableError):
            follow("c")
        again.close()
        follow("c")
        assert feeds.partitions == 2
        running.cancel()
        await asyncio.wait([running])

    simulated(story)


def test_one_client_leaves_changefeeds_for_others() -> None:
    async def story() -> None:
        chance = random.Random(5)
        database = FakeDatabase(chance)
        feeds = feeds_of(database, chance=chance, max_row_bytes=10**7, max_partitions_per_client=2)
        running = asyncio.create_task(feeds.run())

        def follow(name: str, client: str | None = "greedy") -> LogSubscription:
            return feeds.subscribe(LOG, name, kinds=ALL, since=None, words="stream", client=client)

        for _ in range(3):
            first, second, again = follow("a"), follow("b"), follow("a")
            with pytest.raises(OverBudgetError, match="end a subscription first"):
                follow("c")
            others = [follow("c", "other"), follow("c"), follow("d", None), follow("e", None)]
            first.close()
            with pytest.raises(OverBudgetError):
                follow("f")
            again.close()
            again = follow("f")
            for subscription in (second, again, *others):
                subscription.close()
            assert feeds.partitions == 0
        running.cancel()
        await asyncio.wait([running])

    simulated(story)


def test_followers_at_one_place_are_given_the_same_events() -> None:
    async def story() -> None:
        chance = random.Random(2)
        database = FakeDatabase(chance)
        database.streams["s"] = {"is_over": True, "events": 300}
        database.insert("s", *range(300))
        feeds = feeds_of(database, chance=chance, max_row_bytes=10**7)
        running = asyncio.create_task(feeds.run())
        one, other = (
            feeds.subscribe(LOG, "s", kinds=ALL, since=None, words="stream") for _ in range(2)
        )
        async for event in one:
            assert event is await anext(other)
        with pytest.raises(StopAsyncIteration):
            await anext(other)
        one.close()
        other.close()
        running.cancel()
        await asyncio.wait([running])

    simulated(story)


def test_stream_that_is_not_there_is_not_found_and_one_that_goes_completes() -> None:
    async def story() -> None:
        chance = random.Random(3)
        database = FakeDatabase(chance)
        database.streams["s"] = {"is_over": False, "events": 1}
        database.insert("s", 1)
        feeds = feeds_of(database, chance=chance, max_row_bytes=10**7)
        running = asyncio.create_task(feeds.run())
        async with feeds.subscribe(LOG, "x", kinds=ALL, since=None, words="stream") as missing:
            with pytest.raises(NotFoundError):
                await anext(missing)
        async with feeds.subscribe(LOG, "s", kinds=ALL, since=None, words="stream") as followed:
            await anext(followed)
            del database.streams["s"]
            with pytest.raises(StopAsyncIteration):
                await anext(followed)
        running.cancel()
        await asyncio.wait([running])

    simulated(story)


def test_client_that_is_cut_off_sooner_than_the_bound_comes_to_the_end_all_the_same() -> None:
    async def story() -> None:
        chance = random.Random(6)
        database = FakeDatabase(chance)
        database.streams["s"] = {"is_over": True, "events": None}
        database.insert("s", *range(3))
        feeds = feeds_of(database, chance=chance, max_row_bytes=10**7)
        running = asyncio.create_task(feeds.run())
        connections, is_complete = 0, False
        while not is_complete:
            connections += 1
            assert connections <= 5, "it would wait for the bound for ever"
            with suppress(TimeoutError):
                async with (
                    asyncio.timeout(BOUND_S / 2),
                    feeds.subscribe(LOG, "s", kinds=ALL, since=None, words="stream") as followed,
                ):
                    assert len([event async for event in followed]) == 3
                    is_complete = True
        running.cancel()
        await asyncio.wait([running])

    simulated(story)


class WatchedLog(ToyLog):
    """Notes in which turn of the event loop each row is decoded."""

    def __init__(self) -> None:
        self.turn = 0
        self.turns: list[int] = []

    def count(self) -> None:
        """Count this turn of the loop, and the next ones."""
        self.turn += 1
        asyncio.get_running_loop().call_soon(self.count)

    def decode(self, document: Document) -> Event:
        self.turns.append(self.turn)
        return super().decode(document)


async def test_others_have_turns_between_the_rows_of_a_reply(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    defaults = Turns.__init__.__kwdefaults__
    assert defaults is not None
    monkeypatch.setitem(defaults, "turn_s", 0.0)
    database, log = FakeDatabase(random.Random(1)), WatchedLog()
    database.streams["s"] = {"is_over": True, "events": 20}
    database.insert("s", *range(1, 21))
    feeds = feeds_of(database, chance=random.Random(1), max_row_bytes=10**6)
    running = asyncio.create_task(feeds.run())
    async with feeds.subscribe(log, "s", kinds=ALL, since=None, words="stream") as subscription:
        log.count()
        for _ in range(20):
            await anext(subscription)
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running
    assert database.most_rows_at_once == 20
    assert len(set(log.turns)) == len(log.turns) == 20
