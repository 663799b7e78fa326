"""One table's feed: reads a changefeed into the watch cache, and begins again when it is lost."""

from __future__ import annotations

import asyncio
import logging
import random
import secrets
import time
from collections.abc import Awaitable, Callable, Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from typing import Any, Generic, Never, TypeVar, cast

from graphql_api.errors import DatabaseError, FeedLostError, FeedUnavailableError
from graphql_api.feeds.backoff import Backoff
from graphql_api.feeds.cache import Page, WatchCache
from graphql_api.feeds.comparison import Comparison
from graphql_api.feeds.cursor import RUN_BYTES
from graphql_api.feeds.decoding import DocumentDecoder
from graphql_api.feeds.events import FeedStatus
from graphql_api.feeds.history import History
from graphql_api.feeds.outage_log import OutageLog
from graphql_api.feeds.pages import Matching, filtered_page, matching, page_of_all
from graphql_api.feeds.part import Edge, Part
from graphql_api.feeds.rows import Rows
from graphql_api.feeds.sightings import Sighting, Sightings
from graphql_api.feeds.source import Source, SourceReady
from graphql_api.feeds.subscription import Subscription
from graphql_api.feeds.table import Document, Filter, Table
from graphql_api.turns import Pause, Turns, turn_of_the_loop

RowT = TypeVar("RowT")
EventT = TypeVar("EventT")

log = logging.getLogger(__name__)

STEPS_IN_A_ROW = 64
"""How many documents are decoded or changes applied at most before everything else has a turn."""

APPLY_TURN_S = 0.02
"""How long that takes at most, in seconds. What is applied in one turn is sent to each client by
one write, and is executed in one go for a client with a filter of its own."""

_ROWS_AT_ONCE = 1024
"""How many rows are read before `on_rows` is called again."""

