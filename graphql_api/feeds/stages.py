"""The stages of a subscriber before it is live, and the statuses that wait in all of them."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from graphql_api.feeds.events import FeedStatus, Point, Version
from graphql_api.feeds.view import ViewChange

RowT = TypeVar("RowT")
EventT = TypeVar("EventT")


@dataclass(frozen=True, slots=True)
class WaitingStatus:
    """A status that has not been sent: due once everything up to `point` has been."""

    status: FeedStatus
    point: Point
    is_kept: bool
    """Whether it must be sent even if a newer one comes."""

    @property
    def position(self) -> int:
        """The position of the point."""
        return self.point.position


@dataclass(slots=True)
class Waiting:
    """The state in which the feed has no snapshot yet."""

    include_initial: bool


@dataclass(slots=True)
class Scan(Generic[RowT]):
    """The state of reading a snapshot, one row at a time as the client takes them.

    The table changes during the scan: `before` keeps what an unsent row was when it began, for
    those rows that have changed since. Nothing else is copied.
    """

    keys: tuple[str, ...]
    sent: int = 0
    before: dict[str, Version[RowT] | None] = field(default_factory=dict)

    def keep(self, key: str, before: Version[RowT] | None) -> None:
        """Remember what a row was before its change, if it has not been sent."""
        index = bisect_left(self.keys, key, self.sent)
        if index < len(self.keys) and self.keys[index] == key:
            self.before.setdefault(key, before)


@dataclass(slots=True)
class Replay(Generic[RowT, EventT]):
    """The state of reading the history after a cursor, unmerged, as the client takes it."""

    position: int
    batch: tuple[Point, Point, str] | None
    """The merged batch in the middle of which the client was cut off, until it is merged again: its
    ends, and the key behind which it goes on."""
    ahead: set[int]
    """The positions of later changes that the client holds already."""
    digest: int
    """That of what the client holds, while there are such changes."""
    merged: dict[str, ViewChange[RowT, EventT]] = field(default_factory=dict)
    """Its changes, as far as the history has been read for it."""
