"""Views: what the subscribers with one filter see of a feed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Generic, Protocol, TypeVar

from graphql_api.feeds import cursor as cursors
from graphql_api.feeds.cursor import FILTER_BYTES
from graphql_api.feeds.events import ChangeCause, FeedStatus, Point, RowChange, Version
from graphql_api.feeds.recent import RecentItems
from graphql_api.feeds.resumption import elsewhere
from graphql_api.feeds.table import FeedTable, Filter

RowT = TypeVar("RowT")
EventT = TypeVar("EventT")


class Event(Generic[EventT]):
    """An event for subscribers: all that are sent the same share one object.

    Its value never changes. `encodings` is for the senders: the payloads that they have made of
    it, one for each group of equal subscriptions; None until there is one.

    Args:
        value: What a resolver yields for it; made when it is first asked for, if absent.
    """

    __slots__ = ("_value", "encodings")

    def __init__(self, value: EventT | None = None) -> None:
        self._value = value
        self.encodings: dict[Any, Any] | None = None

    @property
    def value(self) -> EventT:
        """The value that a resolver yields for it."""
        value = self._value
        if value is None:
            value = self._value = self._make()
        return value

    def content(self, payload: bytes) -> bytes | None:  # noqa: ARG002
        """A value that is equal for events with equal payloads.

        None, if every event must be sent.
        """
        return None

    def was_read_with(self, positions: Mapping[Any, object]) -> None:
        """Note that a payload was made of it and of feeds at these positions."""

    def _make(self) -> EventT:
        raise NotImplementedError("an event has a value")


BUNDLE_EVENTS: Final = 32
"""How many events a bundle has at most."""


class Bundle(Event[Any]):
    """Events that are sent together: all subscribers that are sent the same share one object.

    It has no value; its `encodings` are what the senders have made of all its events together.

    Args:
        events: The events.
        steps: How many steps their source makes by them.
    """

    __slots__ = ("events", "steps")

    def __init__(self, events: tuple[Event[Any], ...], steps: int) -> None:
        super().__init__()
        self.events = events
        self.steps = steps


class _Everything:
    """The filter that every row passes."""

    digest = bytes(FILTER_BYTES)

    def matches(self, row: object) -> bool:  # noqa: ARG002
        return True


EVERYTHING: Filter[object] = _Everything()


class ViewChange(Event[EventT], Generic[RowT, EventT]):
    """A change, or several merged, as a filter shows it: a version that it hides is absent.

    It is the event that subscribers are sent for it: the same object in the queues of all of a
    view's subscribers. Its value is made for the first of them that is ready for it, so that a
    change is applied quickly however many views there are.

    Attributes:
        point: The one that the last change in it has led to.
        position: That of the point; every subscriber looks at it.
        cause: Why the row crossed the filter's border, the last time that it did.
    """

    __slots__ = (
        *("_cursor", "_earlier", "_view", "_whole"),
        *("after", "before", "cause", "key", "point", "position"),
    )

    def __init__(
        self,
        view: FilterView[RowT, EventT],
        key: str,
        before: Version[RowT] | None,
        after: Version[RowT] | None,
        *,
        cause: ChangeCause | None,
        point: Point,
        cursor: str | None = None,
    ) -> None:
        super().__init__()
        self._view = view
        self._cursor = cursor
        self._earlier: ViewChange[RowT, EventT] | None = None
        self._whole: ViewChange[RowT, EventT] | None = None
        self.key = key
        self.before = before
        self.after = after
        self.cause = cause
        self.point = point
        self.position = point.position

    def then(self, later: ViewChange[RowT, EventT]) -> ViewChange[RowT, EventT] | None:
        """This change and a later one of the same row as one; None when nothing is left of them.

        It is made once for all subscribers that merge the two.
        """
        if self.before is None and later.after is None:
            return None
        if later._earlier is self:
            return later._whole
        later._earlier = self
        later._whole = whole = ViewChange(
            self._view,
            self.key,
            self.before,
            later.after,
            cause=later.cause or self.cause,
            point=later.point,
        )
        return whole

    def with_cursor(self, cursor: str) -> ViewChange[RowT, EventT]:
        """The same change with another cursor than that of its position."""
        return ViewChange(
            self._view,
            self.key,
            self.before,
            self.after,
            cause=self.cause,
            point=self.point,
            cursor=cursor,
        )

    @property
    def is_idle(self) -> bool:
        """Whether the change leaves the row as it was before."""
        if self.before is None or self.after is None:
            return self.before is self.after
        return self.before is self.after or self.before.row == self.after.row

    def _make(self) -> EventT:
        table, cursor = self._view.table, self._cursor or self._view.cursor(self.point)
        if self.before is None:
            assert self.after is not None
            assert self.cause is not None
            return table.added(self.cause, self.after.row, cursor)
        if self.after is None:
            assert self.cause is not None
            return table.deleted(self.cause, self.key, self.before.row, cursor)
        return table.updated(self.before.row, self.after.row, cursor)


class Watcher(Protocol[RowT, EventT]):
    """Interface of a subscriber, as the cache calls it."""

    view: FilterView[RowT, EventT]
    """The view that it is in."""

    def on_snapshot(self) -> None:
        """The feed's first snapshot has come."""

    def on_change(self, change: ViewChange[RowT, EventT]) -> None:
        """A row has changed in the view."""

    def on_status(self, point: Point, status: FeedStatus) -> None:
        """The feed has another status from `point` on."""

    def on_age(self) -> None:
        """Some cursors are about to leave the history."""


