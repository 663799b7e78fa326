"""Feed: one table's rows, and the one changefeed that its queries and subscriptions share."""

from __future__ import annotations

import asyncio
import logging
import random
import secrets
import time
from collections.abc import Awaitable, Callable, Iterable
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from typing import Any, Generic, Never, TypeVar, cast

from graphql_api.cancellation import in_own_task
from graphql_api.errors import DatabaseError, FeedLostError, FeedUnavailableError
from graphql_api.feeds.backoff import Backoff
from graphql_api.feeds.cache import WatchCache
from graphql_api.feeds.consistency_check import ConsistencyCheck
from graphql_api.feeds.cursor import RUN_BYTES
from graphql_api.feeds.decoding import DocumentDecoder
from graphql_api.feeds.events import FeedStatus
from graphql_api.feeds.feed_settings import APPLY_TURN_S, STEPS_IN_A_ROW, FeedSettings
from graphql_api.feeds.history import History
from graphql_api.feeds.keeping import Keeper, kept_change, restore, take
from graphql_api.feeds.live_pages import LivePage, LivePages, PageRequest
from graphql_api.feeds.moving_window import MovingWindow
from graphql_api.feeds.order import OrderBy
from graphql_api.feeds.outage_log import OutageLog
from graphql_api.feeds.pages import FeedPage, Matching, UnpackedRows, matching
from graphql_api.feeds.part import Edge
from graphql_api.feeds.reflector import Reflector
from graphql_api.feeds.source import Source
from graphql_api.feeds.subscription import Subscription
from graphql_api.feeds.table import FeedTable, Filter
from graphql_api.feeds.write_barrier import ExpectedWrite, WriteBarrier
from graphql_api.turns import Pause, Turns, turn_of_the_loop

RowT = TypeVar("RowT")
EventT = TypeVar("EventT")

log = logging.getLogger(__name__)


