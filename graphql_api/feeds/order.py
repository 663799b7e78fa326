"""A sorted collection, so that pages and snapshots need no sorting."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterator
from itertools import chain
from typing import Any, Final, Generic, TypeVar

ValueT = TypeVar("ValueT")

MAX_CHUNK: Final = 1024
"""A chunk that is longer is cut in two: moving a thousand pointers takes a microsecond."""


class Order(Generic[ValueT]):
    """Distinct values in ascending order, in chunks.

    With n values, `add` and `remove` take O(log n) comparisons, and `part` looks at n / 512 chunks
    at most and at the values that it returns.
    """

    __slots__ = ("_chunks", "_lasts", "_length")

    def __init__(self) -> None:
        self._chunks: list[list[Any]] = []
        self._lasts: list[Any] = []
        self._length = 0

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[ValueT]:
        return chain.from_iterable(self._chunks)

    def add(self, value: ValueT) -> None:
        """Add a value that is not there."""
        self._length += 1
        if not self._chunks:
            self._chunks.append([value])
            self._lasts.append(value)
            return
        at = min(bisect_left(self._lasts, value), len(self._chunks) - 1)
        chunk = self._chunks[at]
        insort(chunk, value)
        self._lasts[at] = chunk[-1]
        if len(chunk) > MAX_CHUNK:
            half = len(chunk) // 2
            self._chunks[at : at + 1] = [chunk[:half], chunk[half:]]
            self._lasts[at : at + 1] = [chunk[half - 1], chunk[-1]]

    def remove(self, value: ValueT) -> None:
        """Remove a value that is there.

        Raises:
            KeyError: It is not there.
        """
        at = bisect_left(self._lasts, value)
        chunk = self._chunks[at] if at < len(self._chunks) else []
        index = bisect_left(chunk, value)
        if index == len(chunk) or chunk[index] != value:
            raise KeyError(value)
        del chunk[index]
        self._length -= 1
        if chunk:
            self._lasts[at] = chunk[-1]
        else:
            del self._chunks[at], self._lasts[at]

    def part(self, offset: int, limit: int) -> list[ValueT]:
        """The values from number `offset` on, counted from 0, `limit` of them at most."""
        found: list[ValueT] = []
        for chunk in self._chunks:
            if len(found) >= limit:
                break
            if offset >= len(chunk):
                offset -= len(chunk)
                continue
            found += chunk[offset : offset + limit - len(found)]
            offset = 0
        return found

    def last_part(self, offset: int, limit: int) -> list[ValueT]:
        """The same from the end: the last value is number 0."""
        end = max(0, self._length - offset)
        start = max(0, end - limit)
        return self.part(start, end - start)[::-1]
