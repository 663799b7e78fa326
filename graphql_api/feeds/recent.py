"""Cache of the last events, so that subscribers that are sent the same share one object."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

EventT = TypeVar("EventT")


class RecentEvents(Generic[EventT]):
    """Events by their content; the oldest are forgotten.

    Args:
        limit: How many to keep.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._events: dict[Hashable, EventT] = {}

    def get(self, key: Hashable) -> EventT | None:
        """The event, if it is known."""
        return self._events.get(key)

    def get_or_make(self, key: Hashable, make: Callable[[], EventT]) -> EventT:
        """The event; if it is not known, a new one, which is remembered."""
        event = self._events.get(key)
        if event is None:
            event = self._events[key] = make()
            if len(self._events) > self._limit:
                del self._events[next(iter(self._events))]
        return event
