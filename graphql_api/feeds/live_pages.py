"""Live pages: some of the rows that pass a filter, kept in step, as pages that follow each other.

```
 cache ──change──▶ PageView ─────────────────────▶ PageEvent ───▶ LivePage
                   the keys of the rows that pass,  the page at     one a subscription,
                   for all who see the same page    one position    pulls the newest
```

All but the first page and a change of status await a tick. Pure, without asyncio.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from hashlib import blake2b
from typing import Any, Final, Generic, NamedTuple, Protocol, TypeVar

from graphql_api.feeds.cache import WatchCache
from graphql_api.feeds.events import FeedStatus, Point
from graphql_api.feeds.merge import merge_into
from graphql_api.feeds.order import OrderBy, SortedRows, SortKey
from graphql_api.feeds.pages import FeedPage, UnpackedRows
from graphql_api.feeds.rows import Snapshot
from graphql_api.feeds.subscription import FeedSource
from graphql_api.feeds.table import FeedTable, Filter
from graphql_api.feeds.view import EVERYTHING, Event, ViewChange

RowT = TypeVar("RowT")

_STEPS_AT_ONCE: Final = 256
"""How many rows one `pull` looks at before others have their turn."""
_CONTENT_BYTES: Final = 16


class PageRequest(NamedTuple):
    """The choice of a page: of rows that pass a filter, in an order, some from an offset on."""

    where: Filter[Any] | None
    order_by: OrderBy
    offset: int
    limit: int


class ListenableFeed(Protocol):
    """Interface of a feed whose rows are parts of a page's."""

    @property
    def position(self) -> int:
        """Another value after each change."""

    def listen(self, listener: Callable[[], None]) -> None:
        """Call `listener` after each change; it must only take note."""

    def unlisten(self, listener: Callable[[], None]) -> None:
        """Stop calling `listener`."""


class PageEvent(Event[Any]):
    """A page as it is at one position of the feed."""

    __slots__ = ("_view", "page", "position")

    def __init__(self, view: PageView[Any], page: FeedPage[Any], position: int) -> None:
        super().__init__()
        self._view = view
        self.page = page
        self.position = position

    def content(self, payload: bytes) -> bytes:
        """A value that is equal for equal payloads and statuses, whatever their cursors."""
        shown = payload.replace(self.page.cursor.encode(), b"")
        status = self.page.status.name.encode()
        return blake2b(status + shown, digest_size=_CONTENT_BYTES).digest()

    def was_read_with(self, positions: Mapping[Any, object]) -> None:
        """Show the page again when one of the feeds has changed that were read for it."""
        self._view.follow(positions)

    def _make(self) -> Any:
        return self._view.table.page(self.page)


