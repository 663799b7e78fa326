"""Sorted collections, so that pages and snapshots need no sorting."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterator
from itertools import chain
from typing import Any, Final, Generic, NamedTuple, TypeAlias, TypeVar

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

    def number_before(self, value: ValueT) -> int:
        """How many values are less than this one."""
        at = bisect_left(self._lasts, value)
        before = sum(map(len, self._chunks[:at]))
        return before if at == len(self._chunks) else before + bisect_left(self._chunks[at], value)


SortKey: TypeAlias = tuple[Any, ...]
"""What a row is sorted by; its last item is the row's key, so that no two are equal."""

_WITHOUT_VALUE: Final = (True,)
"""It sorts behind the rows with a value, and before those without one."""


def sort_key(value: Any, key: str) -> SortKey:
    """The sort key of a row.

    Args:
        value: What the row is sorted by; None for nothing: it comes last then. The values of one
            order can be compared with each other.
        key: The row's key, by which those with the same value are sorted.
    """
    return (True, key) if value is None else (False, value, key)


class OrderBy(NamedTuple):
    """In which order rows are listed.

    Attributes:
        name: The name of one of the table's orders.
        is_descending: Whether the greatest value comes first. Those without one are last all the
            same, and those with the same value come in the descending order of their keys.
    """

    name: str
    is_descending: bool = False


class SortedRows(Order[SortKey]):
    """The sort keys of some rows, which can be listed in either direction."""

    __slots__ = ()

    def page(self, order_by: OrderBy, offset: int, limit: int) -> list[SortKey]:
        """The sort keys from number `offset` on, counted from 0, `limit` of them at most."""
        if not order_by.is_descending:
            return self.part(offset, limit)
        middle = self.number_before(_WITHOUT_VALUE)
        page = self._backwards(0, middle, offset, limit)
        if len(page) < limit:
            offset = max(0, offset - middle)
            page += self._backwards(middle, len(self), offset, limit - len(page))
        return page

    def listed(self, order_by: OrderBy) -> list[SortKey]:
        """All sort keys in an order."""
        keys = list(self)
        if not order_by.is_descending:
            return keys
        middle = self.number_before(_WITHOUT_VALUE)
        return [*reversed(keys[:middle]), *reversed(keys[middle:])]

    def _backwards(self, begin: int, end: int, offset: int, limit: int) -> list[SortKey]:
        """Some of those with the numbers from `begin` to `end`, the last of them first."""
        end = max(begin, end - offset)
        start = max(begin, end - limit)
        return self.part(start, end - start)[::-1]
