"""Values of any depth: the functions without recursion do what the fast ones do."""

from __future__ import annotations

import re
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from graphql_api.embedded import deep
from graphql_api.embedded.datum import encode, pretty_print
from graphql_api.embedded.ordering import equal
from graphql_api.embedded.pseudo_types import from_json
from tests.for_each import for_each
from tests.unit.embedded.reql import Reql, r

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)
LEVELS = 4000


def nested(levels: int, leaf: Any = 1) -> Any:
    for _ in range(levels // 2):
        leaf = {"x": [leaf]}
    return leaf


@given(VALUES)
def test_deep_json_is_read_and_written_as_shallow_json_is(value: Any) -> None:
    text = orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    assert deep.dumps(value, repr) == text
    padding, end = b"[" * LEVELS, b"]" * LEVELS
    read = deep.loads(padding + orjson.dumps(value, option=orjson.OPT_INDENT_2) + end)
    for _ in range(LEVELS):
        (read,) = read
    assert read == value


@for_each(
    "wrong",
    ["", "1 2", "1,", ",1", "{1:2}", '{"a"}', '{"a":}', '{"a":1,}', "]", "}", "tru", '"', "[1}"],
)
def test_what_is_not_json_is_refused_at_any_depth(wrong: str) -> None:
    if not wrong:
        wrong = "]"  # nothing in an array is an empty one
    with pytest.raises(orjson.JSONDecodeError):
        deep.loads(b"[" * LEVELS + wrong.encode() + b"]" * LEVELS)


def test_text_behind_the_value_is_refused() -> None:
    with pytest.raises(orjson.JSONDecodeError):
        deep.loads(b"[" * LEVELS + b"]" * (LEVELS + 1))


def test_deep_values_are_compared_by_their_content() -> None:
    assert equal(nested(LEVELS), nested(LEVELS))
    assert not equal(nested(LEVELS), nested(LEVELS, 2))
    assert not equal(nested(LEVELS), nested(LEVELS, True))
    assert not equal(nested(LEVELS, [1, [2]]), nested(LEVELS, [[1], 2]))


async def test_deep_document_is_inserted_changed_and_read(reql: Reql) -> None:
    text = encode(nested(LEVELS))
    literal = re.sub(rb"\[", b"[2,[", re.sub(rb"\]", b"]]", text))
    # INSERT of a literal, which the driver could not encode.
    insert = b'[56,[[15,["t"]],{"id":"a","x":%b}]]' % literal
    assert (await reql.run(deep.loads(insert)))["inserted"] == 1
    row = r.table("t").get("a")
    assert (await reql.run(row.update({"y": 1})))["replaced"] == 1
    assert (await reql.run(row.update({"y": 1})))["unchanged"] == 1
    assert (await reql.run(row.replace(lambda old: old.merge({"y": 2}))))["replaced"] == 1
    document = await reql.run(row)
    assert encode(document["x"]) == text
    assert document["y"] == 2


def test_deep_json_becomes_a_datum_and_is_printed() -> None:
    assert encode(from_json(nested(LEVELS, 1.0))) == encode(nested(LEVELS))
    assert pretty_print(nested(LEVELS)) == encode(nested(LEVELS)).decode()
