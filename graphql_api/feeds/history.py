"""The last changes of a feed, for subscribers that resume.

A place in it is found by its position, or by the digest of the table there. The index of digests is
made when the first cursor of another server is looked up: a server that is alone needs none.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Generic, TypeVar

from graphql_api.feeds.events import Point, RowChange

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
        self._changes: dict[int, RowChange[RowT]] = {}
        self._bytes = 0
        self._by_digest: dict[int, int] | None = None
        self.tail_point = Point(0, 0)
        """The oldest point from which everything after it is still known."""
        self.head_point = self.tail_point
        """The point that the last change has led to."""

    @property
    def tail(self) -> int:
        """The oldest position from which everything after it is still known."""
        return self.tail_point.position

    @property
    def head(self) -> int:
        """The position of the last change."""
        return self.head_point.position

    def __len__(self) -> int:
        return len(self._changes)

    @property
    def size_bytes(self) -> int:
        """How much memory it uses, about."""
        return self._bytes

    def begin(self, digest: int) -> None:
        """Begin at position 0, with a table that has this digest."""
        assert not self._changes, "it begins once"
        self.tail_point = self.head_point = Point(0, digest)

    def append(self, change: RowChange[RowT]) -> None:
        """Add the next change, whose `before` counts as its size."""
        point = change.point
        position = point.position
        assert position == self.head_point.position + 1, "positions are consecutive"
        self.head_point = point
        self._changes[position] = change
        if self._by_digest is not None:
            self._by_digest[point.digest] = position
        self._bytes += _size(change)
        while len(self._changes) > self._max_changes or self._bytes > self._max_bytes:
            self._drop_oldest()

    def _drop_oldest(self) -> None:
        dropped = self._changes.pop(self.tail + 1)
        if self._by_digest is not None and self._by_digest.get(self.tail_point.digest) == self.tail:
            del self._by_digest[self.tail_point.digest]
        self.tail_point = dropped.point
        self._bytes -= _size(dropped)

    def forget(self, digest: int) -> None:
        """Drop all changes; the table has this digest now."""
        while self._changes:
            self._drop_oldest()
        self._by_digest = None
        self.tail_point = self.head_point = Point(self.head, digest)

    def point(self, position: int) -> Point:
        """The point at a position that is reached."""
        return self.tail_point if position == self.tail else self._changes[position].point

    def find(self, digest: int) -> int | None:
        """The newest position at which the table had a digest; None if there is none."""
        if self._by_digest is None:
            self._by_digest = {
                (point := self.point(position)).digest: point.position
                for position in range(self.tail, self.head + 1)
            }
        return self._by_digest.get(digest)

    def reaches(self, position: int) -> bool:
        """Whether every change after `position` is known, and `position` has been."""
        return self.tail <= position <= self.head

    def __getitem__(self, position: int) -> RowChange[RowT]:
        """The change that led to `position`."""
        return self._changes[position]

    def between(self, after: int, until: int) -> Iterator[RowChange[RowT]]:
        """The changes of the stretch (after, until], oldest first; `after` must be reached."""
        return (self._changes[position] for position in range(after + 1, until + 1))


def _size(change: RowChange[RowT]) -> int:
    return _CHANGE_BYTES + (0 if change.before is None else change.before.packed_bytes)
