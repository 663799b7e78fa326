"""One partition that is followed: one changefeed, whatever the number of followers.

```
 changefeed ──▶ arrivals ─┐
 index ───────▶ fill ─────┼─▶ Window ──▶ Follower, one for each subscription
 index ───────▶ settle ───┘                 ▲
 index ───────▶ pages of settled rows ──────┘
```

An outage ends the changefeed. The next one begins with reading the index again from the window's
floor on; what was seen before is known, and is not given out again.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Coroutine, Hashable
from dataclasses import dataclass, field
from typing import Any, Final, Generic, TypeVar

from graphql_api.errors import DatabaseError
from graphql_api.feeds.backoff import Backoff
from graphql_api.feeds.outage_log import OutageLog
from graphql_api.log_feeds.cursor import NOTHING, Place
from graphql_api.log_feeds.evidence import Evidence
from graphql_api.log_feeds.follower import Follower, Page
from graphql_api.log_feeds.log import Log, Owner
from graphql_api.log_feeds.rows import HeldRow, RowCache, size_of
from graphql_api.log_feeds.source import MAX_SEQUENCE, LogSource
from graphql_api.log_feeds.window import Window
from graphql_api.store import Document

RowT = TypeVar("RowT")

PAGE_ROWS: Final = 100
"""How many rows are read at once for a follower that is behind."""
_FILL_ROWS: Final = 500
_SEQUENCES: Final = 5_000
_TICKS: Final = 30
"""How often within the bound what is settled is looked for."""
_MAX_TICK_S: Final = 1.0
_RETRY_S: Final = 0.5
"""How long to wait after a read that has failed."""
_MAX_READS: Final = 8
"""How many pages and rows are read at once for all partitions."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LogSettings:
    """How logs are followed.

    Attributes:
        bound_s: How long after a row one with a lower sequence may become visible.
        owner_interval_s: How often the owners of followed partitions are read.
        backoff_first_s: How long to wait after the first failed try, about.
        backoff_max_s: How long to wait at most.
        max_row_bytes: How much the rows of one log may take in memory.
    """

    bound_s: float = 60.0
    owner_interval_s: float = 0.5
    backoff_first_s: float = 0.1
    backoff_max_s: float = 10.0
    max_row_bytes: int = 32 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What all partitions of a server share.

    Attributes:
        source: Where they are read.
        settings: How they are followed.
        outages: Tells the operator of lost changefeeds.
        clock: Tells the time in seconds, and never leaps.
        epoch_s: Tells the time of day, in seconds since 1970.
        rng: For the jitter of waits.
        reads: Limits how many pages and rows are read at once.
    """

    source: LogSource
    settings: LogSettings
    outages: OutageLog
    clock: Callable[[], float]
    epoch_s: Callable[[], float]
    rng: random.Random
    reads: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(_MAX_READS))

    def trusted(self, place: Place) -> int:
        """Up to where all rows are settled, by what a follower says of itself."""
        sequence, seen_ms = place.mark
        is_old = self.epoch_s() >= seen_ms / 1000 + self.settings.bound_s
        return min(sequence, MAX_SEQUENCE) if is_old else NOTHING


class Partition(Generic[RowT]):
    """One partition, from its first follower to its last.

    Args:
        log: Its log.
        key: Its key.
        rows: The rows of the log that are in memory.
        surroundings: What it shares with others.
        place: From where its first follower goes on.
    """

    def __init__(
        self,
        log: Log[RowT],
        key: str,
        rows: RowCache[RowT],
        surroundings: Surroundings,
        place: Place,
    ) -> None:
        floor = max(place.line, surroundings.trusted(place))
        self.log = log
        self.key = key
        self.rows = rows
        self.owner: Owner | None = None
        """What its owner says; None before it was read."""
        self.is_gone = False
        """Whether there is no owner."""
        self.followers: dict[Follower, Callable[[], None]] = {}
        """The followers, and what wakes each."""
        self.window = Window(floor)
        self._around = surroundings
        self._evidence = Evidence(surroundings.settings.bound_s)
        self._unfilled: list[list[int]] = []
        self._changed = asyncio.Event()
        self._is_filled = False
        self._verified = floor
        self._finished_at_s: float | None = None
        self._is_read_to_end = False
        self._tasks: asyncio.TaskGroup | None = None
        self._reads: set[Hashable] = set()
        self._ready_at_s: float | None = None
        self._is_waking = False

    # What followers use.

    def follow(self, place: Place, wake: Callable[[], None]) -> Follower:
        """Begin to follow from a place; `leave` ends it.

        Args:
            place: What the follower has. What it claims harms nobody else.
            wake: Called when there may be more for it. It only takes note.
        """
        window, trusted = self.window, self._around.trusted(place)
        final = max(self._evidence.settle(self._around.clock()), trusted)
        if place.line < window.floor and final < window.floor:
            floor = max(place.line, final)
            self._unfilled.insert(0, [floor, window.floor])
            self._is_filled = False
            window.lower(floor)
            self._verified = floor
        follower = Follower(window, place, trusted=trusted)
        self.followers[follower] = wake
        self._changed.set()
        return follower

    def leave(self, follower: Follower) -> None:
        """End following; nothing happens the second time."""
        self.followers.pop(follower, None)

    def ask_for_more(self) -> None:
        """A follower has come to the end of the window."""
        if not self._is_filled:
            self._changed.set()

    def is_complete_for(self, follower: Follower) -> bool:
        """Whether there is nothing more to come for a follower for which there is nothing now."""
        owner = self.owner
        if owner is None or not owner.is_finished or follower.is_reading or not self._is_filled:
            return False
        return self._is_read_to_end or follower.total == owner.rows

    def place_of(self, follower: Follower, given: Place) -> Place:
        """What a follower has for good.

        Args:
            follower: The follower.
            given: The place with which it came.
        """
        line, count = follower.line, follower.count
        if follower.is_reading:
            return Place(line, count)
        mark, carried = self._evidence.mark_above(line), given.mark
        if carried.sequence > line and not NOTHING < mark.seen_ms <= carried.seen_ms:
            mark = carried
        return Place(line, count, mark)

    def read_page(self, after: int, upto: int) -> None:
        """Read a page of settled rows for the followers that want it."""
        self._read(("page", after, upto), self._read_page(after, upto))

    def read_rows(self, sequences: list[int]) -> None:
        """Read rows that are not in memory any more."""
        self._read(("rows", sequences[0]), self._read_rows(sequences))

    # What the owner of all partitions uses.

    def set_owner(self, owner: Owner | None) -> None:
        """Take what the owner says; None, if there is none."""
        if owner is None:
            self.is_gone = True
        elif owner.is_finished and self._finished_at_s is None:
            self._finished_at_s = self._around.clock()
        if owner is None or owner != self.owner:
            self.owner = owner or self.owner
            self._wake()

    async def run(self) -> None:
        """Follow the partition until cancelled."""
        around, name = self._around, f"{self.log.name} {self.key}"
        backoff = Backoff(around.settings.backoff_first_s, around.settings.backoff_max_s)
        try:
            while True:
                began_at_s, self._ready_at_s = around.clock(), None
                try:
                    await self._session(name)
                except* DatabaseError as errors:
                    around.outages.lost(name, _first(errors))
                wait_s = backoff.wait_s(
                    began_at=began_at_s,
                    ready_at=self._ready_at_s,
                    lost_at=around.clock(),
                    jitter=around.rng.random(),
                )
                await asyncio.sleep(wait_s)
        finally:
            around.outages.found(name)

    async def _session(self, name: str) -> None:
        source, layout = self._around.source, self.log.layout
        async with source.inserts(layout, self.key) as inserts:
            head = await source.head(layout, self.key)
            self._ready_at_s = self._around.clock()
            self._around.outages.found(name)
            self._see(NOTHING if head is None else head)
            self._unfilled = [[self.window.floor, MAX_SEQUENCE]]
            self._is_filled = False
            try:
                async with asyncio.TaskGroup() as self._tasks:
                    self._tasks.create_task(self._fill(), name=f"fill {name}")
                    self._tasks.create_task(self._settle(), name=f"settle {name}")
                    self._changed.set()
                    self._wake()
                    async for document in inserts:
                        self._arrive(document)
                        self._wake()
            finally:
                self._tasks = None
                self._is_filled = False
                self._reads.clear()
                self._evidence.forget()

    # Into the window.

    def _arrive(self, document: Document) -> None:
        sequence = self.log.sequence(document)
        if self.window.add(sequence):
            self._hold(sequence, document)

    def _hold(self, sequence: int, document: Document) -> None:
        row = self.log.decode(document)
        self.rows.put(sequence, HeldRow(row, self.log.kind(row), size_of(document)))

    def _see(self, head: int) -> None:
        around = self._around
        self._evidence.see(head, at_s=around.clock(), epoch_ms=int(around.epoch_s() * 1000))

    async def _fill(self) -> None:
        """Read what was there before, whenever a follower has come to the end of the window."""
        while True:
            if not (self._unfilled or self._is_filled):
                self._is_filled = True
                self._wake()
            await self._changed.wait()
            self._changed.clear()
            if not self._unfilled:
                continue
            part = self._unfilled[0]
            batch = await self._around.source.read(
                self.log.layout,
                self.key,
                after=part[0],
                upto=part[1],
                limit=_FILL_ROWS,
                whole=True,
            )
            for document in batch.documents:
                self._arrive(document)
            part[0] = max(part[0], batch.upto)
            if batch.is_last or part[0] >= part[1]:
                self._unfilled = [other for other in self._unfilled if other is not part]
                self._changed.set()
            self._wake()

    async def _settle(self) -> None:
        """Put the floor of the window higher as time passes, and read what the owner has left."""
        around = self._around
        tick_s = min(_MAX_TICK_S, around.settings.bound_s / _TICKS)
        while True:
            await asyncio.sleep(tick_s)
            self._see(self.window.head)
            now_s = around.clock()
            # One tick after it was verified: followers that keep up have had what was found.
            if self._verified > self.window.floor:
                self._put_floor(self._verified, is_whole=True)
            final = self._evidence.settle(now_s)
            if final > self.window.floor:
                if any(after < final for after, _ in self._unfilled):
                    self._skip_fill(final)
                    self._put_floor(final, is_whole=False)
                else:
                    await self._verify(final)
                self._verified = final
            self._evidence.drop(self.window.floor)
            finished_at_s = self._finished_at_s
            if (
                finished_at_s is not None
                and now_s >= finished_at_s + around.settings.bound_s
                and not self._is_read_to_end
            ):
                await self._verify(MAX_SEQUENCE)
                self._is_read_to_end = True
                self._wake()

    async def _verify(self, upto: int) -> None:
        """Read the index again, for the sequences that the window may lack."""
        after = self.window.floor
        while after < upto:
            batch = await self._around.source.read(
                self.log.layout, self.key, after=after, upto=upto, limit=_SEQUENCES, whole=False
            )
            for document in batch.documents:
                self.window.add(self.log.sequence(document))
            after = upto if batch.is_last else batch.upto
        self._wake()

    def _skip_fill(self, final: int) -> None:
        """Leave to the pages of settled rows what has been settled before it was filled in."""
        for part in self._unfilled:
            part[0] = max(part[0], final)
        self._unfilled = [part for part in self._unfilled if part[0] < part[1]]
        self._changed.set()

    def _put_floor(self, floor: int, *, is_whole: bool) -> None:
        settled = self.window.settle(floor, is_whole=is_whole)
        for follower in self.followers:
            follower.on_settled(settled)
        self._wake()

    # For followers that are behind.

    def _read(self, what: Hashable, work: Coroutine[Any, Any, None]) -> None:
        """Read something once for all who want it; followers ask again if that fails."""
        if self._tasks is None or what in self._reads:
            work.close()
            return
        self._reads.add(what)
        self._tasks.create_task(self._reading(what, work), name=f"read {what}")

    async def _reading(self, what: Hashable, work: Coroutine[Any, Any, None]) -> None:
        try:
            async with self._around.reads:
                await work
        except DatabaseError:
            await asyncio.sleep(_RETRY_S)
        finally:
            work.close()
            self._reads.discard(what)
            self._wake()

    async def _read_page(self, after: int, upto: int) -> None:
        batch = await self._around.source.read(
            self.log.layout, self.key, after=after, upto=upto, limit=PAGE_ROWS, whole=True
        )
        for document in reversed(batch.documents):  # the first ones stay longest
            self._hold(self.log.sequence(document), document)
        sequences = [self.log.sequence(document) for document in batch.documents]
        page = Page(after, upto if batch.is_last else batch.upto, sequences)
        for follower in self.followers:
            if follower.wants_page and follower.line == after and follower.upto == upto:
                follower.take_page(page)

    async def _read_rows(self, sequences: list[int]) -> None:
        documents = await self._around.source.rows(self.log.layout, sequences)
        found = {self.log.sequence(document): document for document in documents}
        for sequence in reversed(sequences):
            if sequence in found:
                self._hold(sequence, found[sequence])
            else:  # it has been deleted
                self.rows.put(sequence, HeldRow(None, 0, 0))

    def _wake(self) -> None:
        """Have every follower look again, soon and once."""
        if not self._is_waking:
            self._is_waking = True
            asyncio.get_running_loop().call_soon(self._wake_all)

    def _wake_all(self) -> None:
        self._is_waking = False
        for wake in [*self.followers.values()]:
            wake()


def _first(errors: BaseExceptionGroup[DatabaseError]) -> DatabaseError:
    """One of the errors of a group."""
    error: Exception | BaseExceptionGroup[DatabaseError] = errors
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    assert isinstance(error, DatabaseError)
    return error
