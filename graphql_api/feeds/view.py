"""What the subscribers of one filter see of a feed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar
from weakref import WeakValueDictionary

from graphql_api.feeds import cursor as cursors
from graphql_api.feeds.cursor import FILTER_BYTES
from graphql_api.feeds.events import Change, ChangeCause, Version
from graphql_api.feeds.table import Filter, Table

if TYPE_CHECKING:
    from graphql_api.feeds.subscriber import Subscriber

RowT = TypeVar("RowT")
EventT = TypeVar("EventT")


class _Everything:
    """The filter that every row passes."""

    digest = bytes(FILTER_BYTES)

    def matches(self, row: object) -> bool:  # noqa: ARG002
        return True


EVERYTHING: Filter[object] = _Everything()


@dataclass(frozen=True, slots=True)
class Step(Generic[RowT]):
    """A change, or several merged, as a filter shows it: a version that it hides is absent.

    `cause` says why the row crossed the filter's border, the last time that it did.
    """

    key: str
    before: Version[RowT] | None
    after: Version[RowT] | None
    cause: ChangeCause | None

    def then(self, later: Step[RowT]) -> Step[RowT] | None:
        """This step and a later one of the same row as one; None when nothing is left of them."""
        if self.before is None and later.after is None:
            return None
        return Step(self.key, self.before, later.after, later.cause or self.cause)

    @property
    def is_idle(self) -> bool:
        """Whether the row has come back to where it was."""
        if self.before is None or self.after is None:
            return self.before is self.after
        return self.before is self.after or self.before.row == self.after.row


class ViewChange(Generic[RowT, EventT]):
    """A change as a view shows it: the same object in the queues of all the view's subscribers.

    Its event is made for the first of them who is ready for it, so that a change is applied quickly
    however many views there are.
    """

    __slots__ = ("_event", "_view", "position", "step")

    def __init__(self, view: View[RowT, EventT], position: int, step: Step[RowT]) -> None:
        self._view = view
        self._event: EventT | None = None
        self.position = position
        self.step = step

    @property
    def event(self) -> EventT:
        """What the view's subscribers are sent for it."""
        event = self._event
        if event is None:
            event = self._event = self._view.event_at(self.position, self.step)
        return event


def merge_into(merged: dict[str, Step[RowT]], step: Step[RowT]) -> None:
    """Merge one more step into `merged`, which holds at most one for each key."""
    earlier = merged.get(step.key)
    whole = step if earlier is None else earlier.then(step)
    if whole is None:
        del merged[step.key]
    else:
        merged[step.key] = whole


class View(Generic[RowT, EventT]):
    """One filter's side of a feed: it turns changes into events, once for all its subscribers.

    That equal subscriptions get the *same* objects is what lets the transport execute and encode
    each of them once. Events are remembered only as long as somebody holds them.
    """

    def __init__(self, table: Table[RowT, EventT], where: Filter[RowT], run: bytes) -> None:
        self._table = table
        self._run = run
        self._events: WeakValueDictionary[int, EventT] = WeakValueDictionary()
        self._merged_events: WeakValueDictionary[tuple[int, int, str], EventT] = (
            WeakValueDictionary()
        )
        self.where = where
        self.subscribers: dict[Subscriber[RowT, EventT], None] = {}
        """Those who watch, oldest first; a dict for its order."""

    def step(self, change: Change[RowT]) -> Step[RowT] | None:
        """What a change is for this filter; None when the filter shows nothing of it."""
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
        return Step(change.key, before, after, cause)

    def cursor(self, position: int) -> str:
        """The cursor of one who has received everything up to `position`."""
        return cursors.encode(cursors.At(self._run, self.where.digest, position))

    def cursor_within(self, after: int, until: int, key: str) -> str:
        """The cursor of one who has received the merge of (after, until] up to `key`."""
        return cursors.encode(cursors.Within(self._run, self.where.digest, after, until, key))

    def event_at(self, position: int, step: Step[RowT]) -> EventT:
        """The event of the change at `position`: the same object for everyone."""
        event = self._events.get(position)
        if event is None:
            event = self._events[position] = self._event(step, self.cursor(position))
        return event

    def kept_event(self, position: int) -> EventT | None:
        """The event of the change at `position`, if it is in use."""
        return self._events.get(position)

    def merged_event(self, after: int, until: int, step: Step[RowT], *, is_last: bool) -> EventT:
        """The event of one key in the merge of (after, until].

        Those who fall behind together get the same objects: they were sent everything up to
        `after`, so the merge is the same for all of them.
        """
        event = self._merged_events.get((after, until, step.key))
        if event is None:
            cursor = self.cursor(until) if is_last else self.cursor_within(after, until, step.key)
            event = self._event(step, cursor)
            self._merged_events[after, until, step.key] = event
        return event

    def _event(self, step: Step[RowT], cursor: str) -> EventT:
        if step.before is None:
            assert step.after is not None
            assert step.cause is not None
            return self._table.added(step.cause, step.after.row, cursor)
        if step.after is None:
            assert step.cause is not None
            return self._table.deleted(step.cause, step.key, step.before.row, cursor)
        return self._table.updated(step.before.row, step.after.row, cursor)

    def shows(self, version: Version[RowT]) -> bool:
        """Whether a version passes; it is not unpacked for that."""
        return self.where is EVERYTHING or self.where.matches(version.facets)

    def _shown(self, version: Version[RowT] | None) -> Version[RowT] | None:
        return version if version is not None and self.shows(version) else None
