"""A test that tries its cases itself."""

from __future__ import annotations

import pytest

from tests.for_each import for_each


@for_each("number", [1, 2, 3])
def is_even(number: int) -> None:
    assert number % 2 == 0


@for_each("divisor", [1, 0, 2])
def is_refused(divisor: int) -> None:
    with pytest.raises(ZeroDivisionError):
        1 / divisor


@for_each(("number", "divisor"), [(4, 2), (5, 2)])
async def divides(number: int, divisor: int, rest: int) -> None:
    assert number % divisor == rest


def test_all_cases_are_tried_and_those_that_fail_are_named() -> None:
    with pytest.raises(ExceptionGroup, match="2 cases fail") as caught:
        is_even()
    notes = [error.__notes__ for error in caught.value.exceptions]
    assert notes == [["in the case number=1"], ["in the case number=3"]]


def test_error_that_is_missing_is_a_failure_as_others() -> None:
    with pytest.raises(BaseExceptionGroup, match="2 cases fail") as caught:
        is_refused()
    notes = [error.__notes__ for error in caught.value.exceptions]
    assert notes == [["in the case divisor=1"], ["in the case divisor=2"]]


async def test_only_failure_is_raised_as_it_is_and_fixtures_are_for_all_cases() -> None:
    with pytest.raises(AssertionError) as caught:
        await divides(rest=0)
    assert caught.value.__notes__ == ["in the case number=5, divisor=2"]