_MAX_SUSPECTS = 1000
"""How many documents that differ are read a second time: one that still does is enough."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedSettings:
    """Settings of a feed: its history, its queues, and its retries.

    Attributes:
        history_max_changes: How many changes can be resumed from.
        history_max_bytes: How much memory they may take, about.
        queue_limit: How many changes a subscriber holds one by one before it merges them: no fewer
            than are applied before it has its turn, or every flood would be merged.
        backoff_first_s: How long to wait before the first new try.
        backoff_max_s: How long to wait at most; see `backoff`.
        self_check_s: How long to wait between two comparisons with the table; 0 for never.
        self_check_confirm_s: How long a change may take from the database to here, on a machine
            that has far too much to do: documents that differ are read again after it.
    """

    history_max_changes: int = 10_000
    history_max_bytes: int = 64 * 1024 * 1024
    queue_limit: int = STEPS_IN_A_ROW
    backoff_first_s: float = 0.1
    backoff_max_s: float = 10.0
    self_check_s: float = 300.0
    self_check_confirm_s: float = 10.0


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
        on_rows: Called again and again during the first read, and after it: there are more rows,
            which will stay.
        turn_clock: Returns the time in seconds, by which long work is divided into turns.
        rng: Gives the jitter.
        sleep: Waits for so many seconds between two tries.
        run: Names this feed in cursors: random, `cursor.RUN_BYTES` long.
    """

    def __init__(
        self,
        table: Table[RowT, EventT],
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
        run: bytes | None = None,
    ) -> None:
        self._source = source
        self._settings = settings or FeedSettings()
        self._outages = outages or OutageLog()
        self._pause = pause
        self._clock = clock
        self._on_rows = on_rows
        self._turn_clock = turn_clock
        self._filtering = asyncio.Lock()
        self._rng = rng or random.Random()  # noqa: S311 - jitter
        self._sleep = sleep
        self._is_ready = asyncio.Event()
        self._has_rows = asyncio.Event()
        self._prerequisites: tuple[Feed[Any, Any], ...] = ()
        self._ready_at: float | None = None
        self._stale_at: float | None = None
        self._decoder = DocumentDecoder(table)
        self._sightings = Sightings(pace_s=table.pace_s, without=table.without)
        self._edge: Edge | None = None
        self._cache = WatchCache(
            table,
            run=secrets.token_bytes(RUN_BYTES) if run is None else run,
            history=History(
                max_changes=self._settings.history_max_changes,
                max_bytes=self._settings.history_max_bytes,
            ),
            queue_limit=self._settings.queue_limit,
        )
        self.table = table
        self.last_change_at: datetime | None = None
        """When the last change was seen."""
        self.problem: DatabaseError | None = None
        """Why the feed was last lost; None while it is not."""
        self.since = clock()
        """When the feed came to its status."""
        self.outages = 0
        """How often the feed was lost after it had been ready."""
        self.repaired_documents = 0
        """How many rows differed from the table after an outage, and were put right."""
        self.self_checks = 0
        """How often the rows were compared with the table."""
        self.self_check_differences = 0
        """How many rows were found to differ; anything but 0 is a bug, here or in the database."""

    # For resolvers.

    @property
    def status(self) -> FeedStatus:
        """How the feed stands to the database."""
        return self._cache.status

    @property
    def documents(self) -> int:
        """How many rows are served."""
        return len(self._cache.rows)

    @property
    def unread_documents(self) -> int:
        """How many documents are not served, or without a part that could not be read."""
        return self._decoder.unread

    @property
    def subscribers(self) -> int:
        """How many subscriptions are open."""
        return self._cache.subscribers

    @property
    def stale_s(self) -> float:
        """How long the rows may have been old, in seconds; 0 while they are not."""
        if self._stale_at is None:
            return 0.0
        return asyncio.get_running_loop().time() - self._stale_at

    @property
    def merged_changes(self) -> int:
        """How often a change was merged with another for one subscriber that was behind."""
        return self._cache.merged_changes

    @property
    def history(self) -> History[RowT]:
        """The changes that can be resumed from."""
        return self._cache.history

    @property
    def position(self) -> int:
        """Another value after each change of the rows."""
        return self._cache.position

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
        version = self._cache.rows.get(key)
        return None if version is None else version.row

    def group(self, name: str, value: str, *, limit: int) -> list[RowT]:
        """The first rows of one of the table's groups, in the order of pages."""
        return [version.row for version in self._cache.group(name, value, limit=limit)]

    async def page(
        self, where: Filter[RowT] | None, *, order: str, offset: int, limit: int
    ) -> Page[RowT]:
        """Some of the rows that pass `where`, with the cursor from which to watch them all.

        It is made in turns of a few milliseconds, and is as of one moment all the same. With a
        filter it looks at every row. One such page is made at a time: ten at once would hold the
        event loop for ten turns in a row.

        Args:
            where: Which rows; all, if absent.
            order: The name of one of the table's orders.
            offset: How many rows to leave out at the beginning.
            limit: How many rows at most.
        """
        if where is None:
            turns = Turns(clock=self._turn_clock)
            return await page_of_all(
                self._cache, order=order, offset=offset, limit=limit, turns=turns
            )
        async with self._filtering:
            turns = Turns(clock=self._turn_clock)
            return await filtered_page(
                self._cache, where, order=order, offset=offset, limit=limit, turns=turns
            )

    async def matching(self, where: Filter[RowT] | None, *, order: str) -> Matching[RowT]:
        """The rows that pass `where`, made in turns: for a page that has others beside them."""
        async with self._filtering:
            turns = Turns(clock=self._turn_clock)
            return await matching(self._cache, where, order=order, turns=turns)

    @property
    def edge(self) -> Edge | None:
        """The edge of the window that is held; None if all rows are."""
        return self._edge

    def subscribe(
        self,
        where: Filter[RowT] | None = None,
        *,
        include_initial: bool = True,
        since: str | None = None,
    ) -> Subscription[EventT]:
        """Watch the rows that pass `where`, from now until the subscription is closed.

        Args:
            where: Which rows; all, if absent.
            include_initial: Whether to begin with the rows that are there.
            since: The cursor of the last event received; `include_initial` is ignored then.

        Raises:
            BadCursorError: `since` is not a cursor.
        """
        return Subscription(self._cache, where, include_initial=include_initial, since=since)

    def expect(self, key: str) -> AbstractContextManager[Sighting]:
        """Take note of what happens to the document with a key, to wait for a write to it."""
        return self._sightings.expect(key)

    # For the lifespan.

    def follow_after(self, feeds: Iterable[Feed[Any, Any]]) -> None:
        """Let this feed not be ready before others are read, whose rows are parts of its own."""
        self._prerequisites = tuple(feeds)

    async def run(self) -> Never:
        """Keep the cache in step with the table, for ever; ends by being cancelled."""
        time = asyncio.get_running_loop().time
        backoff = Backoff(self._settings.backoff_first_s, self._settings.backoff_max_s)
        while True:
            self._ready_at = None
            began_at = time()
            lost = await self._follow()
            if self._ready_at is not None:
                self.outages += 1
            if self.status is FeedStatus.READY:
                self._stale_at = time()
                self.since = self._clock()
            self._cache.lose()
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
                tasks.create_task(self._read(tasks))
                tasks.create_task(self._check_now_and_then())
                tasks.create_task(self._age_out())
        except* DatabaseError as group:
            lost = cast("DatabaseError", group.exceptions[0])
        except* Exception:
            log.exception("feed %s: unexpected error", self.table.name)
        return lost or FeedLostError(f"the feed of table `{self.table.name}` failed unexpectedly")

    async def _read(self, tasks: asyncio.TaskGroup) -> Never:
        """Apply what a changefeed sends, until it is lost; `tasks` end with it."""
        snapshot: Rows[RowT] | Comparison[RowT] | None
        if self.status is FeedStatus.INITIALIZING:
            snapshot = Rows(self.table.sort_keys, self.table.groups)
        else:
            snapshot = Comparison(self._cache.rows, version=self._cache.version)
        self._decoder.begin()
        self._sightings.begin()
        turns = self._turns()
        window = self.table.window
        self._edge = None if window is None else Edge(window.field, window.edge(self._clock()))
        async with self._source.changes(self.table.name, self._part) as changes:
            async for change in changes:
                if isinstance(change, SourceReady):
                    assert snapshot is not None, "a changefeed is ready once"
                    if isinstance(snapshot, Rows):
                        self._cache.take(snapshot)
                        self._on_rows()
                        self._has_rows.set()
                        tasks.create_task(self._begin())
                    else:
                        await self._repair(snapshot)
                        snapshot = None
                    continue
                key = self._decoder.key(change.old if change.new is None else change.new)
                if change.new is None:
                    self._decoder.forget(change.old)
                if key is None:
                    continue
                stays = change.new is not None and self._was_outside(key, change.old)
                row = None if change.new is None else self._decoder.row(key, change.new)
                if row is not None and self._is_outside(row):
                    row, stays = None, True
                self._set(snapshot, key, row, stays=stays)
                self._sightings.saw(key, change.old, change.new)
                await turns.take()
        raise FeedLostError(f"the changefeed of table `{self.table.name}` ended")

    def _set(
        self,
        snapshot: Rows[RowT] | Comparison[RowT] | None,
        key: str,
        row: RowT | None,
        *,
        stays: bool,
    ) -> None:
        """Set a row, or delete it: in what is served, or in a snapshot that is not yet."""
        if isinstance(snapshot, Comparison):
            if snapshot.saw(key, row) and row is not None:
                self._cache.replace(key, row)
        elif snapshot is None or self.status is not FeedStatus.INITIALIZING:
            self._apply(key, row, stays=stays)
        else:
            snapshot.set(key, None if row is None else self._cache.version(row))
            if len(snapshot) % _ROWS_AT_ONCE == 0:
                self._on_rows()

    async def _begin(self) -> None:
        """Serve the first snapshot, once the rows that are parts of its own are there.

        Until then each change that comes is made in the snapshot: it is never older than what the
        database has sent, however long the others take.
        """
        # Two tables may read each other: so each waits for rows, not for readiness.
        for feed in self._prerequisites:
            await feed._has_rows.wait()  # noqa: SLF001 - of the same class
        self._cache.begin()
        self._note_ready()

    async def _repair(self, snapshot: Comparison[RowT]) -> None:
        """Apply what differs from the table after an outage."""
        turns = self._turns()
        keys = self._cache.keys()
        for key in keys:
            if key in snapshot:
                row = snapshot.row(key)
                held = self.get(key) if row is None else None
                stays = held is not None and self._is_outside(held)
                self._apply(key, row, stays=stays)
                self.repaired_documents += 1
            await turns.take()
        for key, row in snapshot.new():
            self._apply(key, row)
            self.repaired_documents += 1
            await turns.take()
        self._cache.recover()
        self._stale_at = None
        self._note_ready()

    def _turns(self) -> Turns:
        return Turns(
            self._pause, turn_s=APPLY_TURN_S, max_steps=STEPS_IN_A_ROW, clock=self._turn_clock
        )

    @property
    def _part(self) -> Part:
        return Part(self.table.without, self.table.pace_s, self._edge)

    def _is_outside(self, row: RowT) -> bool:
        window, edge = self.table.window, self._edge
        return window is not None and edge is not None and window.time(row) < edge.since_s

    def _was_outside(self, key: str, old: Document | None) -> bool:
        """Whether a document has no row because it was outside of the window before a change."""
        if self._edge is None or old is None or key in self._cache.rows:
            return False
        row = self._decoder.row(key, old)
        return row is not None and self._is_outside(row)

    async def _age_out(self) -> None:
        """Let rows leave the window as time passes: no change of the database says so."""
        window = self.table.window
        if window is None:
            return
        turns = self._turns()
        while True:
            await asyncio.sleep(window.look_s)
            if self._edge is None or self.status is FeedStatus.INITIALIZING:
                continue
            # A clock that is put back lets nothing in again: the next changefeed does.
            since_s = max(self._edge.since_s, window.edge(self._clock()))
            self._edge = self._edge._replace(since_s=since_s)
            while (key := self._cache.first_outside(since_s)) is not None:
                self._apply(key, None, stays=True)
                await turns.take()

    def _apply(self, key: str, row: RowT | None, *, stays: bool = False) -> None:
        position = self._cache.position
        self._cache.apply(key, row, stays=stays)
        if self._cache.position != position:
            self.last_change_at = self._clock()

    def _note_ready(self) -> None:
        self._sightings.serve(self._cache.rows)
        self._ready_at = asyncio.get_running_loop().time()
        self._is_ready.set()
        self.since = self._clock()
        self.problem = None
        self._outages.ready(self.table.name, self.documents)

    async def _check_now_and_then(self) -> None:
        """Compare the rows with the table at intervals, as long as they agree.

        Raises:
            FeedLostError: They do not.
        """
        while self._settings.self_check_s:
            await asyncio.sleep(self._settings.self_check_s)
            try:
                await self._check()
            except FeedLostError:
                raise
            except DatabaseError as error:
                log.info("table %s: no self-check: %s", self.table.name, error)

    async def _check(self) -> None:
        if self.status is not FeedStatus.READY:
            return
        before = self._cache.position
        suspects = await self._suspects(before)
        if suspects:
            # A change may have been on its way here while the table was read; then it has come by
            # now, though the next one of the same document may be on its way.
            await asyncio.sleep(self._settings.self_check_confirm_s + self.table.pace_s)
            suspects = await self._suspects(before, suspects)
        self.self_checks += 1
        if suspects:
            self.self_check_differences += len(suspects)
            log.warning(
                "table %s: %d documents differ from the database, such as %r; reading it again",
                self.table.name,
                len(suspects),
                suspects[0],
            )
            raise FeedLostError(f"table `{self.table.name}` differs from the database")

    async def _suspects(self, before: int, keys: list[str] | None = None) -> list[str]:
        """Which rows, of all or of some keys, differ and have not changed after a position."""
        comparison = Comparison(self._cache.rows, keys)
        stored = None if keys is None else self._decoder.stored_keys(keys)
        async with self._source.documents(self.table.name, stored, self._part) as documents:
            await comparison.read(documents, self._decoder, self._turns())
        changed = self._cache.changed_since(before)
        if changed is None:
            return []
        return list(islice((key for key in comparison if key not in changed), _MAX_SUSPECTS))
