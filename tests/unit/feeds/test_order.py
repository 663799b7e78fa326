"""Values in their order, against a list that is sorted again and again."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graphql_api.feeds import order as order_module
from graphql_api.feeds.order import Order, OrderBy, SortedRows, SortKey, sort_key
from tests.for_each import for_each


@given(st.lists(st.integers(0, 60), max_size=200), st.integers(0, 70), st.integers(0, 70))
def test_order_is_that_of_a_sorted_list(toggled: list[int], offset: int, limit: int) -> None:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(order_module, "MAX_CHUNK", 4)
        order: Order[int] = Order()
        values: set[int] = set()
        for value in toggled:
            if value in values:
                values.remove(value)
                order.remove(value)
            else:
                values.add(value)
                order.add(value)
            expected = sorted(values)
            assert list(order) == expected
            assert len(order) == len(expected)
            assert order.part(offset, limit) == expected[offset : offset + limit]
            assert order.number_before(offset) == len([each for each in expected if each < offset])


sort_keys = st.builds(sort_key, st.none() | st.integers(0, 3), st.sampled_from("abcdefgh"))


@given(st.lists(sort_keys, max_size=200), st.integers(0, 40), st.integers(0, 40))
def test_rows_without_a_value_come_last_in_both_directions(
    toggled: list[SortKey], offset: int, limit: int
) -> None:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(order_module, "MAX_CHUNK", 4)
        rows = SortedRows()
        held: set[SortKey] = set()
        for each in toggled:
            (rows.remove if each in held else rows.add)(each)
            held ^= {each}
            for is_descending in (False, True):
                order_by = OrderBy("n", is_descending)
                with_value = [key for key in held if not key[0]]
                without = [key for key in held if key[0]]
                expected = sorted(with_value, reverse=is_descending)
                expected += sorted(without, reverse=is_descending)
                assert rows.listed(order_by) == expected
                assert rows.page(order_by, offset, limit) == expected[offset : offset + limit]


@for_each("missing", [-1, 5, 100])
def test_value_that_is_not_there_cannot_be_removed(missing: int) -> None:
    order: Order[int] = Order()
    with pytest.raises(KeyError):
        order.remove(missing)
    for value in range(0, 50, 2):
        order.add(value)
    with pytest.raises(KeyError):
        order.remove(missing)
    assert len(order) == 25


def test_chunks_stay_short_however_many_values_there_are() -> None:
    values = list(range(20_000))
    random.Random(5).shuffle(values)
    order: Order[int] = Order()
    for value in values:
        order.add(value)
    assert max(map(len, order._chunks)) <= order_module.MAX_CHUNK
    assert order.part(19_990, 100) == list(range(19_990, 20_000))
