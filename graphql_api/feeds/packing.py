"""Rows as bytes, which take less memory: a feed holds a whole table and a history of changes."""

from __future__ import annotations

import sys
from collections import OrderedDict
from typing import Any, Final, Generic, Protocol, TypeVar

RowT = TypeVar("RowT")

UNPACKED_MAX_BYTES: Final = 512 * 1024
"""How much is kept unpacked for several readers, in packed bytes; objects take ten times that."""


class Packing(Protocol[RowT]):
    """The functions that turn the rows of one table into bytes, and back."""

    def pack(self, row: RowT) -> bytes:
        """The bytes of a row."""

    def unpack(self, packed: bytes) -> RowT:
        """An equal row."""

    @property
    def format(self) -> str:
        """Names the encoding, the shape of the rows, and the version of their decoding."""

    def content(self, packed: bytes) -> bytes:
        """The bytes that are compared of a row: the same for all rows that are equal."""

    def facets(self, row: RowT) -> Any:
        """An object with those attributes of a row that filters look at, and no others."""


class Packer(Generic[RowT]):
    """Packs the rows of one feed; readers at about the same time share one unpacked row.

    Args:
        packing: How.
        max_bytes: How much is kept unpacked, in packed bytes.
    """

    def __init__(self, packing: Packing[RowT], *, max_bytes: int = UNPACKED_MAX_BYTES) -> None:
        self._packing = packing
        self._max_bytes = max_bytes
        self._bytes = 0
        # By version, the one that was read longest ago first.
        self._unpacked: OrderedDict[object, tuple[RowT, int]] = OrderedDict()

    def pack(self, row: RowT) -> tuple[bytes, Any]:
        """The bytes of a row, and what filters look at."""
        return self._packing.pack(row), self._packing.facets(row)

    def facets(self, row: RowT) -> Any:
        """The values that filters look at."""
        return self._packing.facets(row)

    def content(self, packed: bytes) -> bytes:
        """The bytes that are compared of a row."""
        return self._packing.content(packed)

    def unpack(self, version: object, packed: bytes) -> RowT:
        """The row of a version."""
        found = self._unpacked.get(version)
        if found is not None:
            self._unpacked.move_to_end(version)
            return found[0]
        row = self._packing.unpack(packed)
        self._unpacked[version] = row, len(packed)
        self._bytes += len(packed)
        while self._bytes > self._max_bytes and len(self._unpacked) > 1:
            _, (_, size) = self._unpacked.popitem(last=False)
            self._bytes -= size
        return row


def facets_bytes(facets: Any) -> int:
    """How much memory the facets of a row take, about: they are a tuple of values and tuples."""
    if not isinstance(facets, tuple):
        return sys.getsizeof(facets)
    return sys.getsizeof(facets) + sum(map(facets_bytes, facets))
