"""Reflector: reads the changefeed of a table into the watch cache, and repairs it after an outage.

The name is that of its relative in Kubernetes: what lists and watches into a store.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any, Generic, Never, TypeVar

from graphql_api.errors import FeedLostError
from graphql_api.feeds.cache import WatchCache
from graphql_api.feeds.comparison import Comparison
from graphql_api.feeds.content import ContentHash
from graphql_api.feeds.decoding import DocumentDecoder
from graphql_api.feeds.events import FeedStatus
from graphql_api.feeds.moving_window import MovingWindow
from graphql_api.feeds.rows import Rows
from graphql_api.feeds.source import DocumentChange, Source, SourceReady
from graphql_api.feeds.table import Document, FeedTable
from graphql_api.feeds.write_barrier import WriteBarrier
from graphql_api.turns import Turns

RowT = TypeVar("RowT")

_ROWS_AT_ONCE = 256
"""After how many documents `on_rows` is called again."""


class Reflector(Generic[RowT]):
    """Keeps a cache in step with its table, over one changefeed after the other.

    The first changefeed's initial documents become the snapshot. Those of a later one are compared
    with the rows that are held, and the difference is applied.

    Args:
        table: The table.
        source: Where it is read.
        cache: What is kept in step.
        decoder: Makes rows of documents.
        window: Which part of the table the cache holds.
        barrier: What waits for writes to be seen.
        clock: Returns the time, for `last_change_at`.
        make_turns: Divides long work into turns.
        on_rows: Called again and again while the whole table is read: there are more rows, which
            will stay.
        on_ready: Called when the cache is in step with the table.
    """

    def __init__(
        self,
        table: FeedTable[RowT, Any],
        source: Source,
        cache: WatchCache[RowT, Any],
        *,
        decoder: DocumentDecoder[RowT],
        window: MovingWindow[RowT],
        barrier: WriteBarrier,
        clock: Callable[[], datetime],
        make_turns: Callable[[], Turns],
        on_rows: Callable[[], None],
        on_ready: Callable[[], None],
    ) -> None:
        self._table = table
        self._source = source
        self._cache = cache
        self._decoder = decoder
        self._window = window
        self._barrier = barrier
        self._clock = clock
        self._make_turns = make_turns
        self._on_rows = on_rows
        self._on_ready = on_ready
        self._has_rows = asyncio.Event()
        self._is_restored = False
        self._documents_seen = 0
        self._prerequisites: tuple[Reflector[Any], ...] = ()
        self.last_change_at: datetime | None = None
        """When the last change was seen."""
        self.repaired_documents = 0
        """How many rows differed from the table after an outage, and were put right."""

    def follow_after(self, reflectors: Iterable[Reflector[Any]]) -> None:
        """Do not begin before others have read the rows that are parts of this one's."""
        self._prerequisites = tuple(reflectors)

    def note_restored(self) -> None:
        """Note that the cache goes on with what another process has kept."""
        self._is_restored = True
        self._has_rows.set()

    async def read(self, tasks: asyncio.TaskGroup) -> Never:
        """Apply what one changefeed sends, until it is lost.

        Args:
            tasks: Ends with it; has the task that waits for other tables.

        Raises:
            DatabaseError: The changefeed cannot be opened, or is lost; see `Source.changes`.
        """
        snapshot: Rows[RowT] | Comparison[RowT] | None
        if self._is_first:
            snapshot = self._cache.new_rows()
        else:
            snapshot = Comparison(self._cache.rows, version=self._cache.version)
        self._decoder.begin()
        self._barrier.begin()
        self._window.begin()
        turns = self._make_turns()
        async with self._source.changes(self._table.name, self._window.part) as changes:
            async for change in changes:
                if isinstance(change, SourceReady):
                    assert snapshot is not None, "a changefeed is ready once"
                    content_hash = self._cache.content_hash(change.names)
                    if isinstance(snapshot, Rows):
                        for _ in snapshot.rehash(content_hash):
                            await turns.take()
                        self._cache.take(snapshot)
                        self._on_rows()
                        self._has_rows.set()
                        tasks.create_task(self._begin())
                    else:
                        await self._repair(snapshot, content_hash)
                        snapshot = None
                else:
                    self._see(change, snapshot)
                    await turns.take()
        raise FeedLostError(f"the changefeed of table `{self._table.name}` ended")

    def apply(self, key: str, row: RowT | None, *, stays: bool = False) -> None:
        """Set a row that is served, or delete it; see `WatchCache.apply`."""
        position = self._cache.position
        self._cache.apply(key, row, stays=stays)
        if self._cache.position != position:
            self.last_change_at = self._clock()

    def leave_window(self, key: str) -> None:
        """Remove a row whose document stays in the table."""
        self.apply(key, None, stays=True)

    @property
    def _is_first(self) -> bool:
        """Whether no snapshot is served so far."""
        return self._cache.status is FeedStatus.INITIALIZING

    def _see(self, change: DocumentChange, snapshot: Rows[RowT] | Comparison[RowT] | None) -> None:
        """Set what a change has made of a document."""
        key = self._decoder.key(change.old if change.new is None else change.new)
        if change.new is None:
            self._decoder.forget(change.old)
        if key is None:
            return
        stays = change.new is not None and self._was_outside(key, change.old)
        row = None if change.new is None else self._decoder.row(key, change.new)
        if row is not None and self._window.is_outside(row):
            row, stays = None, True
        self._set(snapshot, key, row, stays=stays)
        self._barrier.saw(key, change.old, change.new)
        self._documents_seen += 1
        if snapshot is not None and self._documents_seen % _ROWS_AT_ONCE == 0:
            self._on_rows()

    def _was_outside(self, key: str, old: Document | None) -> bool:
        """Whether a document has no row because it was outside of the window before a change."""
        if self._window.edge is None or old is None or key in self._cache.rows:
            return False
        row = self._decoder.row(key, old)
        return row is not None and self._window.is_outside(row)

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
        elif snapshot is None or not self._is_first:
            self.apply(key, row, stays=stays)
        else:
            snapshot.set(key, None if row is None else self._cache.version(row))

    async def _begin(self) -> None:
        """Serve the first snapshot, once the rows that are parts of its own are there.

        Until then each change that comes is made in the snapshot: it is never older than what the
        database has sent, however long the others take.
        """
        # Two tables may depend on each other: so each waits for rows, not for readiness.
        for reflector in self._prerequisites:
            await reflector._has_rows.wait()  # noqa: SLF001 - of the same class
        self._cache.begin()
        self._note_ready()

    async def _repair(self, snapshot: Comparison[RowT], content_hash: ContentHash) -> None:
        """Apply what differs from the table after an outage."""
        turns = self._make_turns()
        keys = self._cache.keys()
        for key in keys:
            if key in snapshot:
                row = snapshot.row(key)
                held = self._cache.rows.get(key) if row is None else None
                stays = held is not None and self._window.is_outside(held.row)
                self.apply(key, row, stays=stays)
                self.repaired_documents += 1
            await turns.take()
        for key, row in snapshot.new():
            self.apply(key, row)
            self.repaired_documents += 1
            await turns.take()
        if content_hash.names != self._cache.content_names:
            for _ in self._cache.rehash(content_hash):
                await turns.take()
            if self._is_restored:
                self._cache.forget_history()
        self._is_restored = False
        self._cache.recover()
        self._note_ready()

    def _note_ready(self) -> None:
        self._barrier.serve(self._cache.rows)
        self._on_ready()
