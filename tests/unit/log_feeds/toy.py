"""A toy log, and a database of it that is slow, loses connections, and shows rows out of order."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from graphql_api.errors import DatabaseUnavailableError, FeedLostError
from graphql_api.feeds.outage_log import OutageLog
from graphql_api.feeds.table import Document
from graphql_api.log_feeds.log import Owner
from graphql_api.log_feeds.log_feeds import LogFeeds
from graphql_api.log_feeds.source import Batch, LogLayout
from graphql_api.log_feeds.surroundings import LogSettings, Surroundings

LAYOUT = LogLayout("event", "number", "stream", "by_stream", "stream", ("is_over", "events"))


@dataclass(frozen=True)
class Event:
    """A row."""

    number: int
    is_loud: bool


@dataclass(eq=False)
class Added:
    """The event for a row."""

    row: Event
    cursor: str


class ToyLog:
    """Events of streams: quiet ones (1) and loud ones (2)."""

    name = "event"
    layout = LAYOUT

    def sequence(self, document: Document) -> int:
        return int(document["number"])

    def decode(self, document: Document) -> Event:
        return Event(int(document["number"]), bool(document["is_loud"]))

    def kind(self, row: Event) -> int:
        return 2 if row.is_loud else 1

    def owner_of(self, document: Document) -> Owner:
        return Owner(bool(document["is_over"]), document["events"])

    def added(self, row: Event, cursor: str) -> Added:
        return Added(row, cursor)


class FakeDatabase:
    """A `LogSource` in memory.

    Args:
        chance: How long things take, and what fails.
        failures: How many of a hundred reads fail.
    """

    def __init__(self, chance: random.Random, *, failures: int = 0) -> None:
        self._chance = chance
        self._failures = failures
        self._feeds: list[tuple[str, asyncio.Queue[Document | None]]] = []
        self.tables: dict[str, dict[int, Document]] = {}
        self.streams: dict[str, Document] = {}
        self.opened = 0
        self.most_rows_at_once = 0

    @property
    def open_feeds(self) -> int:
        """How many changefeeds are open."""
        return len(self._feeds)

    def insert(self, stream: str, *numbers: int) -> None:
        """Show rows."""
        for number in numbers:
            document = {"number": number, "stream": stream, "is_loud": number % 3 == 0}
            self.tables.setdefault(stream, {})[number] = document
            for followed, queue in self._feeds:
                if followed == stream:
                    queue.put_nowait(document)

    def lose(self) -> None:
        """Lose every changefeed, with what it has not delivered."""
        for _, queue in self._feeds:
            while not queue.empty():
                queue.get_nowait()
            queue.put_nowait(None)

    @asynccontextmanager
    async def inserts(
        self, log: LogLayout, partition: str
    ) -> AsyncIterator[AsyncIterator[Document]]:
        await self._work()
        entry = (partition, asyncio.Queue[Document | None]())
        self._feeds.append(entry)
        self.opened += 1
        try:
            yield _Inserts(entry[1], self._chance)
        finally:
            self._feeds.remove(entry)

    async def read(
        self, log: LogLayout, partition: str, *, after: int, upto: int, limit: int, whole: bool
    ) -> Batch:
        await self._work()
        table = self.tables.get(partition, {})
        numbers = sorted(number for number in table if after < number <= upto)
        found = [table[number] for number in numbers[:limit]]
        if whole:
            self.most_rows_at_once = max(self.most_rows_at_once, len(found))
        await self._work()  # what was read is on its way
        if len(numbers) < limit:
            return Batch(found, upto, is_last=True)
        return Batch(found, numbers[limit - 1], is_last=False)

    async def head(self, log: LogLayout, partition: str) -> int | None:
        await self._work()
        return max(self.tables.get(partition, {}), default=None)

    async def rows(self, log: LogLayout, sequences: Collection[int]) -> Sequence[Document]:
        await self._work()
        return [
            table[number]
            for table in self.tables.values()
            for number in sequences
            if number in table
        ]

    async def owners(self, log: LogLayout, partitions: Collection[str]) -> Mapping[str, Document]:
        await self._work()
        return {name: self.streams[name] for name in partitions if name in self.streams}

    async def _work(self) -> None:
        await asyncio.sleep(self._chance.choice((0, 0.001, 0.1)))
        if self._chance.randrange(100) < self._failures:
            raise DatabaseUnavailableError("the database cannot be reached")


class _Inserts:
    def __init__(self, queue: asyncio.Queue[Document | None], chance: random.Random) -> None:
        self._queue = queue
        self._chance = chance

    def __aiter__(self) -> _Inserts:
        return self

    async def __anext__(self) -> Document:
        document = await self._queue.get()
        if document is None:
            raise FeedLostError("the changefeed has ended")
        await asyncio.sleep(self._chance.choice((0, 0, 0.05)))
        return document


def feeds_of(
    database: FakeDatabase,
    *,
    bound_s: float = 5.0,
    chance: random.Random,
    max_row_bytes: int,
    max_partitions: int = 100,
    max_partitions_per_client: int = 100,
) -> LogFeeds:
    """A server's logs, by the event loop's clock."""
    clock = asyncio.get_running_loop().time
    return LogFeeds(
        Surroundings(
            source=database,
            settings=LogSettings(
                response_lag_s=bound_s,
                max_row_bytes=max_row_bytes,
                max_partitions=max_partitions,
                max_partitions_per_client=max_partitions_per_client,
            ),
            outages=OutageLog(),
            clock=clock,
            epoch_s=lambda: 1_800_000_000 + clock(),
            rng=chance,
        )
    )
