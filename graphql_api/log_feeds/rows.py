"""The rows that were read last, and the events made of them: bounded, for all partitions of a log.

Followers that are at about the same place share them.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable, Mapping
from typing import Any, Final, Generic, TypeVar

from graphql_api.feeds.table import Document
from graphql_api.feeds.view import Event

RowT = TypeVar("RowT")

_ROW_BYTES: Final = 700
"""About what a row takes beside the texts in it."""
_TEXT_BYTES: Final = 60
"""About what a text takes beside its characters."""
_PACKED_BYTES: Final = 4
"""About what a text of a list takes beside its characters."""
_EVENT_BYTES: Final = 650
"""About what an event takes: the row is shared."""
_MAX_ROWS_AT_ONCE: Final = 500
_BYTES_AT_ONCE: Final = 500_000
_MAX_EVENTS: Final = 4
"""Of how many places the events of one row are kept."""


class HeldRow(Generic[RowT]):
    """A row, its kind, and the events made of it.

    Args:
        row: The row; None, if there is none any more.
        kind: Its kind: one bit.
        size: How much memory it takes, about.
    """

    __slots__ = ("_events", "kind", "row", "size")

    def __init__(self, row: RowT | None, kind: int, size: int) -> None:
        self.row = row
        self.kind = kind
        self.size = size
        self._events: dict[Hashable, Event[Any]] = {}

    def event(self, key: Hashable) -> Event[Any] | None:
        """The event that was made for a key, if it is still kept."""
        return self._events.get(key)

    def keep(self, key: Hashable, event: Event[Any]) -> int:
        """Keep an event for others with the same key; returns how much more memory that takes."""
        before = len(self._events)
        if before == _MAX_EVENTS:
            del self._events[next(iter(self._events))]
        self._events[key] = event
        more = _EVENT_BYTES * (len(self._events) - before)
        self.size += more
        return more


class RowCache(Generic[RowT]):
    """Rows by sequence, with their events; the oldest are forgotten.

    Args:
        max_bytes: How much they may take together, about.
    """

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._rows: OrderedDict[int, HeldRow[RowT]] = OrderedDict()
        self.size = 0

    @property
    def rows_at_once(self) -> int:
        """How many rows one read may ask for: a reply is decoded without a pause."""
        average = self.size // len(self._rows) if self._rows else _ROW_BYTES
        return max(1, min(_MAX_ROWS_AT_ONCE, _BYTES_AT_ONCE // max(1, average)))

    def get(self, sequence: int) -> HeldRow[RowT] | None:
        """A row, if it is here."""
        return self._rows.get(sequence)

    def put(self, sequence: int, held: HeldRow[RowT]) -> None:
        """Add a row, unless it is held already."""
        if sequence in self._rows:
            return
        self._rows[sequence] = held
        self.size += held.size
        self._forget_oldest()

    def keep(self, sequence: int, key: Hashable, event: Event[Any]) -> None:
        """Keep an event of a row for others with the same key, if the row is here."""
        held = self._rows.get(sequence)
        if held is not None:
            self.size += held.keep(key, event)
            self._forget_oldest()

    def _forget_oldest(self) -> None:
        while self.size > self._max_bytes and len(self._rows) > 1:
            _, oldest = self._rows.popitem(last=False)
            self.size -= oldest.size

    def clear(self) -> None:
        """Forget all rows."""
        self._rows.clear()
        self.size = 0


def size_of(document: Document) -> int:
    """About what a document takes as a row, in bytes."""
    return _ROW_BYTES + _text_bytes(document)


def _text_bytes(value: Any) -> int:
    if isinstance(value, str):
        return _TEXT_BYTES + len(value)
    if isinstance(value, Mapping):
        return sum(map(_text_bytes, value.values()))
    if isinstance(value, list):  # it is held packed
        return sum(_PACKED_BYTES + len(each) for each in value if isinstance(each, str))
    return 0
