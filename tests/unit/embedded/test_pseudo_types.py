"""TIME, BINARY, GEOMETRY: what is valid, and in which form it is kept. ISO 8601."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graphql_api.embedded.datum import REQL_TYPE
from graphql_api.embedded.errors import ReqlError
from graphql_api.embedded.pseudo_types import (
    binary,
    binary_bytes,
    binary_part,
    binary_size,
    from_json,
    sanitized,
    time,
)
from graphql_api.embedded.times import parse_iso8601, to_iso8601
from tests.for_each import for_each


def raw_time(**fields: Any) -> dict[str, Any]:
    return {REQL_TYPE: "TIME", "epoch_time": 1, "timezone": "+00:00", **fields}


@for_each(
    ("epoch_time", "kept"),
    [(1.0004, 1), (1.0005, 1.001), (-1.0005, -1.001), (10**15, 10**15), (1e300, 1e300)],
)
def test_times_keep_milliseconds(epoch_time: float, kept: float) -> None:
    assert sanitized(raw_time(epoch_time=epoch_time))["epoch_time"] == kept


@for_each(
    ("timezone", "kept"),
    [("Z", "+00:00"), ("+02", "+02:00"), ("-0530", "-05:30"), ("+24:59", "+24:59")],
)
def test_time_zones_have_one_form(timezone: str, kept: str) -> None:
    assert sanitized(raw_time(timezone=timezone))["timezone"] == kept


@for_each(
    ("fields", "problem"),
    [
        ({"timezone": "bad"}, 'invalid timezone string `"bad"`'),
        ({"timezone": "-00:00"}, 'invalid timezone string `"-00:00"`'),
        ({"timezone": "+25:00"}, "invalid timezone string"),
        ({"timezone": 1}, "field `timezone` must be a string (got `1` of type NUMBER)"),
        ({"epoch_time": "1"}, 'field `epoch_time` must be a number (got `"1"` of type STRING)'),
        ({"epoch_time": True}, "field `epoch_time` must be a number (got `true` of type BOOL)"),
        ({"other": 1}, "unrecognized field `other`"),
    ],
)
def test_invalid_time_is_refused(fields: dict[str, Any], problem: str) -> None:
    with pytest.raises(ReqlError) as caught:
        sanitized(raw_time(**fields))
    assert caught.value.message.startswith(f"Invalid time object constructed ({problem}")


@for_each("missing", ["epoch_time", "timezone"])
def test_time_without_a_field_is_refused(missing: str) -> None:
    value = raw_time()
    del value[missing]
    with pytest.raises(ReqlError, match=f"no field `{missing}`"):
        sanitized(value)


@given(st.binary(max_size=200))
def test_binaries_keep_their_bytes(data: bytes) -> None:
    value = binary(data)
    assert binary_bytes(value) == data
    assert from_json(value) == value
    text = value["data"]
    assert isinstance(text, str)
    assert all(len(line) <= 76 for line in text.split("\r\n"))


@given(st.binary(max_size=200), st.integers(0, 210), st.integers(0, 210))
def test_parts_of_a_binary_are_those_of_its_bytes(data: bytes, begin: int, end: int) -> None:
    value = binary(data)
    assert binary_size(value) == len(data)
    assert binary_part(value, begin, end) == data[begin:end]


def test_binary_is_kept_in_one_form() -> None:
    assert sanitized({REQL_TYPE: "BINARY", "data": " AP8\r\n"})["data"] == "AP8="


@for_each(
    ("fields", "message"),
    [
        ({}, "lacking `data` key"),
        ({"data": "AP8=", "x": 1}, "illegal `x` key"),
        ({"data": 1}, "Expected type STRING but found NUMBER"),
        ({"data": "A"}, "Invalid base64 length"),
        ({"data": "A*=="}, r"Invalid base64 character found: '\*'"),
        ({"data": "AA==AA=="}, "data found after padding character"),
    ],
)
def test_invalid_binary_is_refused(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ReqlError, match=message):
        sanitized({REQL_TYPE: "BINARY", **fields})


@for_each(
    ("fields", "message"),
    [
        ({"type": "Point"}, "Field `coordinates` not found"),
        ({"coordinates": []}, "Field `type` not found"),
        ({"type": "Point", "coordinates": [], "x": 1}, "Unrecognized field `x`"),
        ({"type": 1, "coordinates": []}, "Expected type STRING"),
        ({"type": "Point", "coordinates": 1}, "Expected type ARRAY"),
    ],
)
def test_invalid_geometry_is_refused(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ReqlError, match=message):
        sanitized({REQL_TYPE: "GEOMETRY", **fields})


@for_each(
    ("value", "message"),
    [
        ({REQL_TYPE: "FOO"}, r"Unknown \$reql_type\$ `PTYPE<FOO>`\."),
        ({REQL_TYPE: "LITERAL"}, "Stray literal keyword found"),
        ({"a": [{REQL_TYPE: "FOO"}]}, "Unknown"),
    ],
)
def test_unknown_pseudo_type_is_refused_wherever_it_is(value: Any, message: str) -> None:
    with pytest.raises(ReqlError, match=message):
        from_json(value)


@for_each(
    ("text", "epoch_time", "timezone"),
    [
        ("1970-01-01T00:00:00Z", 0, "+00:00"),
        ("2026-01-02T03:04:05.678000+02:00", 1767315845.678, "+02:00"),
        ("20260102T030405-0530", 1767342845, "-05:30"),
        ("2026-01-02", 1767308400, "+01:00"),
        ("2026-01", 1767222000, "+01:00"),
        ("2026", 1767222000, "+01:00"),
        ("2026-033", 1769986800, "+01:00"),
        ("2026-01-02T03", 1767319200, "+01:00"),
        ("2026-01-02T03:04", 1767319440, "+01:00"),
        ("2026-01-02T24:00:00Z", 1767398400, "+00:00"),
    ],
)
def test_iso8601_is_parsed(text: str, epoch_time: float, timezone: str) -> None:
    assert parse_iso8601(text, "+01:00") == time(epoch_time, timezone)


@for_each(
    ("text", "message"),
    [
        ("2026-01-02T03:04:05", "ISO 8601 string has no time zone"),
        ("2026-W01-1", "cannot support ISO week dates"),
        ("2026-0102", "must have 0 or 2 hyphens"),
        ("2026-01-02T03:0405Z", "must have 0 or 2 colons"),
        ("2026-01-02x", "Garbage characters `x` at end of date string"),
        ("2026-01-02T03:04:05xZ", "Garbage characters `x` at end of time string"),
        ("2026-01-02T03:04:05+02:00x", "Garbage characters `x` at end of timezone string"),
        ("2026-01-02T03:04:05+30:00", "Hours out of range"),
        ("2026-01-02T03:04:05+02:61", "Minutes out of range"),
        ("2026-01-02T03:04:05-00:00", "is not a valid time offset"),
        ("2026-13-02Z", "Garbage|Error in time logic"),
        ("2026-02-30T00Z", "Error in time logic"),
        ("2026-366T00Z", "Error in time logic"),
        ("2026-01-02T25:00Z", "Failed to parse"),
        ("yesterday", r"\(got `y` but expected a digit\)"),
        ("", "Invalid"),
    ],
)
def test_invalid_iso8601_is_refused(text: str, message: str) -> None:
    with pytest.raises(ReqlError, match=message):
        parse_iso8601(text, "")


@for_each(
    ("value", "text"),
    [
        (time(0), "1970-01-01T00:00:00+00:00"),
        (time(1767315845.678, "+02:00"), "2026-01-02T03:04:05.678+02:00"),
        (time(-0.001, "-05:30"), "1969-12-31T18:29:59.999-05:30"),
    ],
)
def test_iso8601_is_printed(value: dict[str, Any], text: str) -> None:
    assert to_iso8601(value) == text


def test_year_beyond_iso8601_is_refused() -> None:
    with pytest.raises(ReqlError, match=r"Year `\d+` out of valid ISO 8601 range \[0, 9999\]"):
        to_iso8601(time(10**15))


@given(st.integers(-(10**10), 10**11), st.sampled_from(["+00:00", "+14:00", "-09:30"]))
def test_iso8601_keeps_every_millisecond(milliseconds: int, timezone: str) -> None:
    value = time(milliseconds / 1000, timezone)
    assert parse_iso8601(to_iso8601(value), "") == value
