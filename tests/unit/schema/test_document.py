from __future__ import annotations

import json
import math
from collections.abc import Callable
from datetime import UTC, datetime
from enum import Enum
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from graphql_api.schema.document import Fields
from tests.for_each import for_each
from tests.unit.schema.documents import POISON_TIME, time


class Colour(Enum):
    RED = "RED"


READERS: dict[str, Callable[[Fields], object]] = {
    "string": lambda fields: fields.string("the_field"),
    "id": lambda fields: fields.id("the_field"),
    "url": lambda fields: fields.url("the_field"),
    "boolean": lambda fields: fields.boolean("the_field"),
    "integer": lambda fields: fields.integer("the_field"),
    "number": lambda fields: fields.number("the_field"),
    "enum": lambda fields: fields.enum("the_field", Colour),
    "time": lambda fields: fields.time("the_field"),
    "nested": lambda fields: fields.nested("the_field", lambda inner: (inner.string("a"),)),
    "nested_list": lambda fields: fields.nested_list("the_field", lambda inner: inner.string("a")),
    "strings": lambda fields: fields.strings("the_field"),
    "urls": lambda fields: fields.urls("the_field"),
}
LISTS = {"nested_list", "strings", "urls"}


def read(kind: str, value: object) -> tuple[object, list[str]]:
    invalid: list[str] = []
    return READERS[kind](Fields({"the_field": value}, invalid)), invalid


SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=True)
    | st.text(st.characters())
    | st.sampled_from(["RED", 2**31, -(2**31), 10**400, "\udc00"])
)
TIMES = st.fixed_dictionaries(
    {"$reql_type$": st.sampled_from(["TIME", "BINARY"])}, optional={"epoch_time": SCALARS}
)
VALUES = st.recursive(
    SCALARS | TIMES,
    lambda values: st.lists(values) | st.dictionaries(st.sampled_from(["a", "b"]), values),
)


@given(kind=st.sampled_from(sorted(READERS)), value=VALUES)
def test_reading_never_fails_and_lists_what_it_leaves_out(kind: str, value: Any) -> None:
    served, invalid = read(kind, value)
    if kind in LISTS and isinstance(value, list):
        assert isinstance(served, tuple)
        left_out = [path for path in invalid if path.endswith("]")]
        assert len(served) + len(left_out) == len(value)
    else:
        assert ("theField" in invalid) == (served is None and value is not None)


@given(kind=st.sampled_from(sorted(READERS)), value=VALUES)
def test_served_text_and_numbers_can_be_sent(kind: str, value: object) -> None:
    served, _ = read(kind, value)
    if kind not in ("time", "enum"):
        json.dumps(served, ensure_ascii=False, allow_nan=False).encode()


@for_each("kind", sorted(READERS))
def test_missing_field_is_empty_and_valid(kind: str) -> None:
    invalid: list[str] = []
    assert READERS[kind](Fields({}, invalid)) == (() if kind in LISTS else None)
    assert invalid == []


@for_each(
    ("kind", "value", "served"),
    [
        ("string", "", ""),
        ("string", "ü", "ü"),
        ("boolean", False, False),
        ("integer", 3.0, 3),
        ("integer", 2**31 - 1, 2**31 - 1),
        ("integer", -(2**31), -(2**31)),
        ("number", 3, 3.0),
        ("number", 1e308, 1e308),
        ("enum", "RED", Colour.RED),
        ("time", time(0.0015), datetime(1970, 1, 1, 0, 0, 0, 2000, UTC)),
        ("time", time(-1), datetime(1969, 12, 31, 23, 59, 59, 0, UTC)),
        ("nested", {"a": "b"}, ("b",)),
        ("nested_list", [{"a": "b"}, {}], ("b", None)),
        ("url", "http://u:p@h", "http://u:***@h"),
        ("urls", ["http://u:p@h", ""], ("http://u:***@h", "")),
    ],
)
def test_fitting_value_is_served(kind: str, value: object, served: object) -> None:
    actual, invalid = read(kind, value)
    assert actual == served
    assert type(actual) is type(served)
    assert invalid == []


@for_each(
    ("kind", "value"),
    [
        ("string", 5),
        ("string", "\ud800"),
        ("boolean", 1),
        ("boolean", "true"),
        ("integer", True),
        ("integer", "5"),
        ("integer", 1.5),
        ("integer", 2**31),
        ("integer", float(2**31)),
        ("integer", math.inf),
        ("number", True),
        ("number", "1"),
        ("number", 10**400),
        ("number", math.nan),
        ("number", math.inf),
        ("enum", "BLUE"),
        ("enum", "red"),
        ("enum", []),
        ("time", 0),
        ("time", "2026-01-01T00:00:00Z"),
        ("time", POISON_TIME),
        ("time", time(1e308)),
        ("time", time(math.nan)),
        ("time", {"$reql_type$": "TIME", "epoch_time": True}),
        ("time", {"epoch_time": 0}),
        ("nested", []),
        ("nested", time(0)),
        ("strings", "text"),
        ("strings", {"0": "text"}),
    ],
)
def test_value_that_does_not_fit_is_not_coerced(kind: str, value: object) -> None:
    served, invalid = read(kind, value)
    assert served is None
    assert invalid == ["theField"]


def test_unfit_items_are_left_out_and_named_by_their_stored_place() -> None:
    assert read("strings", ["a", 5, None, "b"]) == (("a", "b"), ["theField[1]", "theField[2]"])
    rules = [{"a": 1}, "rule", {"a": "b"}]
    assert read("nested_list", rules) == ((None, "b"), ["theField[0].a", "theField[1]"])


def test_path_of_a_nested_field_leads_through_all_levels() -> None:
    invalid: list[str] = []
    fields = Fields({"outer_list": [{"inner_field": {"max_cost": "much"}}]}, invalid)
    fields.nested_list(
        "outer_list",
        lambda item: item.nested("inner_field", lambda inner: inner.number("max_cost")),
    )
    assert invalid == ["outerList[0].innerField.maxCost"]
