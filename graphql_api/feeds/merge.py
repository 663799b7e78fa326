"""Merges: one change for each key, made once for all subscribers that wait since the same point.

```
 change ──▶ Merge ──a tick, or the client reads again──▶ Batch ──▶ events, in the order of the keys
            grows, until the last subscriber has left it  never changes
```
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Generic, TypeVar
from weakref import ReferenceType, WeakValueDictionary, ref

from graphql_api.feeds.events import Point
from graphql_api.feeds.view import BUNDLE_EVENTS, Bundle, Event, FilterView, ViewChange

RowT = TypeVar("RowT")
EventT = TypeVar("EventT")


class Merge(Generic[RowT, EventT]):
    """The changes of a view since a point, merged.

    It is the same for all subscribers that were sent everything up to that point, and nothing of
    what came then. `Merges` gives it to them.

    Args:
        view: The view.
        after: The point.
    """

    __slots__ = ("__weakref__", "_batch", "_changes", "_position", "_view", "after")

    def __init__(self, view: FilterView[RowT, EventT], after: Point) -> None:
        self._view = view
        self._changes: dict[str, ViewChange[RowT, EventT]] = {}
        self._position = after.position
        self._batch: ReferenceType[Batch[RowT, EventT]] | None = None
        self.after = after

    def __len__(self) -> int:
        return len(self._changes)

    def add(self, change: ViewChange[RowT, EventT]) -> None:
        """Merge the change that the feed has come to; nothing happens the second time."""
        if change.position != self._position:
            self._position = change.position
            merge_into(self._changes, change)

    def batch(self, until: Point) -> Batch[RowT, EventT]:
        """What it has come to: the same object for all that ask at one point, that of the feed."""
        batch = self._batch() if self._batch else None
        if batch is None or batch.until.position != until.position:
            batch = Batch(self._view, self._changes.values(), self.after, until)
            self._batch = ref(batch)  # held by those that are sent it
        return batch


class Batch(Generic[RowT, EventT]):
    """What a merge had come to at one point: the changes in the order of their keys.

    Args:
        view: The view.
        changes: One a key, in any order. Those that leave a row as it was before are left out.
        after: Where the merge began.
        until: Where it ends.
    """

    __slots__ = ("__weakref__", "_changes", "_view", "after", "until")

    def __init__(
        self,
        view: FilterView[RowT, EventT],
        changes: Iterable[ViewChange[RowT, EventT]],
        after: Point,
        until: Point,
    ) -> None:
        self._view = view
        self._changes = [change for change in changes if not change.is_idle]
        self._changes.sort(key=lambda change: change.key)
        self.after = after
        self.until = until

    def __len__(self) -> int:
        return len(self._changes)

    def event(self, place: int) -> Event[EventT]:
        """The event at a place of it; the same object for all that are sent it soon."""
        is_last = place == len(self._changes) - 1
        return self._view.merged(self.after, self.until, self._changes[place], is_last=is_last)

    def bundle(self, place: int) -> Bundle:
        """The events from a place on, as far as they are sent together."""
        places = range(place, min(place + BUNDLE_EVENTS, len(self._changes)))
        return Bundle(tuple(map(self.event, places)), len(places))


class Merges(Generic[RowT, EventT]):
    """The merges of one feed that subscribers have; none outlives the last of its subscribers."""

    def __init__(self) -> None:
        self._newest: WeakValueDictionary[FilterView[RowT, EventT], Merge[RowT, EventT]] = (
            WeakValueDictionary()
        )

    def since(self, view: FilterView[RowT, EventT], after: Point) -> Merge[RowT, EventT]:
        """The merge of a view that begins at a point, where the feed was before its last change."""
        merge = self._newest.get(view)
        if merge is None or merge.after.position != after.position:
            merge = self._newest[view] = Merge(view, after)
        return merge


def merge_into(
    merged: dict[str, ViewChange[RowT, EventT]], change: ViewChange[RowT, EventT]
) -> None:
    """Merge one more change into `merged`, which holds at most one for each key."""
    earlier = merged.get(change.key)
    whole = change if earlier is None else earlier.then(change)
    if whole is None:
        del merged[change.key]
    else:
        merged[change.key] = whole
