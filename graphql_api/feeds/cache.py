"""The watch cache: the state of one table, kept in step with the database. Pure, without asyncio.

The nearest relative is the watch cache of the Kubernetes API server.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Generic, TypeVar
from weakref import WeakValueDictionary

from graphql_api.feeds import cursor as cursors
from graphql_api.feeds.content import ContentHash
from graphql_api.feeds.events import ChangeCause, FeedStatus, Point, RowChange, Version
from graphql_api.feeds.history import History
from graphql_api.feeds.merge import Merges
from graphql_api.feeds.order import OrderBy, SortedRows
from graphql_api.feeds.packing import Packer
from graphql_api.feeds.part import WINDOW
from graphql_api.feeds.recent import RecentItems
from graphql_api.feeds.resumption import Resumption, Resumptions
from graphql_api.feeds.rows import Rows, Snapshot
from graphql_api.feeds.subscriber import Subscriber
from graphql_api.feeds.table import FeedTable, Filter
from graphql_api.feeds.view import EVERYTHING, Bundle, Event, FilterView, Watcher

RowT = TypeVar("RowT")
EventT = TypeVar("EventT")


_RECENT_EVENTS = 512
_RECENT_BUNDLES = 16
"""How many events of snapshots and replays are kept, and how many bundles of events, for other
subscribers that are sent the same at about the same time."""

FRESH_VERSIONS = 256
_FRESH_BYTES = 1024 * 1024
"""Of how many versions, of what size when packed, the rows stay at hand: events are made of them
for subscribers that keep up."""


class WatchCache(Generic[RowT, EventT]):
    """A table's rows, the history of their changes, and the subscribers to both.

    Nothing here waits. A subscription or a page is made between two changes, so that no change
    is missing, or sent twice, between what it holds at first and what it receives afterwards.

    Args:
        table: How changes become events.
        run: Names this feed in cursors: random, `cursor.RUN_BYTES` long.
        history: Where changes are kept; empty.
        queue_limit: How many changes a subscriber holds one by one before it merges them.
    """

    def __init__(
        self,
        table: FeedTable[RowT, EventT],
        *,
        run: bytes,
        history: History[RowT],
        queue_limit: int,
    ) -> None:
        self._table = table
        self._run = run
        self._queue_limit = queue_limit
        self._views: dict[Filter[RowT], FilterView[RowT, EventT]] = {}
        self._keys: tuple[str, ...] | None = ()
        self._rows = self.new_rows()
        self._snapshots: WeakValueDictionary[OrderBy, Snapshot[RowT]] = WeakValueDictionary()
        self._packer: Packer[RowT] = Packer(table.packing)
        self._fresh: deque[Version[RowT]] = deque()
        self._fresh_bytes = 0
        self._recent: RecentItems[Event[EventT]] = RecentItems(_RECENT_EVENTS)
        self._incomplete = cursors.encode(cursors.Incomplete(run))
        self._bookmark_tail = 1
        self.aged_position = 0
        self.merges: Merges[RowT, EventT] = Merges()
        self.bundles: RecentItems[Bundle] = RecentItems(_RECENT_BUNDLES)
        self.history = history
        self._resumptions = Resumptions(history, run)
        self.prior = history.head_point
        """Where the feed was before the last change."""
        self.status = FeedStatus.INITIALIZING
        self.on_change: Callable[[RowChange[RowT]], None] | None = None
        """Called for each change, before any subscriber receives it."""
        self.listeners: dict[Callable[[], None], None] = {}
        """Called after each change; they only take note."""
        self.merged_changes = 0
        """How often a change was merged with another for one subscriber that was behind."""

    # What the source reports.

    def new_rows(self) -> Rows[RowT]:
        """An empty table, for a first snapshot."""
        return Rows(self._table.sort_keys, self._table.groups)

    def content_hash(self, names: Sequence[str] | None) -> ContentHash:
        """How rows are hashed for cursors, so that other servers that do the same understand them.

        Args:
            names: What names the table in its database; without it, no other server does the same.
        """
        return ContentHash(*(names or (self._run.hex(),)), self._table.content_version)

    def take(self, rows: Rows[RowT]) -> None:
        """Set the rows to the first snapshot, which is hashed; the status stays INITIALIZING."""
        assert self.status is FeedStatus.INITIALIZING, "there is one first snapshot"
        assert rows.content_hash is not None, "cursors need the digest"
        self._rows = rows
        self._keys = None

    def restore(self, rows: Rows[RowT]) -> None:
        """Set the rows to those of another process, whose history is here; STALE from then on."""
        self.take(rows)
        self._serve(FeedStatus.STALE)

    def kept_version(self, packed: bytes) -> Version[RowT]:
        """A version of which only the bytes are known."""
        return Version.kept(packed, self._packer)

    def begin(self) -> None:
        """Set the status to READY, and serve all subscribers that wait."""
        assert self.status is FeedStatus.INITIALIZING, "it begins once"
        self.history.begin(self._rows.digest)
        self._serve(FeedStatus.READY)

    def _serve(self, status: FeedStatus) -> None:
        self.status = status
        for subscriber in self._subscribers():
            subscriber.on_snapshot()

    def apply(self, key: str, row: RowT | None, *, stays: bool = False) -> None:
        """Set a row, or delete it.

        A row that is as before is no change: a password was replaced, or an unknown field. What is
        no part of a comparison is taken over.

        Args:
            key: The row's key.
            row: Its new value; None if there is none.
            stays: Whether a document that is, or was, without a row is in the table all the same.
        """
        assert self.status is not FeedStatus.INITIALIZING, "load() comes first"
        before = self.rows.get(key)
        if before is None and row is None:
            return
        if before is not None and row is not None and before.holds(row):
            self.replace(key, row)
            return
        after = None if row is None else self.version(row)
        point = Point(self.position + 1, self._rows.digest_with(key, after))
        change = RowChange(point, key, before, after, stays)
        # All that can fail comes first, so that a change is made as a whole or not at all.
        seen = [(view, view.change(change)) for view in self._views.values()]
        self._rows.set(key, after, point.digest)
        if before is None or after is None:
            self._keys = None
        self.prior = self.point
        self.history.append(change)
        if self.on_change is not None:
            self.on_change(change)
        for view, shown in seen:
            if shown is not None:
                for subscriber in view.subscribers:
                    subscriber.on_change(shown)
        for listener in self.listeners:
            listener()
        self._bookmark()

    def version(self, row: RowT) -> Version[RowT]:
        """A version with a row, which is at hand for a while."""
        version = Version(row, self._packer)
        self._fresh.append(version)
        self._fresh_bytes += version.packed_bytes
        while len(self._fresh) > FRESH_VERSIONS or self._fresh_bytes > _FRESH_BYTES:
            oldest = self._fresh.popleft()
            self._fresh_bytes -= oldest.packed_bytes
            oldest.release()
        return version

    def replace(self, key: str, row: RowT) -> None:
        """Replace a row by an equal one: they may differ in what is no part of a comparison."""
        self._rows.by_key[key] = self.version(row)

    def lose(self) -> None:
        """Set the status to STALE: the source is lost, and the rows may be old."""
        if self.status is FeedStatus.READY:
            self._set_status(FeedStatus.STALE)

    def recover(self) -> None:
        """Set the status to READY again: what differed has been applied."""
        if self.status is FeedStatus.STALE:
            self._set_status(FeedStatus.READY)

    def changed_since(self, position: int) -> set[str] | None:
        """The keys that have changed after a position; None if that is not known any more."""
        if not self.history.reaches(position):
            return None
        return {change.key for change in self.history.between(position, self.position)}

    # What readers ask.

    @property
    def position(self) -> int:
        """The position of the last change."""
        return self.history.head

    @property
    def point(self) -> Point:
        """Where the last change has led to."""
        return self.history.head_point

    @property
    def content_names(self) -> tuple[str, ...] | None:
        """The names of the table and of what it is decoded to; None before a snapshot."""
        known = self._rows.content_hash
        return None if known is None else known.names

    def rehash(self, content_hash: ContentHash) -> Iterator[None]:
        """Hash the rows in this way from now on, a row at a time.

        The table has been dropped and made again. The digest of the next change is the first of the
        new kind: the last point stays what it was.
        """
        return self._rows.rehash(content_hash)

    def forget_history(self) -> None:
        """Drop the history, so that no cursor resumes in it: it belongs to another table."""
        self.history.forget(self._rows.digest)

    @property
    def subscribers(self) -> int:
        """How many subscribers there are."""
        return sum(len(view.subscribers) for view in self._views.values())

    @property
    def rows(self) -> Mapping[str, Version[RowT]]:
        """The rows by key."""
        return self._rows.by_key

    def part(self, order_by: OrderBy, *, offset: int, limit: int) -> list[Version[RowT]]:
        """Some of all rows, in an order."""
        return self.part_of(self._rows.order(order_by.name), order_by, offset, limit)

    def group(self, name: str, value: str, *, limit: int) -> list[Version[RowT]]:
        """The first rows of a group, in the usual order."""
        return self.part_of(self._rows.group(name, value), self._table.order_by, 0, limit)

    def part_of(
        self, keys: SortedRows, order_by: OrderBy, offset: int, limit: int
    ) -> list[Version[RowT]]:
        """Some of the rows with these sort keys, which are of the same order."""
        return [self.rows[key[-1]] for key in keys.page(order_by, offset, limit)]

    def first_outside(self, edge: float) -> str | None:
        """The key of the row that has been outside of the window for longest, if one is."""
        for time, key in self._rows.order(WINDOW).part(0, 1):
            if time < edge:
                return str(key)
        return None

    def snapshot(self, order_by: OrderBy) -> Snapshot[RowT]:
        """All rows as they are now; one object for all that ask between two changes."""
        snapshot = self._snapshots.get(order_by)
        if snapshot is None or snapshot.position != self.position:
            keys = self._rows.order(order_by.name).listed(order_by)
            snapshot = Snapshot(keys, self._rows.by_key.copy(), self.position)
            self._snapshots[order_by] = snapshot
        return snapshot

    def cursor(self, where: Filter[RowT] | None = None) -> str:
        """The cursor of a subscriber that holds what passes `where` as of now."""
        filter_ = EVERYTHING if where is None else where
        return cursors.encode(cursors.At(self._run, filter_.digest, self.point))

    def subscribe(
        self,
        where: Filter[RowT] | None = None,
        *,
        include_initial: bool = True,
        since: str | None = None,
        in_batches: bool = False,
        wake: Callable[[], None],
    ) -> Subscriber[RowT, EventT]:
        """Register a subscriber; `unsubscribe` it when it is done.

        Args:
            where: Which rows it wants; all, if absent.
            include_initial: Whether it wants the rows that are there; ignored with `since`.
            since: The cursor of the last event that it has.
            in_batches: Whether its changes merge until it is released.
            wake: Called whenever `pull` may have something after it had nothing. It only takes
                note: the change that it is called for has not reached every subscriber yet.

        Raises:
            BadCursorError: `since` is not a cursor.
        """
        cursor = None if since is None else cursors.decode(since)
        view = self.view(where)
        subscriber = Subscriber(
            self,
            view,
            queue_limit=self._queue_limit,
            include_initial=include_initial or since is not None,
            since=self._resumable(cursor, view.where),
            wake=wake,
            in_batches=in_batches,
        )
        view.subscribers[subscriber] = None
        return subscriber

    def view(self, where: Filter[RowT] | None) -> FilterView[RowT, EventT]:
        """The view of a filter, for a subscriber that is put into it at once."""
        filter_ = EVERYTHING if where is None else where
        view = self._views.get(filter_)
        if view is None:
            view = self._views[filter_] = FilterView(self._table, filter_, self._run, self._recent)
        return view

    def unsubscribe(self, subscriber: Watcher[RowT, EventT]) -> None:
        """Forget a subscriber; nothing happens the second time."""
        view = subscriber.view
        view.subscribers.pop(subscriber, None)
        if not view.subscribers and self._views.get(view.where) is view:
            del self._views[view.where]

    # What subscribers ask.

    def keys(self) -> tuple[str, ...]:
        """The keys of all rows in order; one tuple for all that ask between two inserts."""
        if self._keys is None:
            self._keys = tuple(self._rows.keys)
        return self._keys

    def initial_event(self, version: Version[RowT]) -> Event[EventT]:
        """The Added(INITIAL) event of a row; the same object for all that are sent it soon.

        Its cursor is that of every row of a snapshot: there is nothing yet to resume from.
        """
        return self._recent.get_or_make(
            version,
            lambda: Event(self._table.added(ChangeCause.INITIAL, version.row, self._incomplete)),
        )

    def state_event(self, status: FeedStatus, cursor: str | None = None) -> Event[EventT]:
        """The event for a status; without a cursor for what comes before a snapshot.

        All subscribers that are sent the same get one object: for a thousand that join at once,
        READY is made once.
        """
        said = cursor or self._incomplete
        return self._recent.get_or_make(
            (status, said), lambda: Event(self._table.state(status, said))
        )

    def next_event(
        self, view: FilterView[RowT, EventT], after: int, until: int
    ) -> tuple[int, Event[EventT] | None]:
        """The first event of a view in the stretch (after, until] of the history.

        It is the same object for all that replay it at about the same time.

        Returns:
            Its position and the event, or `until` and None.
        """
        for position in range(after + 1, until + 1):
            event = view.replayed(self.history[position])
            if event is not None:
                return position, event
        return until, None

    def _subscribers(self) -> Iterator[Watcher[RowT, EventT]]:
        for view in self._views.values():
            yield from view.subscribers

    def _set_status(self, status: FeedStatus) -> None:
        self.status = status
        for subscriber in self._subscribers():
            subscriber.on_status(self.point, status)

    def _resumable(self, cursor: cursors.Cursor | None, where: Filter[RowT]) -> Resumption | None:
        """Where a subscriber with a cursor goes on; None if it begins with the snapshot."""
        if self.status is FeedStatus.INITIALIZING:
            return None
        return self._resumptions.find(cursor, where.digest)

    def _bookmark(self) -> None:
        """Wake the subscribers whose last cursor is about to leave the history."""
        tail, length = self.history.tail, len(self.history)
        if tail < self._bookmark_tail:
            return
        # The cursor of an idle subscriber is in the newer half after this, and is looked at again
        # before the tail has come half the way there.
        self._bookmark_tail = tail + max(1, length // 4)
        self.aged_position = tail + length // 2
        for subscriber in self._subscribers():
            subscriber.on_age()
