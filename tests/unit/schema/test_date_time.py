"""`DateTime` reads RFC 3339, all of it and nothing else, and writes one form of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from graphql import GraphQLError
from hypothesis import assume, given
from hypothesis import strategies as st

from graphql_api.schema.date_time import parse, serialize
from tests.for_each import for_each


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[arg-type, misc]


@for_each(
    ("text", "expected"),
    [
        # RFC 3339, 5.8
        ("1985-04-12T23:20:50.52Z", utc(1985, 4, 12, 23, 20, 50, 520_000)),
        ("1996-12-19T16:39:57-08:00", utc(1996, 12, 20, 0, 39, 57)),
        ("1990-12-31T23:59:60Z", utc(1991, 1, 1)),
        ("1990-12-31T15:59:60-08:00", utc(1991, 1, 1)),
        ("1937-01-01T12:00:27.87+00:20", utc(1937, 1, 1, 11, 40, 27, 870_000)),
        # 5.6: "T" and "Z" may be lower case; 4.3: the local offset is not known
        ("2026-11-02t08:30:00z", utc(2026, 11, 2, 8, 30)),
        ("2026-11-02T08:30:00-00:00", utc(2026, 11, 2, 8, 30)),
        ("2026-11-02T08:30:00.1234567899Z", utc(2026, 11, 2, 8, 30, 0, 123_456)),
        ("2026-11-02T08:30:60.5Z", utc(2026, 11, 2, 8, 31, 0, 500_000)),
        ("2024-02-29T00:00:00+23:59", utc(2024, 2, 28, 0, 1)),
        ("0001-01-01T00:00:00Z", utc(1, 1, 1)),
        ("9999-12-31T23:59:59Z", utc(9999, 12, 31, 23, 59, 59)),
    ],
)
def test_time_of_rfc_3339_is_read(text: str, expected: datetime) -> None:
    assert parse(text) == expected
    assert parse(text).tzinfo is UTC


NO_TIMES = [
    *("", "yesterday", "2026", "2026-11-02", "08:30:00Z", "2026-11-02T08:30Z", "2026-11-02T08Z"),
    *("2026-11-02T08:30:00", "2026-11-02T08:30:00+01", "2026-11-02T08:30:00+0100"),
    *("2026-11-02T08:30:00,5Z", "2026-11-02T08:30:00.Z", "2026-11-02T08:30:00.5"),
    *("2026-W45-1T08:30:00Z", "2026-306T08:30:00Z", "20261102T083000Z", "2026-11-02T083000Z"),
    *("2026-11-02 08:30:00Z", "2026-11-02_08:30:00Z", " 2026-11-02T08:30:00Z"),
    *("2026-11-02T08:30:00Z ", "2026-11-02T08:30:00Z\n", "2026-11-02T08:30:00Z\0"),
    *("2026-13-02T08:30:00Z", "2026-00-02T08:30:00Z", "2026-02-30T08:30:00Z"),
    *("2026-11-02T24:00:00Z", "2026-11-02T08:60:00Z", "2026-11-02T08:30:61Z"),
    *("2026-11-02T08:30:00+24:00", "2026-11-02T08:30:00+01:60", "2026-11-02T08:30:00+01:00:30"),
    *("0000-01-01T00:00:00Z", "10000-01-01T00:00:00Z", "-2026-11-02T08:30:00Z"),
    *("0001-01-01T00:00:00+23:59", "9999-12-31T23:59:60Z", "9999-12-31T23:59:59-00:01"),
    *("\uff12\uff10\uff12\uff16-11-02T08:30:00Z", "2026-11-02T08:30:00\u221201:00", "1" * 5000),
    *("2026-11-02T08:30:00UTC", "2026-11-02T08:30:00ZZ", "2026-11-02T08:30:00Z[UTC]"),
]


@for_each("value", [*NO_TIMES, None, 5, 1.5, True, [], {}])
def test_anything_else_is_refused_and_not_repeated(value: object) -> None:
    with pytest.raises(GraphQLError) as caught:
        parse(value)
    assert caught.value.message == (
        "DateTime must be a time in the form of RFC 3339, such as 2026-11-02T08:30:00.000Z or "
        "2026-11-02T09:30:00+01:00"
    )


@given(
    st.datetimes(),
    st.text("0123456789", max_size=9),
    st.sampled_from("Tt"),
    st.just("Z") | st.just("z") | st.integers(-1439, 1439),
    st.booleans(),
)
def test_every_time_of_rfc_3339_is_read_as_it_says(
    local: datetime, fraction: str, separator: str, offset: str | int, is_leap: bool
) -> None:
    second = 60 if is_leap else local.second
    text = f"{local:%Y}".rjust(4, "0") + f"{local:-%m-%d}{separator}{local:%H:%M}:{second:02}"
    if fraction:
        text += f".{fraction}"
    minutes = offset if isinstance(offset, int) else 0
    if isinstance(offset, int):
        text += f"{'-' if offset < 0 else '+'}{abs(offset) // 60:02}:{abs(offset) % 60:02}"
    else:
        text += offset
    expected_microsecond = int((fraction + "000000")[:6])
    try:
        expected = (
            local.replace(second=0, microsecond=expected_microsecond)
            + timedelta(seconds=second)
            - timedelta(minutes=minutes)
        ).replace(tzinfo=UTC)
    except OverflowError:
        assume(False)
    assert parse(text) == expected


@given(st.text("0123456789-:.,TtZz+ W", min_size=15, max_size=30))
def test_what_is_read_is_a_time_of_rfc_3339(text: str) -> None:
    try:
        time = parse(text)
    except GraphQLError:
        return
    assert datetime.fromisoformat(text.upper()[:19]) is not None
    assert text[4] + text[7] + text[10].upper() + text[13] + text[16] == "--T::"
    assert text[19:][-1] in "Zz" or text[-6] in "+-"
    assert time.tzinfo is UTC


@given(st.datetimes(timezones=st.sampled_from([UTC, timezone(timedelta(hours=-5, minutes=-30))])))
def test_what_is_written_is_read_again_to_the_millisecond(time: datetime) -> None:
    try:
        text = serialize(time)
    except OverflowError:
        assume(False)
    assert len(text) == len("2026-11-02T08:30:00.000Z")
    assert timedelta() <= time - parse(text) < timedelta(milliseconds=1)
