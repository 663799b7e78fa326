"""Events of a subscription, as typed values: the union's members, and the connection's state.

What a server sends goes through `parse_event`, once; nothing behind it looks at its shape again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, TypeAlias

from graphql_api.client.table import FollowedTable, Row
from graphql_api.errors import GraphQLAPIError


class UnexpectedEventError(GraphQLAPIError):
    """The server has sent something that is no event of the subscription."""


class Status(Enum):
    """The status of a feed: the schema's FeedStatus."""

    INITIALIZING = "INITIALIZING"
    READY = "READY"
    STALE = "STALE"


@dataclass(frozen=True, slots=True)
class SentEvent:
    """Base of the events: what all of them have.

    Attributes:
        served: The event as the server sent it.
        cursor: Where the subscription can be resumed.
    """

    served: Mapping[str, Any]
    cursor: str


@dataclass(frozen=True, slots=True)
class Added(SentEvent):
    """A row that was not held; `cause` is INITIAL, CREATED or ENTERED_FILTER."""

    cause: str
    key: str
    row: Row


@dataclass(frozen=True, slots=True)
class Updated(SentEvent):
    """A row that was held, with other values in the fields that are named."""

    key: str
    row: Row
    previous: Row
    changed_fields: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Deleted(SentEvent):
    """A row that is held no longer; `cause` is DELETED or LEFT_FILTER."""

    cause: str
    key: str
    previous: Row


@dataclass(frozen=True, slots=True)
class State(SentEvent):
    """The status of the feed from here on."""

    status: Status

    @property
    def has_all_rows(self) -> bool:
        """Whether every row has been sent when this is."""
        return self.status is not Status.INITIALIZING


Event: TypeAlias = Added | Updated | Deleted | State


@dataclass(frozen=True, slots=True)
class Connected:
    """The server has begun to answer the subscription."""


@dataclass(frozen=True, slots=True)
class Disconnected:
    """There is no connection; the next try comes by itself.

    Attributes:
        reason: Why, in a few words.
    """

    reason: str


@dataclass(frozen=True, slots=True)
class FeedProblem:
    """The server cannot follow the table in its database; it tries again by itself.

    Attributes:
        reason: Why, as `Feed.problem` of the schema.
    """

    reason: str


Happening: TypeAlias = Event | Connected | Disconnected | FeedProblem

PROBLEMS = "{ feeds { table problem } }"
"""The query that asks why tables cannot be followed."""


def parse_problem(table: FollowedTable, data: object) -> FeedProblem | None:
    """The problem of a table in the `data` of PROBLEMS; None, if there is none."""
    match data:
        case {"feeds": [*feeds]}:
            for feed in feeds:
                match feed:
                    case {"table": table.stored, "problem": str(reason)}:
                        return FeedProblem(reason)
    return None


def parse_event(table: FollowedTable, data: object) -> Event:
    """The event that the `data` of a result holds.

    Raises:
        UnexpectedEventError: It is none that `table.document` can have.
    """
    try:
        return _event(table, data[table.subscription_field])  # type: ignore[index]
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise UnexpectedEventError("no event of this subscription") from error


def _event(table: FollowedTable, served: Mapping[str, Any]) -> Event:
    cursor = _str(served["cursor"])
    match served["__typename"].removeprefix(table.type_name):
        case "Added":
            row = _dict(served[table.entity])
            return Added(served, cursor, _str(served["cause"]), _str(row["id"]), row)
        case "Updated":
            row = _dict(served[table.entity])
            changed = tuple(_str(name) for name in served["changedFields"])
            return Updated(served, cursor, _str(row["id"]), row, _dict(served["previous"]), changed)
        case "Deleted":
            key, previous = _str(served[table.deleted_key]), _dict(served["previous"])
            return Deleted(served, cursor, _str(served["cause"]), key, previous)
        case "FeedState":
            return State(served, cursor, Status(served["status"]))
        case other:
            raise ValueError(other)


def _str(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def _dict(value: object) -> Row:
    if not isinstance(value, dict):
        raise TypeError
    return value
