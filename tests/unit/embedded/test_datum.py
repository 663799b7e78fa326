"""Datums: canonical numbers, JSON, printing, types."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graphql_api.embedded.datum import (
    MAXVAL,
    MINVAL,
    Datum,
    as_boolean,
    as_integer,
    encode,
    number,
    pretty_print,
    truncated_print,
    type_name,
)
from graphql_api.embedded.errors import ErrorType, ReqlError
from graphql_api.embedded.pseudo_types import from_json
from tests.for_each import for_each


@for_each(
    ("value", "printed"),
    [
        (1.0, "1"),
        (-0.0, "-0.0"),
        (0.0, "0"),
        (2.5, "2.5"),
        (9007199254740992.0, "9007199254740992"),
        (-9007199254740992.0, "-9007199254740992"),
        (1e16, "1e+16"),
        (1e300, "1e+300"),
    ],
)
def test_number_prints_as_an_integer_if_a_double_holds_it_exactly(
    value: float, printed: str
) -> None:
    assert encode(number(value)) == printed.encode()


def test_integer_that_no_double_holds_becomes_the_nearest_one() -> None:
    assert from_json(9007199254740993) == 9007199254740992
    assert json.loads(encode(from_json(2**63))) == 2**63


@for_each("value", [math.inf, -math.inf, math.nan])
def test_number_that_is_not_finite_is_refused(value: float) -> None:
    with pytest.raises(ReqlError, match="Non-finite number"):
        number(value)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_canonical_number_is_the_same_double_after_json(value: float) -> None:
    back = from_json(json.loads(encode(number(value))))
    assert isinstance(back, (int, float))
    assert math.copysign(1, back) == math.copysign(1, value)
    assert float(back) == value


@for_each("value", [MINVAL, [MAXVAL], {"a": {"b": MINVAL}}])
def test_bounds_cannot_be_encoded(value: Datum) -> None:
    with pytest.raises(ReqlError, match=r"Cannot convert `r\.(min|max)val` to JSON"):
        encode(value)


def test_half_a_character_cannot_be_encoded() -> None:
    with pytest.raises(ReqlError) as caught:
        encode(["\ud800"])
    assert caught.value.type is ErrorType.RESOURCE_LIMIT


def test_pretty_print_is_cjsons() -> None:
    value: Datum = {"b": [], "a": {}, "c": [1, {"é": "\n"}], "d": None}
    assert pretty_print(value) == (
        '{\n\t"a":\t{},\n\t"b":\t[],\n\t"c":\t[\n\t\t1,\n\t\t{\n\t\t\t"é":\t"\\n"\n\t\t}\n\t],'
        '\n\t"d":\tnull\n}'
    )


def test_binary_is_printed_on_one_line_without_white_space_before_it() -> None:
    binary: Datum = {"$reql_type$": "BINARY", "data": "AP8="}
    line = '{"$reql_type$":"BINARY","data":"AP8="}'
    assert pretty_print(binary) == line
    assert pretty_print({"v": binary, "w": 1}) == f'{{\n\t"v":{line},\n\t"w":\t1\n}}'
    assert pretty_print([binary]) == f"[{line}\n]"
    assert pretty_print([1, binary, [binary, 2]]) == (f"[\n\t1,{line},\n\t[{line},\n\t\t2\n\t]\n]")


def test_time_is_printed_like_any_other_object() -> None:
    moment: Datum = {"$reql_type$": "TIME", "epoch_time": 1.5, "timezone": "+00:00"}
    assert pretty_print({"t": moment}) == (
        '{\n\t"t":\t{\n\t\t"$reql_type$":\t"TIME",\n\t\t"epoch_time":\t1.5,\n\t\t"timezone":\t"+00:00"'
        "\n\t}\n}"
    )


@for_each(
    ("value", "text"),
    [
        (0, "0"),
        (-0.0, "-0.0"),
        (2.5, "2.5"),
        (0.00001, "0.00001"),
        (0.000001, "0.000001"),
        (0.0000001, "1e-7"),
        (1.25e-9, "1.25e-9"),
        (9007199254740994.0, "9007199254740994.0"),
        (1e20, "100000000000000000000.0"),
        (1e21, "1e21"),
        (-1.5e300, "-1.5e300"),
        (5e-324, "5e-324"),
    ],
)
def test_doubles_are_printed_as_rethinkdb_prints_them(value: float, text: str) -> None:
    assert pretty_print(value) == text
    assert float(text) == value


@given(st.text())
def test_printed_text_is_json(text: str) -> None:
    assert json.loads(pretty_print([text])) == [text]


def test_control_characters_are_printed_with_upper_case_digits() -> None:
    assert pretty_print("\x1f\\u001f\b\x7f") == '"\\u001F\\\\u001f\\b\x7f"'


def test_truncated_print_is_300_characters_long() -> None:
    text = truncated_print("x" * 400)
    assert (len(text), text[-4:]) == (300, "x...")


@for_each(
    ("value", "name"),
    [
        (None, "NULL"),
        (True, "BOOL"),
        (1, "NUMBER"),
        (1.5, "NUMBER"),
        ("", "STRING"),
        ([], "ARRAY"),
        ({}, "OBJECT"),
        ({"$reql_type$": "TIME"}, "PTYPE<TIME>"),
        (MINVAL, "MINVAL"),
    ],
)
def test_type_names(value: Datum, name: str) -> None:
    assert type_name(value) == name


def test_type_field_that_is_not_a_string_is_refused() -> None:
    with pytest.raises(ReqlError, match="must be a string"):
        type_name({"$reql_type$": 1})


@for_each(("value", "hint"), [(0.5, ""), (1e16, r" \(>2\^53\)"), (-1e16, r" \(<-2\^53\)")])
def test_integer_is_not_rounded(value: float, hint: str) -> None:
    with pytest.raises(ReqlError, match=f"Number not an integer{hint}: "):
        as_integer(value)


@for_each(("value", "error"), [(None, "NON_EXISTENCE"), ("1", "QUERY_LOGIC")])
def test_null_of_the_wrong_type_counts_as_missing(value: Any, error: str) -> None:
    with pytest.raises(ReqlError) as caught:
        as_integer(value)
    assert caught.value.type.name == error


@for_each("value", [0, "", [], {}, -0.0])
def test_everything_but_false_and_null_is_true(value: Datum) -> None:
    assert as_boolean(value) is True