class FilterView(Generic[RowT, EventT]):
    """The view of one filter: turns changes into events, once for all its subscribers.

    Equal subscriptions get the *same* objects, so that each is executed and encoded once.

    Args:
        table: How changes become events.
        where: The filter.
        run: Names the feed in cursors.
        recent: Where events are remembered that others may be sent soon.
    """

    def __init__(
        self,
        table: FeedTable[RowT, EventT],
        where: Filter[RowT],
        run: bytes,
        recent: RecentItems[Event[EventT]],
    ) -> None:
        self._run = run
        self._recent = recent
        self.table = table
        self.where = where
        self.subscribers: dict[Watcher[RowT, EventT], None] = {}
        """The subscribers, oldest first; a dict for its order."""

    def change(self, change: RowChange[RowT]) -> ViewChange[RowT, EventT] | None:
        """The event that a change is for this filter; None when the filter shows nothing of it."""
        before, after = self._shown(change.before), self._shown(change.after)
        cause: ChangeCause | None = None
        if before is None and after is None:
            return None
        if before is None:
            created = change.before is None and not change.stays
            cause = ChangeCause.CREATED if created else ChangeCause.ENTERED_FILTER
        elif after is None:
            deleted = change.after is None and not change.stays
            cause = ChangeCause.DELETED if deleted else ChangeCause.LEFT_FILTER
        return ViewChange(self, change.key, before, after, cause=cause, point=change.point)

    def cursor(self, point: Point) -> str:
        """The cursor of a subscriber that has received everything up to `point`."""
        return cursors.encode(cursors.At(self._run, self.where.digest, point))

    def cursor_within(self, after: Point, until: Point, key: str) -> str:
        """The cursor of a subscriber that has received (after, until] merged, up to `key`."""
        return cursors.encode(cursors.Within(self._run, self.where.digest, after, until, key))

    def replayed(self, change: RowChange[RowT]) -> Event[EventT] | None:
        """A change of the history for this filter: the same object for all that replay it soon."""
        event = self._recent.get((self, change.position))
        if event is not None:
            return event
        shown = self.change(change)
        if shown is None:
            return None
        return self._recent.get_or_make((self, change.position), lambda: shown)

    def replayed_ahead(self, change: RowChange[RowT], digest: int) -> Event[EventT] | None:
        """As `replayed`, for rows that are no point of this history, but have a digest."""
        shown = self.change(change)
        if shown is None:
            return None
        cursor = cursors.encode(elsewhere(self.where.digest, digest))
        return self._recent.get_or_make(
            (self, change.position, digest), lambda: shown.with_cursor(cursor)
        )

    def merged(
        self, after: Point, until: Point, change: ViewChange[RowT, EventT], *, is_last: bool
    ) -> Event[EventT]:
        """The event of one key in the merge of (after, until].

        Subscribers that fall behind together get the same objects: they were sent everything up to
        `after`, so the merge is the same for all of them.
        """

        def make() -> Event[EventT]:
            if is_last:
                return change.with_cursor(self.cursor(until))
            return change.with_cursor(self.cursor_within(after, until, change.key))

        return self._recent.get_or_make((self, after.position, until.position, change.key), make)

    def shows(self, version: Version[RowT]) -> bool:
        """Whether a version passes; it is not unpacked for that."""
        return self.where is EVERYTHING or self.where.matches(version.facets)

    def _shown(self, version: Version[RowT] | None) -> Version[RowT] | None:
        return version if version is not None and self.shows(version) else None
