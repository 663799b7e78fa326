"""The `DateTime` scalar."""

from __future__ import annotations

from datetime import UTC, datetime

import strawberry
from graphql import GraphQLError


def serialize(value: datetime) -> str:
    """A time as ISO 8601 with milliseconds, in UTC: `2026-11-02T08:30:00.000Z`."""
    return value.astimezone(UTC).isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"


def parse(value: object) -> datetime:
    """The time that an ISO 8601 string with an offset or `Z` stands for.

    Raises:
        GraphQLError: It is anything else.
    """
    try:
        time = datetime.fromisoformat(value) if isinstance(value, str) else None
        if time is not None and time.tzinfo is not None:
            return time.astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise GraphQLError("DateTime must be an ISO 8601 time with an offset, 2026-11-02T08:30:00.000Z")


DATE_TIME = strawberry.scalar(
    name="DateTime",
    description="A time: ISO 8601 with milliseconds, in UTC, like `2026-11-02T08:30:00.000Z`.",
    specified_by_url="https://datatracker.ietf.org/doc/html/rfc3339",
    serialize=serialize,
    parse_value=parse,
)
