"""How long one large table holds the event loop of its feed, stage by stage.

`python -m tests.benchmarks.pauses [DOCUMENTS [TABLE]]` prints, for each stage, how long it takes,
the longest time in which the event loop did nothing else and what it did then, and how the memory
of the process grows. The database is the embedded one, in a process of its own. The table is
`policy`, of 100 000 rows if no number is given, or `job`, of 50 000. The last line says which
stages have a pause above 50 ms.
"""

from __future__ import annotations

import asyncio
import gc
import sys
import threading
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

from graphql_api.errors import FeedLostError
from graphql_api.feeds.events import FeedStatus
from graphql_api.feeds.feed import Feed
from graphql_api.feeds.feed_settings import FeedSettings
from graphql_api.feeds.part import WHOLE, TablePart
from graphql_api.feeds.source import DocumentChange, SourceReady
from graphql_api.garbage import collect_garbage_seldom, leave_out_what_stays
from graphql_api.rethink.changefeed import ChangefeedSettings, RethinkSource
from graphql_api.rethink.url import DatabaseURL
from graphql_api.schema.changes import FeedState
from graphql_api.schema.declaration import TableDeclaration
from graphql_api.tables.job import JOBS
from graphql_api.tables.policy import POLICIES
from tests.attacks.server import place_of
from tests.benchmarks import documents, jobs
from tests.benchmarks.database import Database, database
from tests.benchmarks.loop_pauses import LoopPauses

MAX_PAUSE_S = 0.05
SIZES = {"policy": 100_000, "job": 50_000}

_LOOK_S = 0.001
_SAMPLE_S = 0.004
_PAGES = 20


class Watch(LoopPauses):
    """Notes the longest pause of the event loop, and what the loop did then.

    Attributes:
        memory_mb: By how much the memory of the process has grown in the last stage.
        long: The stages with a pause that is too long.
    """

    def __init__(self) -> None:
        super().__init__()
        self._where = ""
        self._loops = 0
        self._seen: Counter[str] = Counter()
        self._thread = threading.get_ident()
        self.memory_mb = 0.0
        self.long: list[str] = []

    async def run(self) -> None:
        """Look at the clock at each turn, for ever."""
        threading.Thread(target=self._sample, daemon=True).start()
        await super().run()

    def on_longest(self) -> None:
        self._where = next((place for place, _ in Counter(self._seen).most_common(1)), "")

    def on_turn(self) -> None:
        self._loops += 1

    def _sample(self) -> None:
        """Look at what the loop's thread does, as long as its clock is not looked at."""
        loops = -1
        while True:
            time.sleep(_SAMPLE_S)
            if loops == self._loops:
                self._seen[place_of(sys._current_frames().get(self._thread))] += 1
            else:
                loops = self._loops
                self._seen = Counter()

    @asynccontextmanager
    async def row(self, name: str) -> AsyncIterator[None]:
        """Print a row of the table for what is done inside."""
        async with self.stage():
            memory, began = _memory_mb(), time.perf_counter()
            yield
            took = time.perf_counter() - began
        self.memory_mb = _memory_mb() - memory
        where = ""
        if self.longest_s > MAX_PAUSE_S / 2:
            where = f"  [{self._where}]"
        if self.longest_s > MAX_PAUSE_S:
            self.long.append(name)
        _print(
            f"{name:<44} {took:>8.2f} s {self.longest_s * 1000:>8.1f} ms"
            f" {self.memory_mb:>+7.0f} MB{where}"
        )


def _memory_mb() -> float:
    gc.collect(0)
    with open("/proc/self/statm", encoding="ascii") as file:  # noqa: PTH123
        return int(file.read().split()[1]) * 4096 / 2**20


