"""Paths into documents, and merging."""

from __future__ import annotations

from typing import Any

import pytest

from graphql_api.embedded.errors import ReqlError
from graphql_api.embedded.merge import WriteStats, merge
from graphql_api.embedded.pathspec import has_all, parse_paths, project, unproject
from tests.for_each import for_each

DOCUMENT: dict[str, Any] = {
    "a": 1,
    "b": {"c": 2, "d": {"e": 3}},
    "l": [{"x": 1, "y": 2}, {"x": 3}],
    "n": None,
}


@for_each(
    ("paths", "kept"),
    [
        (["a"], {"a": 1}),
        (["a", "missing"], {"a": 1}),
        ([{"b": "c"}], {"b": {"c": 2}}),
        ([{"b": ["c", {"d": True}]}], {"b": {"c": 2, "d": {"e": 3}}}),
        ([{"b": {"c": True}}], {"b": {"c": 2}}),
        ([{"l": "x"}], {"l": [{"x": 1}, {"x": 3}]}),
        ([{"a": "x"}], {}),
        ([["a", "n"]], {"a": 1, "n": None}),
        ([], {}),
    ],
)
def test_pluck_keeps_what_the_paths_name(paths: Any, kept: Any) -> None:
    assert project(DOCUMENT, parse_paths(paths)) == kept


@for_each(
    ("paths", "removed"),
    [
        (["a"], {name: value for name, value in DOCUMENT.items() if name != "a"}),
        ([{"b": {"d": "e"}}], {**DOCUMENT, "b": {"c": 2, "d": {}}}),
        ([{"l": "y"}], {**DOCUMENT, "l": [{"x": 1}, {"x": 3}]}),
        (["missing", {"a": "x"}], DOCUMENT),
    ],
)
def test_without_leaves_out_what_the_paths_name(paths: Any, removed: Any) -> None:
    before = repr(DOCUMENT)
    assert unproject(DOCUMENT, parse_paths(paths)) == removed
    assert repr(DOCUMENT) == before


@for_each(
    ("paths", "has"),
    [
        (["a", "b"], True),
        (["n"], False),
        (["missing"], False),
        ([{"b": {"d": "e"}}], True),
        ([{"b": {"d": "f"}}], False),
        ([{"a": "x"}], False),
        ([], True),
    ],
)
def test_has_fields_wants_all_paths_and_no_nulls(paths: Any, has: bool) -> None:
    assert has_all(DOCUMENT, parse_paths(paths)) is has


def test_path_of_another_type_is_refused() -> None:
    with pytest.raises(ReqlError, match="Invalid path argument `1`"):
        parse_paths([1])


def literal(*value: Any) -> Any:
    return {"$reql_type$": "LITERAL", **({"value": value[0]} if value else {})}


@for_each(
    ("left", "right", "merged"),
    [
        ({"a": 1}, {"b": 2}, {"a": 1, "b": 2}),
        ({"a": {"b": 1}}, {"a": {"c": 2}}, {"a": {"b": 1, "c": 2}}),
        ({"a": {"b": 1}}, {"a": 2}, {"a": 2}),
        ({"a": 1}, {"a": {"b": 2}}, {"a": {"b": 2}}),
        ({"a": {"b": 1}}, {"a": literal({"c": 2})}, {"a": {"c": 2}}),
        ({"a": {"b": 1}, "x": 0}, {"a": literal()}, {"x": 0}),
        ({}, {"a": {"b": literal(1), "c": literal()}}, {"a": {"b": 1}}),
        ({"a": [1]}, {"a": [2]}, {"a": [2]}),
        ({"a": 1}, 5, 5),
        (5, {"a": [literal(1), literal()]}, {"a": [1]}),
        ({"a": 1}, {"a": None}, {"a": None}),
    ],
)
def test_merge(left: Any, right: Any, merged: Any) -> None:
    before = repr(left), repr(right)
    assert merge(left, right) == merged
    assert (repr(left), repr(right)) == before


def test_merge_that_makes_an_invalid_pseudo_type_is_refused() -> None:
    moment: Any = {"$reql_type$": "TIME", "epoch_time": 1, "timezone": "+00:00"}
    with pytest.raises(ReqlError, match="unrecognized field"):
        merge({"t": moment}, {"t": {"x": 1}})


def test_write_stats_keep_the_first_error_and_cut_long_lists() -> None:
    stats = WriteStats()
    stats.changes = [{"id": number} for number in range(3)]
    stats.add_error("first")
    stats.add_error("second")
    for number in range(3):
        stats.add_generated_key(str(number))
    result = stats.result(array_limit=2)
    assert (result["errors"], result["first_error"]) == (2, "first")
    assert len(result["changes"]) == len(result["generated_keys"]) == 2  # type: ignore[arg-type]
    assert result["warnings"] == [
        "Too many changes, array truncated to 2.",
        "Too many generated keys (3), array truncated to 2.",
    ]
