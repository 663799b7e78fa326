"""A toy table for the feeds' tests: rows are numbers, events are plain values."""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, NamedTuple

import orjson

from graphql_api.feeds.comparison import Comparison
from graphql_api.feeds.content import ContentHash
from graphql_api.feeds.events import ChangeCause, FeedStatus, Version
from graphql_api.feeds.keys import TEXT, KeyKind
from graphql_api.feeds.order import OrderBy, sort_key
from graphql_api.feeds.packing import Packer
from graphql_api.feeds.part import TimeWindow
from graphql_api.feeds.rows import Rows
from graphql_api.feeds.table import Document


@dataclass(frozen=True)
class Number:
    key: str
    n: int
    note: str = field(default="", compare=False)


@dataclass(frozen=True)
class Added:
    cause: ChangeCause
    row: Number
    cursor: str


@dataclass(frozen=True)
class Updated:
    previous: Number
    row: Number
    cursor: str


@dataclass(frozen=True)
class Deleted:
    cause: ChangeCause
    key: str
    previous: Number
    cursor: str


@dataclass(frozen=True)
class State:
    status: FeedStatus
    cursor: str


Event = Added | Updated | Deleted | State


@dataclass(frozen=True)
class Below:
    """The filter for numbers below a limit."""

    limit: int

    @property
    def digest(self) -> bytes:
        return struct.pack(">Q", self.limit)

    def matches(self, row: Number) -> bool:
        return row.n < self.limit


class PackedNumbers:
    """Packs numbers, and counts how often one is unpacked; filters look at `n`."""

    format = "numbers"

    def __init__(self) -> None:
        self.unpacked = 0

    def pack(self, row: Number) -> bytes:
        return orjson.dumps([row.key, row.n, row.note])

    def unpack(self, packed: bytes) -> Number:
        self.unpacked += 1
        return Number(*orjson.loads(packed))

    def content(self, packed: bytes) -> bytes:
        return orjson.dumps(orjson.loads(packed)[:2])

    def facets(self, row: Number) -> Any:
        return _Facets(row.n)


class _Facets(NamedTuple):
    n: int


def half(n: int) -> int | None:
    """What some numbers share, and 0 does not have."""
    return n // 2 if n else None


class Numbers:
    """The toy table.

    A document is `{"id": key, "n": number}`, perhaps with a `note`, whose change is none, and with
    whatever is not served.
    """

    name = "numbers"
    content_version = "1"
    primary_key = "id"
    depends_on: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    pace_s = 0.0
    window: TimeWindow | None = None
    order_by = OrderBy("n")
    groups: Mapping[str, Callable[[Number], str | None]] = MappingProxyType(
        {"n": lambda number: str(number.n) if number.n else None}
    )
    sort_keys: Mapping[str, Callable[[Number], tuple[Any, ...]]] = {
        "n": lambda number: sort_key(number.n, number.key),
        "half": lambda number: sort_key(half(number.n), number.key),
    }

    def __init__(self, key_kind: KeyKind = TEXT) -> None:
        self.key_kind = key_kind
        self.packing = PackedNumbers()

    def decode(self, key: str, document: Document) -> Number:
        return Number(key, document["n"], document.get("note", ""))

    def added(self, cause: ChangeCause, row: Number, cursor: str) -> Event:
        return Added(cause, row, cursor)

    def updated(self, previous: Number, row: Number, cursor: str) -> Event:
        return Updated(previous, row, cursor)

    def deleted(self, cause: ChangeCause, key: str, previous: Number, cursor: str) -> Event:
        return Deleted(cause, key, previous, cursor)

    def state(self, status: FeedStatus, cursor: str) -> Event:
        return State(status, cursor)

    def page(self, page: Any) -> Any:
        return page


HASH = ContentHash("toy")
"""That of all toy servers, which have the same table."""


def rows_of(table: Mapping[str, Number], content_hash: ContentHash = HASH) -> Rows[Number]:
    """Rows as a feed collects them."""
    rows = Rows(Numbers.sort_keys, Numbers.groups)
    for _ in rows.rehash(content_hash):
        pass
    packer = Packer(PackedNumbers())
    for key, number in table.items():
        rows.set(key, Version(number, packer))
    return rows


def differing(rows: Mapping[str, Version[Number]], table: Mapping[str, Number]) -> list[str]:
    """The keys, in order, whose rows are not those of a table."""
    comparison = Comparison(rows)
    for key, number in table.items():
        comparison.saw(key, number)
    return sorted(comparison)


def document(key: str, n: int, **unserved: Any) -> dict[str, Any]:
    """A stored document."""
    return {"id": key, "n": n, **unserved}
