"""Pairs of texts as bytes: a row may have hundreds, and rows are held by the thousand.

An object for each pair takes five times the memory of its texts, and Python's search for cycles of
garbage looks at it again and again. The objects are made for each reader, who soon drops them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import starmap
from typing import Generic, TypeVar, overload

import orjson

T = TypeVar("T")


class PackedPairs(Sequence[T], Generic[T]):
    """A sequence that holds the bytes of its pairs, and makes its items whenever they are read.

    Args:
        pairs: The pairs; their texts can be encoded in UTF-8.
        make: Makes an item of the two texts of a pair.
    """

    __slots__ = ("_length", "_make", "_packed")

    def __init__(self, pairs: Iterable[tuple[str, str]], make: Callable[[str, str], T]) -> None:
        pairs = tuple(pairs)
        self._make = make
        self._length = len(pairs)
        # Copied, because orjson's own bytes keep the room that it wrote in.
        self._packed = memoryview(orjson.dumps(pairs)).tobytes()

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[T]:
        return starmap(self._make, orjson.loads(self._packed))

    @overload
    def __getitem__(self, index: int) -> T: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[T]: ...
    def __getitem__(self, index: int | slice) -> T | Sequence[T]:
        return tuple(self)[index]

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, PackedPairs):
            return NotImplemented
        return self._packed == other._packed and self._make == other._make

    def __hash__(self) -> int:
        return hash(self._packed)

    def __repr__(self) -> str:
        return repr(tuple(self))