class Feed(Generic[RowT, EventT]):
    """The rows of a table, its subscribers, and the one changefeed that they share.

    `run` reads the database; its owner is the application's lifespan. Everything else is for
    resolvers: apart from `ready`, nothing waits.

    Args:
        table: What to serve.
        source: Where from.
        settings: Limits.
        outages: Where to say how the feed stands.
        pause: Awaited between pieces of long work, such as a flood of changes: a feed that waits
            for its subscribers there is as fast as they are, before it has to merge for them. A
            turn of the event loop, if absent.
        clock: Returns the time, for `last_change_at`, and for what leaves the table's window.
        on_rows: Called again and again while rows are loaded, or read, that will stay.
        turn_clock: Returns the time in seconds, by which long work is divided into turns.
        rng: Gives the jitter.
        sleep: Waits for so many seconds between two tries.
        keeper: Keeps the rows and the history over the end of the process, if that is wanted.
        run: Names this feed in cursors: random, `cursor.RUN_BYTES` long.
    """

    def __init__(
        self,
        table: FeedTable[RowT, EventT],
        source: Source,
        settings: FeedSettings | None = None,
        *,
        outages: OutageLog | None = None,
        pause: Pause = turn_of_the_loop,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        on_rows: Callable[[], None] = lambda: None,
        turn_clock: Callable[[], float] = time.perf_counter,
        rng: random.Random | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        keeper: Keeper | None = None,
        run: bytes | None = None,
    ) -> None:
        self._settings = settings = settings or FeedSettings()
        self._outages = outages or OutageLog()
        self._pause = pause
        self._clock = clock
        self._turn_clock = turn_clock
        self._filtering = asyncio.Lock()
        self._rng = rng or random.Random()  # noqa: S311 - jitter
        self._sleep = sleep
        self._keeper = keeper
        self._on_rows = on_rows
        self._kept_names: tuple[str, ...] | None = None
        self._kept_since = 0
        self._is_ready = asyncio.Event()
        self._ready_at: float | None = None
        self._stale_at: float | None = None
        self.decoder = DocumentDecoder(table)
        """Makes rows of documents, and counts those that it cannot read."""
        self._barrier = WriteBarrier(pace_s=table.pace_s, without=table.without)
        self.cache = cache = WatchCache(
            table,
            run=secrets.token_bytes(RUN_BYTES) if run is None else run,
            history=History(
                max_changes=settings.history_max_changes, max_bytes=settings.history_max_bytes
            ),
            queue_limit=settings.queue_limit,
        )
        """The rows, their history, and who watches them."""
        self._live_pages = LivePages(cache, table)
        self._window = MovingWindow(table, cache, clock=clock, make_turns=self._turns)
        self.reflector = Reflector(
            table,
            source,
            cache,
            decoder=self.decoder,
            window=self._window,
            barrier=self._barrier,
            clock=clock,
            make_turns=self._turns,
            on_rows=on_rows,
            on_ready=self._note_ready,
        )
        """Keeps the cache in step with the table."""
        self.table = table
        self.consistency_check = ConsistencyCheck(
            table,
            source,
            cache,
            decoder=self.decoder,
            window=self._window,
            interval_s=settings.self_check_s,
            confirm_s=settings.self_check_confirm_s,
            make_turns=self._turns,
        )
        self.problem: DatabaseError | None = None
        """Why the feed was last lost; None while it is not."""
        self.since = clock()
        """When the feed came to its status."""
        self.outages = 0
        """How often the feed was lost after it had been ready."""

    # For resolvers.

    @property
    def status(self) -> FeedStatus:
        """How the feed stands to the database."""
        return self.cache.status

    @property
    def documents(self) -> int:
        """How many rows are served."""
        return len(self.cache.rows)

    @property
    def subscribers(self) -> int:
        """How many subscriptions are open."""
        return self.cache.subscribers + self._live_pages.more

    @property
    def stale_s(self) -> float:
        """How long the rows may have been old, in seconds; 0 while they are not."""
        if self._stale_at is None:
            return 0.0
        return asyncio.get_running_loop().time() - self._stale_at

    @property
    def position(self) -> int:
        """Another value after each change of the rows."""
        return self.cache.position

    async def ready(self, timeout_s: float) -> None:
        """Wait until there is a first snapshot.

        Raises:
            FeedUnavailableError: There is none after `timeout_s`.
        """
        if self._is_ready.is_set():
            return
        try:
            async with asyncio.timeout(timeout_s):
                await self._is_ready.wait()
        except TimeoutError as error:
            reason = f": {self.problem}" if self.problem else ""
            raise FeedUnavailableError(
                f"the table `{self.table.name}` could not be read yet{reason}; try again later"
            ) from error

    def get(self, key: str) -> RowT | None:
        """The row with a key."""
        version = self.cache.rows.get(key)
        return None if version is None else version.row

    def group(self, name: str, value: str, *, limit: int) -> list[RowT]:
        """The first rows of one of the table's groups, in the usual order."""
        return [version.row for version in self.cache.group(name, value, limit=limit)]

    async def page(
        self, where: Filter[RowT] | None, *, order_by: OrderBy, offset: int, limit: int
    ) -> FeedPage[RowT]:
        """Some of the rows that pass `where`, with the cursor from which to watch them all.

        It is made in turns of a few milliseconds, and is as of one moment all the same. With a
        filter it looks at every row. One such page is made at a time: ten at once would hold the
        event loop for ten turns in a row.

        Args:
            where: Which rows; all, if absent.
            order_by: In which order.
            offset: How many rows to leave out at the beginning.
            limit: How many rows at most.
        """
        if where is None:
            versions = self.cache.part(order_by, offset=offset, limit=limit)
            cursor = self.cache.cursor()
            return FeedPage(UnpackedRows(versions), self.documents, cursor, self.status)
        found = await self.matching(where, order_by=order_by)
        versions = [found.rows[sort_key[-1]] for sort_key in found.keys[offset : offset + limit]]
        return FeedPage(UnpackedRows(versions), len(found.keys), found.cursor, found.status)

    async def matching(self, where: Filter[RowT] | None, *, order_by: OrderBy) -> Matching[RowT]:
        """The rows that pass `where`, made in turns: for a page that has others beside them."""
        async with self._filtering:
            turns = Turns(clock=self._turn_clock)
            return await matching(self.cache, where, order_by=order_by, turns=turns)

    @property
    def edge(self) -> Edge | None:
        """The edge of the window that is held; None if all rows are."""
        return self._window.edge

    def subscribe(
        self,
        where: Filter[RowT] | None = None,
        *,
        include_initial: bool = True,
        since: str | None = None,
        every_s: float = 0.0,
    ) -> Subscription[EventT]:
        """Watch the rows that pass `where`, from now until the subscription is closed.

        Args:
            where: Which rows; all, if absent.
            include_initial: Whether to begin with the rows that are there.
            since: The cursor of the last event received; `include_initial` is ignored then.
            every_s: The least time between two batches of changes; 0 for each change at once.

        Raises:
            BadCursorError: `since` is not a cursor.
        """
        return Subscription(
            self.cache,
            where,
            include_initial=include_initial,
            since=since,
            every_s=every_s,
        )

    def watch_page(self, wanted: PageRequest, *, every_s: float) -> LivePage:
        """Watch a page from now on, until the source is closed: its pages as it changes.

        The first one comes with the first snapshot, or at once.

        Args:
            wanted: Which page.
            every_s: The least time between two pages of one status, in seconds.
        """
        return self._live_pages.open(wanted, every_s=every_s)

    def listen(self, listener: Callable[[], None]) -> None:
        """Call `listener` after each change of a row; it must only take note."""
        self.cache.listeners[listener] = None

    def unlisten(self, listener: Callable[[], None]) -> None:
        """Stop calling `listener`."""
        self.cache.listeners.pop(listener, None)

    def expect(self, key: str) -> AbstractContextManager[ExpectedWrite]:
        """Record the changes of the document with a key, to wait for a write to it."""
        return self._barrier.expect(key)

    # For the lifespan.

    def follow_after(self, feeds: Iterable[Feed[Any, Any]]) -> None:
        """Delay this feed until the feeds are read whose rows are parts of its own."""
        self.reflector.follow_after(feed.reflector for feed in feeds)

    async def run(self) -> None:
        """Keep the cache in step with the table, for ever; ends by being cancelled."""
        async with asyncio.TaskGroup() as tasks:
            if self._keeper is not None:
                tasks.create_task(self._keeper.run(lambda: take(self.cache, self._kept_since)))
            tasks.create_task(self._follow_for_ever())

    async def restore(self) -> None:
        """Go on with what was kept, if something was, as if there had been an outage."""
        if (keeper := self._keeper) is None:
            return
        self.cache.on_change = lambda change: keeper.append(kept_change(change))
        if (kept := await keeper.load(self.table.content_version)) is None:
            return
        try:
            turns = Turns(clock=self._turn_clock)
            right = await restore(self.cache, kept, turns, self._on_rows)
        except Exception as error:  # noqa: BLE001 - it costs the history, and nothing else
            log.warning("what was kept of table %s is not used: %r", self.table.name, error)
            self.cache.history.forget(0)
        else:
            keeper.resume(right)
            self._kept_names = kept.names
            self._window.begin()
            self.reflector.note_restored()
            self._stale_at = asyncio.get_running_loop().time()
            self.since = self._clock()
            self._is_ready.set()

    async def _follow_for_ever(self) -> Never:
        time = asyncio.get_running_loop().time
        backoff = Backoff(self._settings.reconnect_first_s, self._settings.reconnect_max_s)
        while True:
            self._ready_at = None
            began_at = time()
            lost = await in_own_task(self._follow())
            if self._ready_at is not None:
                self.outages += 1
            if self.status is FeedStatus.READY:
                self._stale_at = time()
                self.since = self._clock()
            self.cache.lose()
            self.problem = lost
            self._outages.lost(self.table.name, lost)
            wait_s = backoff.wait_s(
                began_at=began_at,
                ready_at=self._ready_at,
                lost_at=time(),
                jitter=self._rng.random(),
            )
            await self._sleep(wait_s)

    async def _follow(self) -> DatabaseError:
        """Read one changefeed until it is lost; returns why."""
        lost: DatabaseError | None = None
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self.reflector.read(tasks))
                tasks.create_task(self.consistency_check.run())
                tasks.create_task(self._window.age_out(self.reflector.leave_window))
        except* DatabaseError as group:
            lost = cast("DatabaseError", group.exceptions[0])
        except* Exception:
            log.exception("feed %s: unexpected error", self.table.name)
        return lost or FeedLostError(f"the feed of table `{self.table.name}` failed unexpectedly")

    def _turns(self) -> Turns:
        return Turns(
            self._pause, turn_s=APPLY_TURN_S, max_steps=STEPS_IN_A_ROW, clock=self._turn_clock
        )

    def _note_ready(self) -> None:
        self._stale_at = None
        self._ready_at = asyncio.get_running_loop().time()
        self._is_ready.set()
        self.since = self._clock()
        self.problem = None
        names = self.cache.content_names
        if self._keeper is not None and names != self._kept_names:
            self._kept_names, self._kept_since = names, self.cache.position
            self._keeper.begin_again()
        self._outages.ready(self.table.name, self.documents)
