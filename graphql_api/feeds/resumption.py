"""Resumption: from where in a history a subscriber goes on, by the cursor that it has.

| the cursor is                                | it goes on                                     |
|----------------------------------------------|------------------------------------------------|
| of this run, and its digest is right         | at its position                                |
| of another, and a point here has its digest  | at the newest such point                       |
| of another, and its digest is beside a point | at that point; what it has already is left out |
| anything else                                | not at all: the snapshot                       |

What a client holds depends on the table's content alone. So a point with the same content is as
good as the same position.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from graphql_api.feeds.cursor import NO_RUN, At, Cursor, Incomplete, Within
from graphql_api.feeds.events import Point
from graphql_api.feeds.history import History
from graphql_api.feeds.neighbours import NeighbourSearch


@dataclass(frozen=True, slots=True)
class Resumption:
    """The place at which a subscriber goes on.

    Attributes:
        start: The point after which the history is read.
        ahead: The positions of later changes that the client has already.
        batch: The end of the merged batch in which it stands, and the key behind which; None if it
            stands in none.
    """

    start: Point
    ahead: frozenset[int] = frozenset()
    batch: tuple[Point, str] | None = None

    def digest(self, history: History[Any]) -> int:
        """The digest of what the client holds."""
        digest = self.start.digest
        for position in self.ahead:
            digest ^= history.point(position).digest ^ history.point(position - 1).digest
        return digest


class Resumptions:
    """Finds where subscribers of one feed go on.

    Args:
        history: The changes that are known.
        run: The run of the feed.
    """

    def __init__(self, history: History[Any], run: bytes) -> None:
        self._history = history
        self._run = run
        self._neighbours = NeighbourSearch(history)

    def find(self, cursor: Cursor | None, filter_: bytes) -> Resumption | None:
        """Where a subscriber goes on; None if it must begin with the snapshot.

        Args:
            cursor: What it has.
            filter_: The digest of its filter.
        """
        if cursor is None or isinstance(cursor, Incomplete) or cursor.filter != filter_:
            return None
        if isinstance(cursor, Within):
            return self._within(cursor)
        history, digest = self._history, cursor.point.digest
        if cursor.run == self._run and self._has(cursor.point):
            return Resumption(cursor.point)
        position = history.find(digest)
        if position is not None:
            return Resumption(history.point(position))
        neighbour = self._neighbours.find(digest)
        if neighbour is None:
            return None
        return Resumption(history.point(neighbour.start), neighbour.ahead)

    def _within(self, cursor: Within) -> Resumption | None:
        """The batch is merged again: both of its ends must be points of this history."""
        history, after, until = self._history, cursor.after, cursor.until
        if not (cursor.run == self._run and self._has(after) and self._has(until)):
            first, last = history.find(after.digest), history.find(until.digest)
            if first is None or last is None:
                return None
            after, until = history.point(first), history.point(last)
        if after.position > until.position:
            return None
        return Resumption(after, batch=(until, cursor.key))

    def _has(self, point: Point) -> bool:
        """Whether a position is reached, and the table was there what the cursor says."""
        history = self._history
        return history.reaches(point.position) and history.point(point.position) == point


def elsewhere(filter_: bytes, digest: int) -> At:
    """The cursor of a subscriber that holds what no point of this history is."""
    return At(NO_RUN, filter_, Point(0, digest))
