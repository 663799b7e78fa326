"""The log has each kind of internal error once in a while, and every id that a client was given."""

from __future__ import annotations

import logging

import pytest

from graphql_api.schema.fault_log import FaultLog


class Clock:
    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def fail(text: str) -> Exception:
    try:
        int(f"not a number: {text}")
    except ValueError as error:
        return error
    raise AssertionError


def fail_elsewhere() -> Exception:
    try:
        int("not a number")
    except ValueError as error:
        return error
    raise AssertionError


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def faults(clock: Clock) -> FaultLog:
    return FaultLog(interval_s=10, clock=clock)


def test_many_faults_of_one_kind_are_one_line_with_the_id_of_all(
    faults: FaultLog, caplog: pytest.LogCaptureFixture
) -> None:
    ids = {faults.record(fail(str(number)), "policies") for number in range(1000)}
    (record,) = caplog.records
    assert record.levelno == logging.ERROR
    assert record.exc_info is not None
    (id_,) = ids
    assert record.getMessage() == f"request {id_}: policies: internal error"


def test_next_line_says_how_many_there_were_between(
    faults: FaultLog, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    first = faults.record(fail(""), "a")
    faults.record(fail(""), "b")
    faults.record(fail(""), "c")
    clock.now_s = 10
    second = faults.record(fail(""), "d")
    assert [record.getMessage() for record in caplog.records] == [
        f"request {first}: a: internal error",
        f"request {second}: d: internal error (and 2 more since the last)",
    ]
    assert first != second


def test_faults_from_different_lines_and_of_different_types_are_different_kinds(
    faults: FaultLog, caplog: pytest.LogCaptureFixture
) -> None:
    kinds = [fail(""), fail_elsewhere(), ValueError("a"), TypeError("a"), ValueError("b")]
    ids = [faults.record(error, "a") for error in kinds]
    assert len(set(ids)) == len(caplog.records) == 5


def test_kinds_are_bounded(faults: FaultLog) -> None:
    for number in range(600):
        faults.record(ValueError(str(number)), "a")
    assert len(faults._kinds) == 256
