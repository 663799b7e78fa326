from __future__ import annotations

from typing import Any

from graphql_api.watch.differences import differences, shown
from tests.for_each import for_each


@for_each(
    ("old", "new", "expected"),
    [
        (1, 1, []),
        (1, 2, [("f", 1, 2)]),
        (1, True, [("f", 1, True)]),
        (None, {"a": 1}, [("f", None, {"a": 1})]),
        ({"a": 1, "b": 2}, {"a": 1, "b": 3}, [("f.b", 2, 3)]),
        ({"a": 1}, {"a": 1, "b": 3}, [("f.b", None, 3)]),
        (["a"], ["b"], [("f", ["a"], ["b"])]),
        ([{"a": 1}, {"a": 2}], [{"a": 1}, {"a": 3}], [("f[1].a", 2, 3)]),
        ([{"a": 1}], [], [("f", [{"a": 1}], [])]),
        ({"a\x1b": 1}, {"a\x1b": 2}, [("f.a\\x1b", 1, 2)]),
    ],
)
def test_difference_is_as_deep_as_the_shapes_agree(old: Any, new: Any, expected: list[Any]) -> None:
    assert differences({"f": old, "g": 1}, {"f": new, "g": 2}, ["f"]) == expected


@for_each(
    ("value", "expected"),
    [
        (None, "none"),
        (True, "true"),
        (5, "5"),
        (0.5, "0.5"),
        (3.0, "3"),
        ("OBEY", "OBEY"),
        ("https://example.com/?a=1", "https://example.com/?a=1"),
        ("two words", '"two words"'),
        ("", '""'),
        ("\x1b[0m", '"\\x1b[0m"'),
        ([], "[]"),
        (["a", "b c"], '[a, "b c"]'),
        ({"pattern": None, "amount": 1}, "{pattern: none, amount: 1}"),
    ],
)
def test_value_is_shown_on_one_clean_line(value: object, expected: str) -> None:
    assert shown(value) == expected
