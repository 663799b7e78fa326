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
from array import array
from collections import deque
from collections.abc import Awaitable, Callable, Hashable
from functools import partial
from math import inf
from typing import Final, Generic, TypeVar

from graphql_api.cancellation import in_own_task
from graphql_api.errors import DatabaseError
from graphql_api.feeds.backoff import Backoff
from graphql_api.feeds.table import Document
from graphql_api.log_feeds.cursor import NOTHING, LogPlace
from graphql_api.log_feeds.evidence import Evidence
from graphql_api.log_feeds.follower import Follower, SettledPage
from graphql_api.log_feeds.log import Log, Owner
from graphql_api.log_feeds.page_cache import PageCache
from graphql_api.log_feeds.rows import HeldRow, RowCache, size_of
from graphql_api.log_feeds.source import MAX_SEQUENCE, Batch
from graphql_api.log_feeds.surroundings import Surroundings, first_error
from graphql_api.log_feeds.window import LogWindow

RowT = TypeVar("RowT")

_SEQUENCES: Final = 5_000
_TICKS: Final = 30
"""How often within the bound what is settled is looked for."""
_MAX_TICK_S: Final = 1.0
_GRACE: Final = 0.25
_MIN_GRACE_S: Final = 1.0
"""How long what is settled stays in the window, as a part of the bound, and at least."""
_RETRY_S: Final = 0.5
"""How long to wait after a read that has failed."""


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
        place: LogPlace,
    ) -> None:
        floor = max(place.line, surroundings.trusted(place))
        self.log = log
        self.key = key
        self.rows = rows
        self.owner: Owner | None = None
        """What its owner says; None before it was read."""
        self.is_gone = False
        """Whether there is no owner."""
        self.finished_at_s = inf
        """When its owner was first seen to be finished, in seconds of the clock."""
        self.followers: dict[Follower, Callable[[], None]] = {}
        """The followers, and what wakes each."""
        self.window = LogWindow(floor)
        self._pages = PageCache()
        self._around = surroundings
        self._evidence = Evidence(surroundings.settings.response_lag_s)
        self._unfilled: list[list[int]] = []
        self._changed, self._filled = asyncio.Event(), asyncio.Event()
        self._verified = floor
        self._verified_end = 0
        self._verified_at_s: deque[tuple[int, float]] = deque()
        self._finished = asyncio.Event()
        self._is_checked = self._is_read_to_end = False
        self._tasks: asyncio.TaskGroup | None = None
        self._reads: set[Hashable] = set()
        self._ready_at_s: float | None = None
        self._is_waking = False

    # What followers use.

    def follow(self, place: LogPlace, wake: Callable[[], None]) -> Follower:
        """Begin to follow from a place; `leave` ends it.

        Args:
            place: What the follower has. What it claims harms no other follower.
            wake: Called when there may be more for it. It only takes note.
        """
        window, trusted = self.window, self._around.trusted(place)
        final = max(self._evidence.settle(self._around.clock()), trusted)
        if place.line < window.floor and final < window.floor:
            floor = max(place.line, final)
            self._unfilled.insert(0, [floor, window.floor])
            self._filled.clear()
            window.lower(floor)
            self._verified = floor
            self._verified_at_s.clear()
        follower = Follower(window, place, trusted=trusted)
        self.followers[follower] = wake
        self._changed.set()
        return follower

    def leave(self, follower: Follower) -> None:
        """End following; nothing happens the second time."""
        self.followers.pop(follower, None)

    def ask_for_more(self) -> None:
        """Look for more rows: a follower has come to the end of the window."""
        if not self._filled.is_set():
            self._changed.set()

    def is_complete_for(self, follower: Follower) -> bool:
        """Whether there is nothing more to come for a follower for which there is nothing now."""
        owner = self.owner
        if owner is None or follower.is_reading or not self._filled.is_set():
            return False
        return self._is_read_to_end or (self._is_checked and follower.total == owner.rows)

    def place_of(self, follower: Follower, given: LogPlace) -> LogPlace:
        """The settled rows that a follower has, as its cursor names them.

        Args:
            follower: The follower.
            given: The place with which it came.
        """
        line, count = follower.line, follower.count
        if follower.is_reading:
            return LogPlace(line, count)
        if line < self._verified and follower.number >= self._verified_end:
            count += self.window.count_above(line) - self.window.count_above(self._verified)
            line = self._verified
        mark, carried = self._evidence.mark_above(line), given.mark
        if carried.sequence > line and not NOTHING < mark.seen_ms <= carried.seen_ms:
            mark = carried
        return LogPlace(line, count, mark)

    def read_page(self, follower: Follower) -> bool:
        """Give a follower the page of settled rows that it wants.

        Returns:
            Whether it has it; if not, it is given one once that is read.
        """
        after, upto = follower.line, follower.upto
        page = self._pages.get(after)
        if page is not None:
            follower.take_page(page)
            return True
        self._read(("page", after, upto), partial(self._read_page, after, upto))
        return False

    def read_rows(self, sequences: list[int]) -> None:
        """Read rows that are not in memory any more."""
        self._read(("rows", sequences[0]), partial(self._read_rows, sequences))

    # What the owner of all partitions uses.

    def set_owner(self, owner: Owner | None) -> None:
        """Store what the owner's document says; None, if there is no owner."""
        if owner is None:
            self.is_gone = True
        elif owner.is_finished and not self._finished.is_set():
            self.finished_at_s = min(self.finished_at_s, self._around.clock())
            self._finished.set()
        if owner is None or owner != self.owner:
            self.owner = owner or self.owner
            self._wake()

    async def run(self) -> None:
        """Follow the partition until cancelled."""
        around, name = self._around, f"{self.log.name} {self.key}"
        backoff = Backoff(around.settings.reconnect_first_s, around.settings.reconnect_max_s)
        try:
            while True:
                began_at_s, self._ready_at_s = around.clock(), None
                try:
                    await in_own_task(self._session(name))
                except* DatabaseError as errors:
                    around.outages.lost(name, first_error(errors))
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
            try:
                async with asyncio.TaskGroup() as self._tasks:
                    for work in (self._fill(), self._settle(), self._read_to_end()):
                        self._tasks.create_task(work, name=f"follow {name}")
                    self._changed.set()
                    self._wake()
                    async for document in inserts:
                        self._arrive(document)
                        self._wake()
            finally:
                self._tasks = None
                self._filled.clear()
                self._is_checked = False
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
            if not (self._unfilled or self._filled.is_set()):
                self._filled.set()
                self._wake()
            await self._changed.wait()
            self._changed.clear()
            if not self._unfilled:
                continue
            async with self._around.reads:
                if not self._unfilled:  # there is none any more
                    continue
                part = self._unfilled[0]
                batch = await self._read_whole(part[0], part[1])
                async for document in self._around.in_turns(batch.documents):
                    self._arrive(document)
            part[0] = max(part[0], batch.upto)
            if batch.is_last or part[0] >= part[1]:
                self._unfilled = [other for other in self._unfilled if other is not part]
                self._changed.set()
            self._wake()

    async def _settle(self) -> None:
        """Put the floor of the window higher as time passes."""
        around = self._around
        tick_s = min(_MAX_TICK_S, around.settings.response_lag_s / _TICKS)
        grace_s = max(_MIN_GRACE_S, around.settings.response_lag_s * _GRACE)
        while True:
            await asyncio.sleep(tick_s)
            self._see(self.window.head)
            now_s = around.clock()
            # Some time after it was verified: those who are a little behind stay in the window.
            while self._verified_at_s and self._verified_at_s[0][1] <= now_s - grace_s:
                self._put_floor(self._verified_at_s.popleft()[0], is_whole=True)
            final = self._evidence.settle(now_s)
            if final > max(self._verified, self.window.floor):
                if any(after < final for after, _ in self._unfilled):
                    self._skip_fill(final)
                    self._put_floor(final, is_whole=False)
                    self._verified_at_s.clear()
                else:
                    await self._verify(max(self._verified, self.window.floor), final)
                    self._verified_at_s.append((final, around.clock()))
                self._verified, self._verified_end = final, self.window.end
            self._evidence.drop(self.window.floor)

    async def _read_to_end(self) -> None:
        """Read the index again when the owner is finished, and once more after the bound.

        The first time is for rows that are visible, and that the changefeed has not sent yet.
        """
        around = self._around
        await self._finished.wait()
        await self._filled.wait()
        await self._verify(self.window.floor, MAX_SEQUENCE)
        self._is_checked = True
        self._wake()
        await asyncio.sleep(self.finished_at_s + around.settings.response_lag_s - around.clock())
        await self._verify(self.window.floor, MAX_SEQUENCE)
        self._is_read_to_end = True
        self._wake()

    async def _verify(self, after: int, upto: int) -> None:
        """Read the index again, for the sequences that the window may lack."""
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

    def _read(self, what: Hashable, work: Callable[[], Awaitable[None]]) -> None:
        """Read something once for all who want it; followers ask again if that fails."""
        if self._tasks is None or what in self._reads:
            return
        reading = self._reading(what, work)
        try:
            self._tasks.create_task(reading, name=f"read {what}")
        except RuntimeError:  # the group is about to end, because something has failed
            reading.close()
        else:
            self._reads.add(what)

    async def _reading(self, what: Hashable, work: Callable[[], Awaitable[None]]) -> None:
        try:
            async with self._around.reads:
                await work()
        except DatabaseError:
            await asyncio.sleep(_RETRY_S)
        finally:
            self._reads.discard(what)
            self._wake()

    async def _read_page(self, after: int, upto: int) -> None:
        is_settled = upto <= self._evidence.final  # and not only by what a follower says
        batch = await self._read_whole(after, upto)
        backwards = self._around.in_turns(batch.documents[::-1])  # the first ones stay longest
        async for document in backwards:
            self._hold(self.log.sequence(document), document)
        sequences = array("q", map(self.log.sequence, batch.documents))
        page = SettledPage(after, upto if batch.is_last else batch.upto, sequences)
        if is_settled:
            self._pages.put(page)
        for follower in self.followers:
            if follower.wants_page and follower.line == after and follower.upto == upto:
                follower.take_page(page)

    async def _read_whole(self, after: int, upto: int) -> Batch:
        limit, source = self.rows.rows_at_once, self._around.source
        return await source.read(
            self.log.layout, self.key, after=after, upto=upto, limit=limit, whole=True
        )

    async def _read_rows(self, sequences: list[int]) -> None:
        documents = await self._around.source.rows(self.log.layout, sequences)
        found = {self.log.sequence(document): document for document in documents}
        async for sequence in self._around.in_turns(sequences[::-1]):
            if sequence in found:
                self._hold(sequence, found[sequence])
            else:  # it has been deleted
                self.rows.put(sequence, HeldRow(None, 0, size_of({})))

    def _wake(self) -> None:
        """Wake every follower soon, once for several calls."""
        if not self._is_waking:
            self._is_waking = True
            asyncio.get_running_loop().call_soon(self._wake_all)

    def _wake_all(self) -> None:
        self._is_waking = False
        for wake in [*self.followers.values()]:
            wake()
