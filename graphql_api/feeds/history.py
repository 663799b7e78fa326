"""The last changes of a feed, for subscribers that resume."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Generic, TypeVar

from graphql_api.feeds.events import Change

RowT = TypeVar("RowT")

_CHANGE_BYTES = 300
"""About what an entry costs beside its packed version: the change, its key, a place in the dict."""


class History(Generic[RowT]):
    """Consecutive changes; the oldest are dropped when a limit is passed.

    Only an entry's `before` counts towards its size: its `after` is the table's current version,
    or else the `before` of a later entry.

    Args:
        max_changes: How many changes to keep at most.
        max_bytes: How much memory to use at most, about.
    """

    def __init__(self, *, max_changes: int, max_bytes: int) -> None:
        self._max_changes = max_changes
        self._max_bytes = max_bytes
        self._changes: dict[int, Change[RowT]] = {}
        self._bytes = 0
        self.tail = 0
        """The oldest position from which everything after it is still known."""
        self.head = 0
        """The position of the last change."""

    def __len__(self) -> int:
        return len(self._changes)

    @property
    def size_bytes(self) -> int:
        """How much memory it uses, about."""
        return self._bytes

    def append(self, change: Change[RowT]) -> None:
        """Add the next change, whose `before` counts as its size."""
        assert change.position == self.head + 1, "positions are consecutive"
        self.head = change.position
        self._changes[change.position] = change
        self._bytes += _size(change)
        while len(self._changes) > self._max_changes or self._bytes > self._max_bytes:
            self.tail += 1
            self._bytes -= _size(self._changes.pop(self.tail))

    def reaches(self, position: int) -> bool:
        """Whether every change after `position` is known, and `position` has been."""
        return self.tail <= position <= self.head

    def __getitem__(self, position: int) -> Change[RowT]:
        """The change that led to `position`."""
        return self._changes[position]

    def between(self, after: int, until: int) -> Iterator[Change[RowT]]:
        """The changes of the stretch (after, until], oldest first; `after` must be reached."""
        return (self._changes[position] for position in range(after + 1, until + 1))


def _size(change: Change[RowT]) -> int:
    return _CHANGE_BYTES + (0 if change.before is None else change.before.packed_bytes)
