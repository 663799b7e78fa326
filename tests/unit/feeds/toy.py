"""A toy table for the feeds' tests: rows are numbers, events are plain values."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Any

from graphql_api.feeds.events import ChangeCause, FeedStatus
from graphql_api.feeds.table import Document


@dataclass(frozen=True)
class Number:
    key: str
    n: int


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


class Numbers:
    """The toy table; a document is `{"id": key, "n": number}` and whatever is not served."""

    name = "numbers"
    primary_key = "id"
    reads: tuple[str, ...] = ()

    def decode(self, key: str, document: Document) -> Number:
        return Number(key, document["n"])

    def added(self, cause: ChangeCause, row: Number, cursor: str) -> Event:
        return Added(cause, row, cursor)

    def updated(self, previous: Number, row: Number, cursor: str) -> Event:
        return Updated(previous, row, cursor)

    def deleted(self, cause: ChangeCause, key: str, previous: Number, cursor: str) -> Event:
        return Deleted(cause, key, previous, cursor)

    def state(self, status: FeedStatus, cursor: str) -> Event:
        return State(status, cursor)


def document(key: str, n: int, **unserved: Any) -> dict[str, Any]:
    """A stored document."""
    return {"id": key, "n": n, **unserved}
