"""The order of datums, and the texts of primary keys, which must agree with it."""

from __future__ import annotations

import contextlib
import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graphql_api.embedded.datum import MAXVAL, MINVAL, Datum, number
from graphql_api.embedded.errors import ReqlError
from graphql_api.embedded.ordering import equal, sort_key
from graphql_api.embedded.primary_key import primary_key
from graphql_api.embedded.pseudo_types import binary, time
from tests.for_each import for_each

ASCENDING: list[Datum] = [
    MINVAL,
    [],
    [1],
    [1, 2],
    [2],
    ["a"],
    False,
    True,
    None,
    -1e300,
    -1,
    -0.5,
    0,
    0.5,
    1,
    10,
    {},
    {"a": 1},
    {"a": 1, "b": 0},
    {"a": 2},
    {"b": 0},
    binary(b""),
    binary(b"\0"),
    binary(b"\xff"),
    time(-1),
    time(0),
    time(0.001),
    "",
    "A",
    "a",
    "a\0",
    "é",
    "\uffff",
    "😀",
    MAXVAL,
]


def test_datums_are_ordered_by_type_and_value() -> None:
    shuffled = ASCENDING[1::2] + ASCENDING[::2]
    assert sorted(shuffled, key=sort_key) == ASCENDING
    assert len({repr(sort_key(value)) for value in ASCENDING}) == len(ASCENDING)


@for_each(
    ("left", "right", "same"),
    [
        (1, True, False),
        (0, False, False),
        ({"a": 1}, {"a": True}, False),
        ([0], [False], False),
        (0, -0.0, True),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}, True),
        (time(1, "+00:00"), time(1, "+02:00"), True),
        (None, False, False),
        ("1", 1, False),
    ],
)
def test_equality_is_rethinkdbs_not_pythons(left: Any, right: Any, same: bool) -> None:
    assert equal(left, right) is same


scalars = st.one_of(
    st.booleans(),
    st.floats(allow_nan=False, allow_infinity=False).map(number),
    st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20),
    st.binary(max_size=20).map(binary),
    st.integers(-(10**9), 10**9).map(lambda seconds: time(seconds / 1000)),
)


@given(scalars, scalars)
def test_texts_of_primary_keys_sort_as_the_keys_do(left: Datum, right: Datum) -> None:
    a, b = primary_key(left).encode(), primary_key(right).encode()
    if sort_key(left) < sort_key(right):
        assert a < b
    assert (a == b) is equal(left, right)


values = st.recursive(
    st.one_of(st.none(), scalars),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.sampled_from("abc"), inner, max_size=3)
    ),
    max_leaves=6,
)


@given(values, values)
def test_equality_is_that_of_sort_keys(left: Datum, right: Datum) -> None:
    assert equal(left, right) is (sort_key(left) == sort_key(right))
    assert equal([left, right], copy.deepcopy([left, right]))


keys = st.recursive(scalars, lambda inner: st.lists(inner, max_size=3), max_leaves=4)


@given(keys, keys)
def test_different_primary_keys_have_different_texts(left: Datum, right: Datum) -> None:
    def text(key: Datum) -> str | None:
        with contextlib.suppress(ReqlError):
            return primary_key(key)
        return None

    if text(left) is not None and text(right) is not None:
        assert (text(left) == text(right)) is equal(left, right)


@for_each(
    ("key", "message"),
    [
        (None, "Primary keys must be either a number, string, bool, pseudotype or array"),
        ({"a": 1}, "got type OBJECT"),
        ([1, None], "Array keys can only contain numbers, strings, bools,  pseudotypes, or arrays"),
        ([{}], r"\(got \{\} of type OBJECT\)"),
        ("a\0b", 'String "a\\\\x00b" \\(truncated\\) contains NULL byte at offset 1 in index key'),
        (["é\0"], "contains NULL byte at offset 2"),
        ("x" * 128, r"Primary key too long \(max 127 characters\)"),
        ("é" * 64, "too long"),
        (binary(b"x" * 200), "too long"),
        ({"$reql_type$": "GEOMETRY"}, "Cannot use a geometry value as a key value"),
        ({"$reql_type$": "OTHER"}, "Cannot use pseudotype PTYPE<OTHER>"),
        (MINVAL, "got type MINVAL|Cannot convert"),
    ],
)
def test_what_cannot_be_a_primary_key(key: Datum, message: str) -> None:
    with pytest.raises(ReqlError, match=message):
        primary_key(key)


@for_each("key", ["x" * 127, "é" * 63, ""])
def test_longest_primary_keys(key: str) -> None:
    assert primary_key(key) == f"S{key}"
