"""Evidence of which rows are settled. Pure: the times are given."""

from __future__ import annotations

from collections import deque
from typing import Final, NamedTuple

from graphql_api.log_feeds.cursor import NO_MARK, NOTHING, Mark

_MARKS: Final = 32
"""How many marks are kept within the bound."""


class _SeenMark(NamedTuple):
    mark: Mark
    at_s: float


class Evidence:
    """The marks of one partition: which rows were seen when.

    Args:
        bound_s: How long after a row one with a lower sequence may become visible.
    """

    def __init__(self, bound_s: float) -> None:
        self._bound_s = bound_s
        self._seen: deque[_SeenMark] = deque()
        self.final = NOTHING
        """A read from now on finds every row up to this sequence that there will ever be."""

    def see(self, head: int, *, at_s: float, epoch_ms: int) -> None:
        """Note that a row was visible.

        Args:
            head: Its sequence.
            at_s: The time, in seconds by a clock that never leaps.
            epoch_ms: The time of day.
        """
        last = self._seen[-1] if self._seen else None
        if head <= (self.final if last is None else last.mark.sequence):
            return
        if last is None or at_s >= last.at_s + self._bound_s / _MARKS:
            self._seen.append(_SeenMark(Mark(head, epoch_ms), at_s))

    def settle(self, now_s: float) -> int:
        """The highest sequence that is settled by now."""
        for mark, at_s in self._seen:
            if at_s + self._bound_s > now_s:
                break
            self.final = max(self.final, mark.sequence)
        return self.final

    def forget(self) -> None:
        """Forget all marks: the database could not be reached in between.

        Writers could not either, so a row may be later than it would have been.
        """
        self._seen.clear()

    def drop(self, line: int) -> None:
        """Forget the marks up to a line that all followers have passed."""
        while self._seen and self._seen[0].mark.sequence <= line:
            self._seen.popleft()

    def mark_above(self, line: int) -> Mark:
        """The oldest mark above a line."""
        for mark, _ in self._seen:
            if mark.sequence > line:
                return mark
        return NO_MARK
