from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graphql_api.limits.traffic import Histogram


@given(st.lists(st.floats(0, 5)))
def test_every_value_is_counted_within_the_first_bound_that_holds_it(values: list[float]) -> None:
    histogram = Histogram((1.0, 2.5))
    for value in values:
        histogram.observe(value)
    first = sum(value <= 1 for value in values)
    second = sum(1 < value <= 2.5 for value in values)
    assert histogram.counts == [first, second, len(values) - first - second]
    assert histogram.sum == pytest.approx(sum(values))


def test_a_value_on_the_bound_is_within_it() -> None:
    histogram = Histogram((1.0,))
    histogram.observe(1.0)
    assert histogram.counts == [1, 0]
