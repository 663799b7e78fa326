"""Cache of the last events and bundles: subscribers that are sent the same share one object."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

ItemT = TypeVar("ItemT")


class RecentItems(Generic[ItemT]):
    """Items by their content; the oldest are forgotten.

    Args:
        limit: How many to keep.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._items: dict[Hashable, ItemT] = {}

    def get(self, key: Hashable) -> ItemT | None:
        """The item, if it is known."""
        return self._items.get(key)

    def get_or_make(self, key: Hashable, make: Callable[[], ItemT]) -> ItemT:
        """The item; if it is not known, a new one, which is remembered."""
        item = self._items.get(key)
        if item is None:
            item = self._items[key] = make()
            if len(self._items) > self._limit:
                del self._items[next(iter(self._items))]
        return item
