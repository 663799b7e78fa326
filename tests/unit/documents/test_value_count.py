from __future__ import annotations

from typing import Any

from graphql import FieldNode, OperationDefinitionNode, parse
from hypothesis import given
from hypothesis import strategies as st

from graphql_api.documents.value_count import OBJECT_VALUES, ValueCount
from tests.for_each import for_each

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


def field(arguments: str) -> FieldNode:
    (operation,) = parse(f"query($v: T) {{ f({arguments}) }}").definitions
    assert isinstance(operation, OperationDefinitionNode)
    (node,) = operation.selection_set.selections
    assert isinstance(node, FieldNode)
    return node


def size(value: Any) -> int:
    if isinstance(value, dict):
        return OBJECT_VALUES + sum(map(size, value.values()))
    if isinstance(value, list):
        return 1 + sum(map(size, value))
    return 1


@for_each(
    ("arguments", "values"),
    [
        ("a: 1", 2),
        ('a: 1, b: "x"', 4),
        ("a: [1, 2, [3]]", 10),
        ("a: {b: {c: [null, E]}}", 46),
        ("a: $v", 3),
        ("a: [$v, {b: $v}]", 28),
    ],
)
def test_each_literal_is_two_and_an_object_is_twenty(arguments: str, values: int) -> None:
    count = ValueCount({"v": ["x", "y"]}, at_most=100)
    assert count.of_arguments(field(arguments)) == values


@given(JSON)
def test_variable_counts_what_it_holds(value: Any) -> None:
    assert ValueCount({"v": value}, at_most=10**9).of_arguments(field("a: $v")) == size(value)


@given(JSON, st.integers(0, 50))
def test_variable_above_the_limit_counts_as_above_it(value: Any, at_most: int) -> None:
    counted = ValueCount({"v": value}, at_most).of_arguments(field("a: $v"))
    assert (counted > at_most) == (size(value) > at_most)


def test_long_list_is_not_gone_through() -> None:
    class Untouchable(list[Any]):
        def __iter__(self) -> Any:
            raise AssertionError("its length says enough")

    count = ValueCount({"v": Untouchable([0] * 1000)}, at_most=10)
    assert count.of_arguments(field("a: $v")) > 10


def test_variable_that_is_absent_is_one_value() -> None:
    assert ValueCount({}, at_most=10).of_arguments(field("a: $v")) == 1
