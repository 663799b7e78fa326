"""The unsettled rows of a partition, by their sequences alone."""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import dataclass

from graphql_api.log_feeds.cursor import NOTHING


@dataclass(frozen=True, slots=True)
class SettledRows:
    """The rows that have left the window, because they are settled.

    Attributes:
        floor: The window's floor from now on.
        entries: The numbers and sequences that have left, by number.
        sequences: The sequences, sorted.
        is_whole: Whether these are all rows between the old floor and the new one.
    """

    floor: int
    entries: list[tuple[int, int]]
    sequences: array[int]
    is_whole: bool

    def count_above(self, line: int) -> int:
        """How many of the rows have a sequence above a line."""
        return len(self.sequences) - bisect_right(self.sequences, line)


class LogWindow:
    """Rows above a floor, in the order in which they were first seen: each has a number.

    A row takes 24 bytes.

    Attributes:
        floor: Every row up to here is settled, or was never asked for.
        end: The number of the next row.
    """

    def __init__(self, floor: int) -> None:
        self.floor = floor
        self.end = 0
        self._numbers = array("q")
        self._sequences = array("q")
        self._sorted = array("q")

    def __len__(self) -> int:
        return len(self._numbers)

    @property
    def start(self) -> int:
        """The number of the oldest row; `end`, if there is none."""
        return self._numbers[0] if self._numbers else self.end

    @property
    def head(self) -> int:
        """The highest sequence; NOTHING, if there is no row."""
        return self._sorted[-1] if self._sorted else NOTHING

    def add(self, sequence: int) -> bool:
        """Add a row. Returns whether it is new."""
        if sequence <= self.floor:
            return False
        at = bisect_left(self._sorted, sequence)
        if at < len(self._sorted) and self._sorted[at] == sequence:
            return False
        self._sorted.insert(at, sequence)
        self._numbers.append(self.end)
        self._sequences.append(sequence)
        self.end += 1
        return True

    def entries(self, number: int) -> Iterator[tuple[int, int]]:
        """The numbers and sequences from a number on, in the order of arrival."""
        for at in range(bisect_left(self._numbers, number), len(self._numbers)):
            yield self._numbers[at], self._sequences[at]

    def count_above(self, line: int) -> int:
        """How many rows have a sequence above a line."""
        return len(self._sorted) - bisect_right(self._sorted, line)

    def lower(self, floor: int) -> None:
        """Put the floor lower: what is between is asked for from now on."""
        self.floor = min(self.floor, floor)

    def settle(self, floor: int, *, is_whole: bool) -> SettledRows:
        """Put the floor higher, since everything up to there is settled.

        Args:
            floor: The new floor.
            is_whole: Whether the window knows every row up to there.
        """
        gone = [entry for entry in self.entries(0) if entry[1] <= floor]
        kept = [entry for entry in self.entries(0) if entry[1] > floor]
        at = bisect_right(self._sorted, floor)
        settled = SettledRows(floor, gone, self._sorted[:at], is_whole)
        self._sorted = self._sorted[at:]
        self._numbers = array("q", [number for number, _ in kept])
        self._sequences = array("q", [sequence for _, sequence in kept])
        self.floor = floor
        return settled
