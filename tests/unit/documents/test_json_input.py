"""Whatever is let in can be followed, and written again, by everything behind."""

from __future__ import annotations

import json
import math
from types import SimpleNamespace
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graphql_api.documents import json_input
from graphql_api.documents.json_input import (
    MAX_LEVELS,
    MAX_PARTS,
    MAX_SLOW_PARTS,
    TooDeepError,
    TooManyPartsError,
    from_json,
)
from tests.for_each import for_each

NESTINGS = pytest.mark.parametrize(
    ("opening", "closing"), [("[", "]"), ('{"a":', "}"), ('[0,{"a":', "}]")]
)


def nested(opening: str, closing: str, levels: int) -> str:
    times = levels // (opening.count("[") + opening.count("{"))
    return opening * times + "1" + closing * times


@NESTINGS
def test_nesting_is_limited(opening: str, closing: str) -> None:
    allowed = nested(opening, closing, MAX_LEVELS)
    assert from_json(allowed) == from_json(allowed.encode()) == json.loads(allowed)
    for levels in (MAX_LEVELS + 2, 254, 1024, 10_000):
        with pytest.raises(ValueError, match=r"nested|depth"):
            from_json(nested(opening, closing, levels))


def test_one_level_is_one_too_many() -> None:
    with pytest.raises(ValueError, match="nested deeper than 64 levels"):
        from_json("[" * (MAX_LEVELS + 1) + "]" * (MAX_LEVELS + 1))


def test_width_is_no_depth() -> None:
    wide: Any = [[{}] * 1000, {str(i): [] for i in range(1000)}]
    assert from_json(json.dumps(wide)) == wide


@for_each(
    ("item", "parts"),
    [("1", 1), ("[]", 4), ('"[,"', 1), ("{}", 1), ('{"[":1}', 4), ("[{}]", 4), ('"\\""', 1)],
)
def test_parts_are_limited_as_they_are_outside_of_strings(item: str, parts: int) -> None:
    number = min(MAX_PARTS // parts, MAX_PARTS // max(item.count('"'), 1)) - 10
    allowed = [item] * number
    assert len(cast("list[object]", from_json(f"[{','.join(allowed)}]"))) == number
    too_many = [item] * (MAX_PARTS // parts + 10)
    with pytest.raises(TooManyPartsError):
        from_json(f"[{','.join(too_many)}]")


@pytest.mark.parametrize("odd", ['"\\ud83d"', "1e999", "]"])
def test_what_python_reads_has_fewer_parts(odd: str, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []
    monkeypatch.setattr(json_input, "_DECODER", SimpleNamespace(decode=read.append))
    from_json(f"[{'1,' * (MAX_SLOW_PARTS - 10)}{odd}]")
    assert len(read) == 1
    with pytest.raises(TooManyPartsError):
        from_json(f"[{'1,' * (MAX_SLOW_PARTS + 10)}{odd}]")
    assert len(read) == 1
    assert from_json(f"[{'1,' * (MAX_SLOW_PARTS + 10)}1]") is not None


def test_long_text_is_refused_by_its_beginning(monkeypatch: pytest.MonkeyPatch) -> None:
    looked_at: list[int] = []
    look = json_input._openings_and_parts

    def watched(data: bytes, max_parts: int) -> tuple[int, int]:
        looked_at.append(len(data))
        return look(data, max_parts)

    monkeypatch.setattr(json_input, "_openings_and_parts", watched)
    for item in ("1,", "[[]],", '{"a":{}},', '"\\"[","",'):
        with pytest.raises(TooManyPartsError):
            from_json("[" + item * (4_000_000 // len(item)) + "1]")
    assert max(looked_at) < 1_000_000
    with pytest.raises(TooManyPartsError):
        from_json('["' + "x" * 3_000_000 + '"' + ",1" * MAX_PARTS + "]")


def test_long_text_is_as_deep_as_it_is_and_not_as_its_beginning() -> None:
    deepest = "[" * (MAX_LEVELS - 1) + '"' + "x" * 3_000_000 + '"' + "]" * (MAX_LEVELS - 1)
    text = "[" + "[]," * MAX_LEVELS + deepest + "]"
    assert from_json(text) == json.loads(text)


def test_text_that_is_too_deep_and_too_long_is_too_deep() -> None:
    with pytest.raises(TooDeepError):
        from_json("[" * MAX_PARTS + "]" * MAX_PARTS)


@for_each("text", ["[" * 2000, ",", '\\"[,' * 10, "é{},"])
def test_one_long_string_is_one_value(text: str) -> None:
    value = {"a": text * (30_000 // len(text)), "b": ["[" * MAX_PARTS * 2]}
    assert from_json(json.dumps(value, ensure_ascii=False)) == value


@for_each("text", ["", "{", "\\ud800", "NaN", "Infinity", b"\xff", "[,]", "[" * 999 + "{]" * 999])
def test_what_is_no_json_is_an_error(text: str | bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - of whatever kind
        from_json(text)


@for_each(
    ("text", "value"),
    [
        ('{"a":"\\ud83d"}', {"a": "\ud83d"}),
        ('{"\\udfff":[1]}', {"\udfff": [1]}),
        ("1e999", math.inf),
        ("-1e999", -math.inf),
        ("[1" + "0" * 5000 + "]", [math.inf]),
        ("1" * 30, 1.1111111111111111e29),
        ('["\\ud83d", 18446744073709551615, 18446744073709551616, 0.5]', None),
        ('{"a":1,"a":"\\ud83d","a":2}', {"a": 2}),
    ],
)
def test_json_that_is_no_unicode_or_no_double_is_read_as_javascript_reads_it(
    text: str, value: object
) -> None:
    read = from_json(text)
    assert read == (json.loads(text) if value is None else value)
    assert json.loads(json.dumps(read)) == read


@given(st.text('[]{}",:\\a1', max_size=300))
def test_nesting_that_is_seen_is_that_of_the_value(text: str) -> None:
    try:
        expected = json.loads(text)
    except (ValueError, RecursionError):
        with pytest.raises(ValueError):  # noqa: PT011 - of whatever kind
            from_json(text)
        return
    assert from_json(text) == expected


JSON = st.recursive(
    st.none() | st.text('[]{}"\\ a', max_size=8),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.text('[{"\\', max_size=3), inner)
    ),
    max_leaves=100,
)


@given(JSON, st.integers(0, 2 * MAX_LEVELS), st.booleans())
def test_text_is_refused_if_and_only_if_it_is_too_deep(
    value: Any, levels: int, is_ascii: bool
) -> None:
    for level in range(levels):
        value = [value, "]" * level] if level % 2 else {'"[' * (level % 5): value}
    text = json.dumps(value, ensure_ascii=is_ascii)

    def depth(value: Any) -> int:
        inner = value.values() if isinstance(value, dict) else value
        return 1 + max(map(depth, inner), default=0) if isinstance(value, dict | list) else 0

    if depth(value) > MAX_LEVELS:
        with pytest.raises(TooDeepError):
            from_json(text)
    else:
        assert from_json(text) == value
