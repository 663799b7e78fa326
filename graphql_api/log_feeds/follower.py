"""One follower of a partition: what it has, and what it needs next. Pure.

```
            behind the floor, or has fallen behind it
 WINDOW ◀─────────────────────────────────────────────▶ INDEX
   the next unsettled row, by number                      the next page of settled rows
```

A follower has the rows up to its line, those of the window up to its number, and those that it had
before it fell behind. Each row is given out once.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from graphql_api.log_feeds.cursor import LogPlace
from graphql_api.log_feeds.window import LogWindow, SettledRows


@dataclass(frozen=True, slots=True)
class SettledPage:
    """SettledRows rows, read from the index.

    Attributes:
        after: They are above this sequence.
        upto: And all that there are up to this one.
        sequences: Their sequences, in order.
    """

    after: int
    upto: int
    sequences: Sequence[int]


class Follower:
    """The position of one follower in a partition.

    Args:
        window: That of the partition.
        place: From where it goes on.
        trusted: It may read the index up to here, whatever the window says: it has seen a row of
            this sequence long ago, or somebody has seen it for it.
    """

    def __init__(self, window: LogWindow, place: LogPlace, *, trusted: int) -> None:
        self._window = window
        self._next = 0
        self._had: set[int] = set()
        self._page: deque[int] | None = None
        self._page_upto = 0
        self.line = place.line
        self.count = place.rows
        self.upto = max(window.floor, trusted)
        """How far it reads the index, if `is_reading`."""
        self.is_reading = self.line < self.upto

    @property
    def wants_page(self) -> bool:
        """Whether it needs the page after `line` up to `upto`."""
        return self.is_reading and self._page is None

    @property
    def number(self) -> int:
        """The number below which it has every row of the window."""
        return self._next

    @property
    def total(self) -> int:
        """How many rows there are, if it has read to the floor and the window has all others."""
        return self.count + self._window.count_above(self.line)

    def take_page(self, page: SettledPage) -> None:
        """Go on with a page; nothing happens if it is not the one that is wanted."""
        if self.wants_page and page.after == self.line:
            self._page = deque(page.sequences)
            self._page_upto = page.upto
            self._end_page()

    def next(self) -> int | None:
        """The sequence of the row that comes next; None, if it waits."""
        while self.is_reading:
            if not self._page:
                return None
            if self._page[0] not in self._had:
                return self._page[0]
            self.pass_row()  # the last one of a page may lead back to the window
        for number, sequence in self._window.entries(self._next):
            if sequence > self.line and sequence not in self._had:
                self._next = number
                return sequence
            self._next = number + 1
        return None

    def pass_row(self) -> None:
        """Pass the row that comes next: it is given out, or none of those that are asked for."""
        if not self.is_reading:
            self._next += 1
            return
        assert self._page
        self.line = self._page.popleft()
        self.count += 1
        self._had.discard(self.line)
        self._end_page()

    def coming(self, most: int) -> list[int]:
        """The sequences of some rows that come next, for reading them at once."""
        if self.is_reading:
            return list(self._page or ())[:most]
        found: list[int] = []
        for _, sequence in self._window.entries(self._next):
            if sequence > self.line and sequence not in self._had:
                found.append(sequence)
                if len(found) == most:
                    break
        return found

    def on_settled(self, settled: SettledRows) -> None:
        """The window's floor is higher now."""
        if self.is_reading or settled.floor <= self.line:
            return
        if settled.is_whole and not self._lacks_any(settled):
            self.count += settled.count_above(self.line)
            self.line = settled.floor
            self._had = {sequence for sequence in self._had if sequence > self.line}
            return
        entries = (*settled.entries, *self._window.entries(0))
        self._had.update(
            sequence for number, sequence in entries if number < self._next and sequence > self.line
        )
        self.is_reading = True
        self.upto = settled.floor

    def _lacks_any(self, settled: SettledRows) -> bool:
        for number, sequence in reversed(settled.entries):
            if number < self._next:
                return False
            if sequence > self.line and sequence not in self._had:
                return True
        return False

    def _end_page(self) -> None:
        if self._page:
            return
        self._page = None
        self.line = self._page_upto
        if self.line < self.upto:
            return
        self.upto = self._window.floor
        self.is_reading = self.line < self.upto
        self._next = self._window.start
