"""Turns of addresses: which of them had something longest ago."""

from __future__ import annotations

from collections.abc import Hashable

_MAX_ADDRESSES = 10_000


class AddressTurns:
    """The last turn of each address; of more than 10 000, those of longest ago are forgotten."""

    def __init__(self) -> None:
        self._count = 0
        self._last: dict[Hashable, int] = {}  # the oldest first

    def note(self, address: Hashable) -> None:
        """Give an address its turn."""
        self._count += 1
        self._last.pop(address, None)
        self._last[address] = self._count
        if len(self._last) > _MAX_ADDRESSES:
            del self._last[next(iter(self._last))]

    def last_of(self, address: Hashable) -> int:
        """When an address had its last turn, as a number that grows; 0 if it had none."""
        return self._last.get(address, 0)
