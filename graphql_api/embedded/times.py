"""ISO 8601 and back.

Source: src/rdb_protocol/pseudo_time.cc. RethinkDB parses with Boost; what Boost alone would accept
or refuse is decided here by Python's `datetime`.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from graphql_api.embedded.datum import Document, as_number, as_string
from graphql_api.embedded.errors import logic_error
from graphql_api.embedded.pseudo_types import time, timezone_name

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class _Scanner:
    """Reads one part of an ISO 8601 string from left to right."""

    def __init__(self, text: str, kind: str) -> None:
        self.text = text
        self.kind = kind
        self.position = 0

    @property
    def rest(self) -> int:
        return len(self.text) - self.position

    def digits(self, count: int) -> str:
        start = self.position
        for _ in range(count):
            if not self.rest:
                raise logic_error(
                    f"Invalid time zone string `{self.text}`. Valid time zones are `+hh:mm`, "
                    "`-hh:mm`, `+hhmm`, `-hhmm`, `+hh`, `-hh` and `Z`."
                )
            character = self.text[self.position]
            if not "0" <= character <= "9":
                raise logic_error(
                    f"Invalid date string `{self.text}` (got `{character}` but expected a digit)."
                )
            self.position += 1
        return self.text[start : self.position]

    def accept(self, character: str) -> bool:
        if self.rest and self.text[self.position] == character:
            self.position += 1
            return True
        return False

    def end(self) -> None:
        if self.rest:
            garbage = self.text[self.position :]
            raise logic_error(
                f"Garbage characters `{garbage}` at end of {self.kind} string `{self.text}`."
            )


def parse_iso8601(text: str, default_timezone: str) -> Document:
    """Return the TIME that an ISO 8601 string names.

    Args:
        text: A calendar date, ordinal date, month or year, perhaps with a time of day and a zone.
        default_timezone: The zone if `text` has none; empty if it must have one.

    Raises:
        ReqlError: The string is not valid, has no zone and there is no default, or is a week date.
    """
    date_text, has_time, time_text = text.partition("T")
    date = _parse_date(date_text)
    seconds, zone = 0.0, default_timezone
    if has_time:
        sign = next((time_text.find(mark) for mark in "-+Z" if mark in time_text), len(time_text))
        seconds = _parse_time_of_day(time_text[:sign])
        zone = _parse_timezone(time_text[sign:]) if time_text[sign:] else default_timezone
    if not zone:
        raise logic_error(
            "ISO 8601 string has no time zone, and no default time zone was provided."
        )
    name = timezone_name(zone)
    if name is None:
        raise logic_error(f"Invalid ISO 8601 timezone: `{zone}`.")
    days = (date - _EPOCH).days
    return time(days * 86400 + seconds - _offset(name).total_seconds(), name)


def _parse_date(text: str) -> datetime:
    scanner = _Scanner(text, "date")
    year = int(scanner.digits(4))
    month = day = 1
    ordinal = None
    if scanner.rest:
        hyphen = scanner.accept("-")
        if scanner.accept("W"):
            raise logic_error(
                "Due to limitations in the boost time library we use for parsing, we cannot "
                "support ISO week dates right now.  Sorry about that!  Please use years, calendar "
                "dates, or ordinal dates instead."
            )
        if scanner.rest == 3:
            ordinal = int(scanner.digits(3))
        else:
            month = int(scanner.digits(2))
            if scanner.rest or not hyphen:
                if scanner.accept("-") != hyphen:
                    raise logic_error(f"Date string `{text}` must have 0 or 2 hyphens.")
                day = int(scanner.digits(2))
    scanner.end()
    try:
        if ordinal is None:
            return datetime(year, month, day, tzinfo=UTC)
        if not 1 <= ordinal <= 366:
            raise ValueError("day of year out of range")  # noqa: TRY301
        date = datetime(year, 1, 1, tzinfo=UTC) + timedelta(days=ordinal - 1)
        if date.year != year:
            raise ValueError("day of year out of range")  # noqa: TRY301
        return date  # noqa: TRY300
    except (ValueError, OverflowError) as error:
        raise logic_error(f"Error in time logic: {error}.") from error


def _parse_time_of_day(text: str) -> float:
    scanner = _Scanner(text, "time")
    hours = int(scanner.digits(2))
    minutes = seconds = 0
    fraction = ""
    if scanner.rest:
        colon = scanner.accept(":")
        minutes = int(scanner.digits(2))
        if scanner.rest:
            if scanner.accept(":") != colon:
                raise logic_error(f"Time string `{text}` must have 0 or 2 colons.")
            seconds = int(scanner.digits(2))
            if scanner.accept("."):
                fraction = scanner.digits(scanner.rest)
    scanner.end()
    if hours > 24 or minutes > 59 or seconds > 59:
        raise logic_error(f"Failed to parse `{text}` as ISO 8601 time.")
    return hours * 3600 + minutes * 60 + seconds + float(f"0.{fraction or '0'}")


def _parse_timezone(text: str) -> str:
    name = timezone_name(text)
    if name is not None:
        return name
    if text in ("-00", "-00:00"):
        raise logic_error(f"`{text}` is not a valid time offset.")
    scanner = _Scanner(text, "timezone")
    scanner.position = 1
    scanner.digits(2)
    if scanner.rest:
        scanner.accept(":")
        scanner.digits(2)
    scanner.end()
    hours = text[1:3]
    part = "Hours" if hours > "24" else "Minutes"
    raise logic_error(f"{part} out of range in `{text}`.")


def _offset(name: str) -> timedelta:
    offset = timedelta(hours=int(name[1:3]), minutes=int(name[4:6]))
    return -offset if name[0] == "-" else offset


def to_iso8601(value: Document) -> str:
    """Return the ISO 8601 string of a TIME, in its own zone, with milliseconds if it has any.

    Raises:
        ReqlError: The year is not within 0 to 9999.
    """
    epoch_time = as_number(value["epoch_time"])
    name = as_string(value["timezone"])
    offset = _offset(name)
    try:
        moment = _EPOCH + timedelta(milliseconds=round(epoch_time * 1000))
        # `timezone` takes offsets of less than a day; RethinkDB allows up to 24 hours.
        local = (moment + offset).replace(tzinfo=None)
    except OverflowError:
        year = 1970 + int(epoch_time // 31_556_952)
        raise logic_error(f"Year `{year}` out of valid ISO 8601 range [0, 9999].") from None
    precision = "milliseconds" if local.microsecond else "seconds"
    return local.isoformat(timespec=precision) + name
