"""One subscriber of a feed: which events it is sent, in which order. Pure; the I/O is around it.

```
            no snapshot yet                 rows, one at a time, as of one position
 subscribe ──▶ Waiting ──first snapshot──▶ Scan ──────────────────────▶ live ──▶
     │                                        ▲   history's tail overtook      ▲
     ├──────────── snapshot is there ─────────┘◀──────────────┐                │
     └──────────── since ──────────────────────────────▶ Replay ──caught up───┘
```

Live, changes queue one by one while there are few, and merge per key when there are many:

```
 sent ─▶ batch (frozen) ─▶ queue (at most `queue_limit`) ─▶ pending (one change for each key)
```

Subscribers that are behind alike share what is pending, and the batch: see `merge`. A subscriber in
batches has no queue: its changes merge until `release`.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice
from typing import Generic, TypeVar

from graphql_api.feeds.events import FeedStatus, Point
from graphql_api.feeds.merge import Batch, Merge, merge_into
from graphql_api.feeds.resumption import Resumption
from graphql_api.feeds.stages import Replay, Scan, Waiting, WaitingStatus
from graphql_api.feeds.subscribed_cache import SubscribedCache
from graphql_api.feeds.view import BUNDLE_EVENTS, Bundle, Event, FilterView, ViewChange

RowT = TypeVar("RowT")
EventT = TypeVar("EventT")

_STEPS_AT_ONCE = 256
"""How much history one `pull` looks through before others have their turn."""


class Subscriber(Generic[RowT, EventT]):
    """Decides which events one subscriber is sent. `WatchCache.subscribe` makes it.

    The cache calls the `on_…` methods as things happen; the sender calls `pull` for the next
    event when the client is ready for it. However slow that is, at most one change for each key
    is held beyond a small queue, and a frozen batch of as many.

    Rules that always hold: the changes of one key are sent in their order; `previous` is what was
    sent last; a cursor names a position up to which everything has been sent. If the last cursor is
    about to leave the history when all has been sent, the status is sent again with a fresh one.
    """

    def __init__(
        self,
        cache: SubscribedCache[RowT, EventT],
        view: FilterView[RowT, EventT],
        *,
        queue_limit: int,
        include_initial: bool,
        since: Resumption | None,
        wake: Callable[[], None],
        in_batches: bool = False,
    ) -> None:
        self._cache = cache
        self._queue_limit = 0 if in_batches else queue_limit
        self._in_batches = in_batches
        self._is_released = False
        self.wake = wake
        # Lists, though they are queues: they are short, and an empty deque takes half a kilobyte.
        self._statuses: list[WaitingStatus] = []
        self._queue: list[ViewChange[RowT, EventT]] = []
        # A merge that has come to nothing is not the same as none: its end has been reached.
        self._pending: Merge[RowT, EventT] | None = None
        self._batch: Batch[RowT, EventT] | None = None  # never an empty one
        self._batch_place = 0  # of the next event in it
        self._sent = cache.point
        self._stage: Waiting | Scan[RowT] | Replay[RowT, EventT] | None = None
        self.view = view
        self.cursor_position = 0
        """The position that the client's last cursor names, or its first one will."""
        if cache.status is FeedStatus.INITIALIZING:
            self._statuses.append(WaitingStatus(FeedStatus.INITIALIZING, cache.point, is_kept=True))
            self._stage = Waiting(include_initial)
        elif since is not None:
            self._sent, self.cursor_position = since.start, since.start.position
            batch = None if since.batch is None else (since.start, *since.batch)
            self._stage = Replay(
                since.start.position, batch, set(since.ahead), since.digest(cache.history)
            )
            self._statuses.append(WaitingStatus(cache.status, cache.point, is_kept=False))
        elif include_initial:
            self._start_over()
        else:
            self._begin(with_rows=False)

    # What the cache reports.

    def on_snapshot(self) -> None:
        """The feed's first snapshot has come."""
        assert isinstance(self._stage, Waiting)
        self._begin(with_rows=self._stage.include_initial)
        self.wake()

    def on_change(self, change: ViewChange[RowT, EventT]) -> None:
        """A row has changed in the view."""
        stage = self._stage
        if stage is not None:
            if isinstance(stage, Replay):
                return  # it reads the history by itself
            if isinstance(stage, Scan):
                stage.keep(change.key, change.before)
        pending = self._pending
        if pending is not None:
            pending.add(change)
            if self._in_batches:
                return  # it has been woken, and awaits a tick
            self._cache.merged_changes += 1
        elif len(self._queue) < self._queue_limit:
            self._queue.append(change)
        else:
            self._pending = self._cache.merges.since(self.view, self._cache.prior)
            self._pending.add(change)
            self._cache.merged_changes += not self._in_batches
        self.wake()

    def on_status(self, point: Point, status: FeedStatus) -> None:
        """The feed has another status from `point` on."""
        if isinstance(self._stage, Waiting):
            return
        if self._statuses and not self._statuses[-1].is_kept:
            self._statuses.pop()
        self.release()  # a status does not wait, nor does what comes before it
        self._statuses.append(WaitingStatus(status, point, is_kept=False))
        self.wake()

    def on_age(self) -> None:
        """Some cursors are about to leave the history."""
        if self.is_due:
            self.wake()

    # What the sender asks.

    @property
    def is_due(self) -> bool:
        """Whether `pull` may have something now."""
        if self._statuses or self._stage or self._batch or self._queue:
            return True
        if self._pending is not None:
            return self._is_released or not self._in_batches
        return self.cursor_position < self._cache.aged_position

    @property
    def awaits_tick(self) -> bool:
        """Whether there are changes of which `release` would make a batch."""
        return self._in_batches and self._pending is not None and not self._is_released

    def release(self) -> None:
        """Make a batch of the changes that have merged; of those to come too, if it must wait."""
        if not self.awaits_tick:
            return
        self._is_released = True
        if not (self._stage or self._batch or self._statuses):
            self._freeze_pending()  # now, so that all who are released together get the same

    def bookmark(self) -> None:
        """Queue a status with the newest cursor, if the client holds the table as of now.

        The cursor of a subscriber whose filter lets nothing through, or of one that has long been
        idle, names a table that another server may not remember.
        """
        holds_table = self._stage is None and self._pending is None and not self._batch
        if holds_table and self.cursor_position < self._cache.point.position:
            self.on_status(self._cache.point, self._cache.status)

    def pull(self) -> Event[EventT] | None:
        """The next event; None if there is none for now, until `wake` is called."""
        if self._stage is None and not (self._statuses or self._batch):
            # As most are at most times: this is the shortest way through what follows.
            if self._queue:
                return self._pull_queue()
            if self._pending is None and self.cursor_position >= self._cache.aged_position:
                return None
        steps = 0
        while steps < _STEPS_AT_ONCE:
            steps += 1
            if self._statuses and self._is_due(self._statuses[0]):
                return self._pull_status()
            match self._stage:
                case Waiting():
                    return None
                case Scan() as scan:
                    event = self._pull_row(scan)
                case Replay() as replay:
                    position = replay.position
                    event = self._pull_history(replay)
                    steps += replay.position - position
                case None:
                    if not self.is_due:
                        return None
                    event = self._pull_change()
            if event is not None:
                return event
        self.wake()
        return None

    def bundle(self) -> Bundle | None:
        """The next events, if others may be sent the same; `take` has them sent, or `pull` each.

        They are some of a batch, of the queue, or of the first rows while none of these changes.
        """
        stage, batch = self._stage, self._batch
        if stage is None and batch is None and len(self._queue) < 2:
            return None  # as most have at most times
        place, recent = self._batch_place, self._cache.bundles
        if stage is None and batch is not None:
            key = self.view, batch.after.position, batch.until.position, place
            return recent.get_or_make(key, lambda: batch.bundle(place))
        if stage is None and not self._statuses:
            events = tuple(self._queue[:BUNDLE_EVENTS])
            return recent.get_or_make(events, lambda: Bundle(events, len(events)))
        if isinstance(stage, Scan) and not (stage.before or self._is_due(self._statuses[0])):
            scan = stage
            started = self.view, self._sent.position, scan.sent
            return recent.get_or_make(started, lambda: self._first_rows(scan))
        return None

    def take(self, bundle: Bundle) -> None:
        """Go on behind a bundle: all its events are sent."""
        if isinstance(self._stage, Scan):
            self._stage.sent += bundle.steps
        elif self._batch is not None:
            self._pass_over(self._batch, bundle.steps)
        else:
            last = self._queue[bundle.steps - 1]
            del self._queue[: bundle.steps]
            self._sent, self.cursor_position = last.point, last.position

    def _is_due(self, status: WaitingStatus) -> bool:
        if status.status is FeedStatus.INITIALIZING:
            return True
        match self._stage:
            case None:
                if self._batch:
                    return False
                if self._queue:
                    return self._queue[0].position > status.position
                return self._pending is None or self._pending.after.position >= status.position
            case Replay(position, batch):
                is_merged = not self._batch and batch is None
                return is_merged and position >= status.position
            case _:
                return False

    def _pull_status(self) -> Event[EventT]:
        status = self._statuses.pop(0)
        if status.status is FeedStatus.INITIALIZING:
            return self._cache.state_event(status.status)
        # What was merged may reach beyond the status; its cursor must not fall behind that.
        if self._sent.position <= status.position:
            self._sent = status.point
        self.cursor_position = self._sent.position
        return self._cache.state_event(status.status, self.view.cursor(self._sent))

    def _pull_row(self, scan: Scan[RowT]) -> Event[EventT] | None:
        if scan.sent == len(scan.keys):
            self._stage = None
            return None
        key = scan.keys[scan.sent]
        scan.sent += 1
        if key in scan.before:
            version = scan.before.pop(key)
        else:
            version = self._cache.rows.get(key)
            if version is not None and not self.view.shows(version):
                version = None
        return None if version is None else self._cache.initial_event(version)

    def _first_rows(self, scan: Scan[RowT]) -> Bundle:
        """The next of the first rows that the view shows, all of which are as they were."""
        events, steps = [], 0
        for key in islice(scan.keys, scan.sent, scan.sent + _STEPS_AT_ONCE):
            steps += 1
            version = self._cache.rows.get(key)
            if version is not None and self.view.shows(version):
                events.append(self._cache.initial_event(version))
                if len(events) == BUNDLE_EVENTS:
                    break
        return Bundle(tuple(events), steps)

    def _pull_history(self, replay: Replay[RowT, EventT]) -> Event[EventT] | None:
        if self._batch:
            return self._pull_batch(self._batch)
        history = self._cache.history
        if not history.reaches(replay.position):
            self._start_over()
            return None
        if replay.batch is not None and replay.position == replay.batch[1].position:
            after, until, key = replay.batch
            replay.batch = None
            left = (change for each, change in replay.merged.items() if each > key)
            self._begin_batch(Batch(self.view, left, after, until))
            replay.merged = {}
            return None
        if replay.position == history.head:
            self._stage = None
            return None
        if replay.batch is not None:
            replay.position += 1
            change = self.view.change(history[replay.position])
            if change is not None:
                merge_into(replay.merged, change)
            return None
        if replay.ahead:
            return self._pull_behind(replay)
        limit = min(history.head, replay.position + _STEPS_AT_ONCE)
        if self._statuses:
            limit = min(limit, self._statuses[0].position)
        replay.position, event = self._cache.next_event(self.view, replay.position, limit)
        self._sent = history.point(replay.position)
        if event is not None:
            self.cursor_position = replay.position
        return event

    def _pull_behind(self, replay: Replay[RowT, EventT]) -> Event[EventT] | None:
        """The next change of those that the client does not hold, of which it holds later ones."""
        history = self._cache.history
        replay.position += 1
        if replay.position in replay.ahead:
            replay.ahead.remove(replay.position)
            event = None
        else:
            point, before = history.point(replay.position), history.point(replay.position - 1)
            replay.digest ^= point.digest ^ before.digest
            event = self.view.replayed_ahead(history[replay.position], replay.digest)
        self._sent = history.point(replay.position)
        if event is not None:
            self.cursor_position = replay.position
        return event

    def _pull_change(self) -> Event[EventT] | None:
        if self._batch:
            return self._pull_batch(self._batch)
        if self._queue:
            return self._pull_queue()
        if self._pending is None:  # all has been sent, and the last cursor has aged
            self._sent, self.cursor_position = self._cache.point, self._cache.point.position
            return self._cache.state_event(self._cache.status, self.view.cursor(self._sent))
        self._freeze_pending()
        return None

    def _pull_queue(self) -> Event[EventT]:
        change = self._queue.pop(0)
        self._sent, self.cursor_position = change.point, change.position
        return change

    def _freeze_pending(self) -> None:
        assert self._pending is not None, "something has merged"
        pending, self._pending = self._pending, None
        self._is_released = False
        self._begin_batch(pending.batch(self._cache.point))

    def _begin_batch(self, batch: Batch[RowT, EventT]) -> None:
        if batch:
            self._batch, self._batch_place = batch, 0
        else:
            self._sent = batch.until

    def _pull_batch(self, batch: Batch[RowT, EventT]) -> Event[EventT]:
        event = batch.event(self._batch_place)
        self._pass_over(batch, 1)
        return event

    def _pass_over(self, batch: Batch[RowT, EventT], events: int) -> None:
        """Go on in a batch, behind some events."""
        self._batch_place += events
        if self._batch_place < len(batch):
            self.cursor_position = batch.after.position
        else:
            self._batch = None
            self._sent, self.cursor_position = batch.until, batch.until.position

    def _start_over(self) -> None:
        """Send INITIALIZING, so that the client forgets what it holds, and then every row."""
        self._statuses.clear()
        self._statuses.append(
            WaitingStatus(FeedStatus.INITIALIZING, self._cache.point, is_kept=True)
        )
        self._begin(with_rows=True)

    def _begin(self, *, with_rows: bool) -> None:
        """Begin with every row, as of now, or with the next change.

        The first status says that these were all, or marks from where the client holds all.
        """
        self._stage = Scan(self._cache.keys()) if with_rows else None
        self._sent, self.cursor_position = self._cache.point, self._cache.point.position
        self._statuses.append(WaitingStatus(self._cache.status, self._sent, is_kept=True))
