"""The `DateTime` scalar."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import strawberry
from graphql import GraphQLError

_RFC_3339 = re.compile(
    r"(?P<minute>[0-9]{4}-[0-9]{2}-[0-9]{2}T(?:[01][0-9]|2[0-3]):[0-5][0-9])"
    r":(?P<second>[0-5][0-9]|60)"
    r"(?:\.(?P<fraction>[0-9]+))?"
    r"(?:Z|(?P<sign>[+-])(?P<hours>[01][0-9]|2[0-3]):(?P<minutes>[0-5][0-9]))",
    re.IGNORECASE | re.ASCII,
)


def serialize(value: datetime) -> str:
    """A time as RFC 3339 with milliseconds, in UTC: `2026-11-02T08:30:00.000Z`."""
    return value.astimezone(UTC).isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"


def parse(value: object) -> datetime:
    """The time that a text in the form of RFC 3339, 5.6, stands for.

    The second 60 is the first second of the next minute, and digits beyond microseconds are left
    out: RethinkDB knows neither.

    Raises:
        GraphQLError: It is anything else, or a time in UTC outside the years 1 to 9999.
    """
    match = _RFC_3339.fullmatch(value) if isinstance(value, str) else None
    if match is not None:
        offset = timedelta(hours=int(match["hours"] or 0), minutes=int(match["minutes"] or 0))
        if match["sign"] == "-":
            offset = -offset
        microsecond = int((match["fraction"] or "")[:6].ljust(6, "0"))
        try:
            time = datetime.fromisoformat(match["minute"].upper()).replace(tzinfo=UTC)
            after = timedelta(seconds=int(match["second"]), microseconds=microsecond)
            return time + (after - offset)
        except (ValueError, OverflowError):
            pass
    raise GraphQLError(
        "DateTime must be a time in the form of RFC 3339, such as 2026-11-02T08:30:00.000Z or "
        "2026-11-02T09:30:00+01:00"
    )


DATE_TIME = strawberry.scalar(
    name="DateTime",
    description=(
        "A time: RFC 3339 with milliseconds, in UTC, like `2026-11-02T08:30:00.000Z`. As an input, "
        "any time in the form of RFC 3339, with any offset."
    ),
    specified_by_url="https://datatracker.ietf.org/doc/html/rfc3339",
    serialize=serialize,
    parse_value=parse,
)