async def _measure(stored: Database, size: int, table: TableDeclaration[Any]) -> None:
    settings = FeedSettings(self_check_s=0, reconnect_first_s=0.0, reconnect_max_s=0.0)
    source = LosableSource(stored.url)
    collect_garbage_seldom()
    feed: Feed[Any, Any] = Feed(table, source, settings, on_rows=leave_out_what_stays)
    order_by = table.order_by
    watch = Watch()
    _print(f"{'stage':<44} {'takes':>10} {'pause':>11} {'memory':>10}")
    async with asyncio.TaskGroup() as tasks:
        watching = tasks.create_task(watch.run())
        async with watch.row("first read"):
            running = tasks.create_task(feed.run())
            await feed.ready(600)
        _print(f"    {watch.memory_mb * 1024 / size:.2f} KB for each of {feed.documents} rows")
        for offset in (0, size // 2, size - 1000):
            async with watch.row(f"page of 1 000 rows at {offset}"):
                await feed.page(None, order_by=order_by, offset=offset, limit=1000)
        filter_type: Any = table.filter_type
        where = filter_type(name_contains="no such name").condition()
        async with watch.row("page with a filter"):
            await feed.page(where, order_by=order_by, offset=0, limit=10)
        everything = _Everything()
        async with watch.row("page with a filter that all pass, at the end"):
            await feed.page(everything, order_by=order_by, offset=size - 1000, limit=1000)
        async with watch.row("ten pages with a filter at once"):
            pages = (feed.page(where, order_by=order_by, offset=0, limit=10) for _ in range(10))
            await asyncio.gather(*pages)
        async with watch.row("snapshot for one subscriber"):
            subscription = feed.subscribe()
            async for event in subscription:
                if isinstance(event, FeedState) and event.status is FeedStatus.READY:
                    break
            subscription.close()
        async with watch.row("self-check"):
            await feed.consistency_check.check()
        async with watch.row("read again after an outage, no difference"):
            await _lose(feed, source)
        if table is JOBS:
            async with watch.row("all rows, for a page with older ones"):
                await feed.matching(None, order_by=order_by)
        await asyncio.to_thread(_write, stored, table, range(size // 10), 1)
        async with watch.row(f"{size // 10} changes as they come"):
            while feed.position < size // 10:
                await asyncio.sleep(_LOOK_S)
        source.is_held = True
        await asyncio.to_thread(_write, stored, table, range(size), 2)
        async with watch.row("read again after an outage, all rows differ"):
            await _lose(feed, source)
        running.cancel()
        watching.cancel()
    _print(f"above {MAX_PAUSE_S * 1000:.0f} ms: {', '.join(watch.long) or 'nothing'}")


class _Everything:
    """A filter that all rows pass."""

    digest = b"all rows"

    def matches(self, row: object) -> bool:
        """Whether a row passes."""
        return row is not None


def _write(
    stored: Database, table: TableDeclaration[Any], numbers: Iterable[int], write: int
) -> None:
    """Change the documents with these numbers."""
    if table is JOBS:
        now = datetime.now(UTC)
        changed = [jobs.job(number, ended=now) | {"item_count": -write} for number in numbers]
    else:
        changed = [documents.policy(number, write) for number in numbers]
    stored.put(table.name, changed)


class LosableSource(RethinkSource):
    """A database whose changefeed can be lost at will."""

    def __init__(self, url: DatabaseURL) -> None:
        super().__init__(
            url, ChangefeedSettings(database_ready_timeout_s=3600, database_heartbeat_s=3600)
        )
        self.is_lost = asyncio.Event()
        self.is_held = False
        """Whether nothing that comes is passed on, until the changefeed is lost."""

    @asynccontextmanager
    async def changes(
        self, table: str, part: TablePart = WHOLE
    ) -> AsyncIterator[AsyncIterator[DocumentChange | SourceReady]]:
        """The changefeed of a table; it ends once `is_lost` is set."""
        self.is_lost.clear()
        self.is_held = False
        async with super().changes(table, part) as changes:
            yield self._until_lost(changes)

    async def _until_lost(
        self, changes: AsyncIterator[DocumentChange | SourceReady]
    ) -> AsyncIterator[DocumentChange | SourceReady]:
        async for change in changes:
            yield change
            if isinstance(change, SourceReady):
                break
        lost: asyncio.Future[Any] = asyncio.ensure_future(self.is_lost.wait())
        waiting = {lost}
        try:
            while True:
                following: asyncio.Future[Any] = asyncio.ensure_future(anext(changes))
                waiting.add(following)
                await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
                if lost.done():
                    raise FeedLostError("the benchmark has lost it")
                waiting.discard(following)
                if not self.is_held:
                    yield following.result()
        finally:
            for future in waiting:
                future.cancel()
            await asyncio.gather(*waiting, return_exceptions=True)


def _print(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


async def _lose(feed: Feed[Any, Any], source: LosableSource) -> None:
    """Lose the feed, and wait until it has been compared with its table."""
    outages = feed.outages
    source.is_lost.set()
    while feed.outages == outages or feed.status is not FeedStatus.READY:
        await asyncio.sleep(_LOOK_S)


def main() -> None:
    """Fill a table, and measure."""
    tables: dict[str, TableDeclaration[Any]] = {"policy": POLICIES, "job": JOBS}
    table = tables[sys.argv[2] if len(sys.argv) > 2 else "policy"]
    size = int(sys.argv[1]) if len(sys.argv) > 1 else SIZES[table.name]
    with database(None, None) as stored:
        if table is JOBS:
            now = datetime.now(UTC)
            stored.put("job", [jobs.job(number, ended=now) for number in range(size)])
        else:
            stored.fill(size)
        asyncio.run(_measure(stored, size, table))


if __name__ == "__main__":
    main()
