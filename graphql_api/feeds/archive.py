"""Queries for the rows of a table that are outside of the window of its feed."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any, NamedTuple

from graphql_api.feeds.part import Edge


class Relation(Enum):
    """The comparison of a condition with a stored value."""

    ONE_OF = "one of"
    """It is one of some values."""
    ANY_OF = "any of"
    """It is a list that has one of some values."""
    CONTAINS = "contains"
    """It is a text that has another one in it, in upper or lower case."""
    EQUALS = "equals"
    AFTER = "after"
    """It is a time after another one."""


class WantedValue(NamedTuple):
    """A condition that stored documents must meet.

    Attributes:
        field: The stored field.
        relation: What is asked of its value.
        value: What it is compared with: as stored, alternatives as a set, text casefolded, a time
            in seconds since 1970.
    """

    field: str
    relation: Relation
    value: Any


@dataclass(frozen=True, slots=True)
class Outside:
    """The documents outside of a window that meet some conditions, the latest first.

    Attributes:
        table: Their table.
        key: The field that holds their keys.
        index: The field, and the index, by whose times they are ordered. One that has no time there
            is not among them.
        edge: The window that they are outside of.
        wanted: The conditions, all of which must hold.
        keys: The keys that they may have; any, if absent.
    """

    table: str
    key: str
    index: str
    edge: Edge
    wanted: tuple[WantedValue, ...] = ()
    keys: tuple[str, ...] | None = None


class ArchivePlace(NamedTuple):
    """A document's place in the order by time: its time in seconds since 1970, and its key."""

    time: float
    key: str


class Spot(NamedTuple):
    """A place in an index up to which documents have been looked at, the latest first.

    Attributes:
        time: The time of the last one, in seconds since 1970.
        number: How many with this very time have been looked at.
    """

    time: float
    number: int


@dataclass(frozen=True, slots=True)
class Lookup:
    """The result of one look at some documents of an index.

    Attributes:
        places: The places of those that were looked for, the latest first.
        looked_at: How many documents were looked at.
        spot: Where the next look begins; None if no documents are left.
    """

    places: list[ArchivePlace]
    looked_at: int
    spot: Spot | None