class PageView(Generic[RowT]):
    """The part that subscriptions to the same page share: the keys of the rows that pass, in order.

    It is a watcher of the cache. Each `pull` looks at some more rows, until all keys are found.

    Args:
        cache: Has the rows.
        table: How a page becomes what a resolver yields.
        wanted: Which page.
        on_empty: Called when the last subscription has left.
    """

    def __init__(
        self,
        cache: WatchCache[RowT, Any],
        table: FeedTable[RowT, Any],
        wanted: PageRequest,
        on_empty: Callable[[], None],
    ) -> None:
        self._cache = cache
        self._wanted = wanted
        self._on_empty = on_empty
        self._sort_key = table.sort_keys[wanted.order_by.name]
        self._keys = SortedRows()
        self._scan: tuple[Snapshot[RowT], Iterator[SortKey]] | None = None
        self._late: dict[str, ViewChange[RowT, Any]] = {}
        self._event: PageEvent | None = None
        self._feeds: set[ListenableFeed] = set()
        self._pages: dict[LivePage, None] = {}
        self._untouched: dict[LivePage, None] = {}
        self.table = table
        self.view = cache.view(wanted.where)
        self.view.subscribers[self] = None
        if cache.status is not FeedStatus.INITIALIZING:
            self._begin_scan()

    def __len__(self) -> int:
        return len(self._pages)

    # What the cache reports.

    def on_snapshot(self) -> None:
        """The feed's first snapshot has come."""
        self._begin_scan()
        self._wake_all()

    def on_change(self, change: ViewChange[RowT, Any]) -> None:
        """A row has changed in the view."""
        if self._scan is not None:
            merge_into(self._late, change)
        else:
            self._apply(change)
        self._touch()

    def on_status(self, point: Point, status: FeedStatus) -> None:  # noqa: ARG002
        """The feed has another status."""
        self._wake_all()

    def on_age(self) -> None:
        """A page is never sent for a fresh cursor alone."""

    # What its pages ask.

    @property
    def status(self) -> FeedStatus:
        """The status of the feed."""
        return self._cache.status

    def is_found(self) -> bool:
        """Look at some more rows, if there are any. Returns whether all have been looked at."""
        if self._scan is None:
            return True
        snapshot, keys = self._scan
        for _ in range(_STEPS_AT_ONCE):
            sort_key = next(keys, None)
            if sort_key is None:
                self._scan = None
                late, self._late = self._late, {}
                for change in late.values():
                    self._apply(change)
                return True
            if self.view.shows(snapshot.rows[sort_key[-1]]):
                self._keys.add(sort_key)
        return False

    def event(self) -> PageEvent:
        """The page as it is now; one object for all that ask between two changes."""
        cache, wanted, event = self._cache, self._wanted, self._event
        position, status = cache.position, cache.status
        if event is None or event.position != position or event.page.status is not status:
            if self.view.where is EVERYTHING:
                total = len(cache.rows)
                versions = cache.part(wanted.order_by, offset=wanted.offset, limit=wanted.limit)
            else:
                total = len(self._keys)
                versions = cache.part_of(self._keys, wanted.order_by, wanted.offset, wanted.limit)
            cursor = cache.cursor(wanted.where)
            page = FeedPage(UnpackedRows(versions), total, cursor, status)
            event = self._event = PageEvent(self, page, position)
        return event

    def join(self, page: LivePage) -> None:
        """Add the page of one more subscription."""
        self._pages[page] = None

    def leave(self, page: LivePage) -> None:
        """Remove the page of a subscription; removing it again changes nothing."""
        self._untouched.pop(page, None)
        if page in self._pages:
            del self._pages[page]
            if not self._pages:
                self._close()

    def notice(self, page: LivePage) -> None:
        """Wake the page of a subscription the next time that it may have changed."""
        self._untouched[page] = None

    def follow(self, feeds: Mapping[ListenableFeed, object]) -> None:
        """Count changes of feeds that were read at these positions as changes of the page."""
        for feed, position in feeds.items():
            if self._pages and feed not in self._feeds:
                self._feeds.add(feed)
                feed.listen(self._touch)
            if feed.position != position:
                self._touch()

    def _touch(self) -> None:
        """Wake the pages that have not been woken since they were shown."""
        untouched, self._untouched = self._untouched, {}
        for page in untouched:
            page.touch()

    def _wake_all(self) -> None:
        for page in self._pages:
            page.wake()

    def _begin_scan(self) -> None:
        if self.view.where is not EVERYTHING:
            snapshot = self._cache.snapshot(self._wanted.order_by)
            self._scan = snapshot, iter(snapshot.keys)

    def _apply(self, change: ViewChange[RowT, Any]) -> None:
        if self.view.where is EVERYTHING:
            return  # the cache has them in order
        before, after = (
            None if version is None else self._sort_key(version.row)
            for version in (change.before, change.after)
        )
        if before == after:
            return
        if before is not None:
            self._keys.remove(before)
        if after is not None:
            self._keys.add(after)

    def _close(self) -> None:
        self._cache.unsubscribe(self)
        for feed in self._feeds:
            feed.unlisten(self._touch)
        self._feeds.clear()
        self._event = None  # which refers to this
        self._on_empty()


class LivePage(FeedSource[Any]):
    """The pages of one subscription, without end: of those that are ready, only the newest.

    Args:
        view: What it shows.
        every_s: The least time between two pages of one status, in seconds.
    """

    is_whole = counts_due = True

    def __init__(self, view: PageView[Any], every_s: float) -> None:
        super().__init__()
        self.every_s = every_s
        self._view = view
        self._given: FeedStatus | None = None
        self._is_touched = False
        self._released: PageEvent | None = None
        view.join(self)

    def pull(self) -> Event[Any] | None:
        """The next event if there is one; otherwise None, and `on_wake` is called once there is."""
        if not self.is_due:
            return None
        if not self._view.is_found():
            self.wake()  # there are more rows to look at
            return None
        if self._released is None or self._released.page.status is not self._view.status:
            self._show()
        event, self._released = self._released, None
        assert event is not None, "it has just been made"
        self._given = event.page.status
        return event

    @property
    def is_due(self) -> bool:
        """Whether `pull` may have something now."""
        status = self._view.status
        if self._is_closed or status is FeedStatus.INITIALIZING:
            return False
        return self._released is not None or self._given is not status

    @property
    def awaits_tick(self) -> bool:
        """Whether there is something that `release` would make due."""
        return self._is_touched and self._given is not None

    def release(self) -> None:
        """Show the page as it is now."""
        if self.awaits_tick:
            self._show()

    def touch(self) -> None:
        """Note that the page may have changed since it was shown."""
        self._is_touched = True
        self.wake()

    def wake(self) -> None:
        """Say that there may be something to pull."""
        self._wake()

    def _show(self) -> None:
        self._is_touched = False
        self._released = self._view.event()
        self._view.notice(self)

    def _unregister(self) -> None:
        self._view.leave(self)


class LivePages(Generic[RowT]):
    """The live pages of one feed."""

    def __init__(self, cache: WatchCache[RowT, Any], table: FeedTable[RowT, Any]) -> None:
        self._cache = cache
        self._table = table
        self._views: dict[PageRequest, PageView[RowT]] = {}

    @property
    def more(self) -> int:
        """How many subscriptions there are, besides one for each view."""
        return sum(len(view) - 1 for view in self._views.values())

    def open(self, wanted: PageRequest, *, every_s: float) -> LivePage:
        """A page for one more subscription."""
        view = self._views.get(wanted)
        if view is None:

            def forget() -> None:
                del self._views[wanted]

            view = self._views[wanted] = PageView(self._cache, self._table, wanted, forget)
        return LivePage(view, every_s)
