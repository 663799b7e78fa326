from __future__ import annotations

import pytest

from graphql_api.limits.refusal_log import RefusalLog


class Clock:
    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def test_flood_is_one_line_in_a_while_and_none_is_left_out(
    caplog: pytest.LogCaptureFixture,
) -> None:
    clock = Clock()
    log = RefusalLog(interval_s=10, clock=clock)
    log.flush()
    for i in range(1000):
        log.record(f"192.0.2.{i % 256}", "no credentials")
    assert [record.message for record in caplog.records] == [
        "refused by access control: 1, the last from 192.0.2.0: no credentials"
    ]
    clock.now_s = 9.9
    log.flush()
    assert len(caplog.records) == 1
    clock.now_s = 10
    log.flush()
    log.flush()
    assert [record.message for record in caplog.records[1:]] == [
        "refused by access control: 999, the last from 192.0.2.231: no credentials"
    ]
    clock.now_s = 30
    log.record("192.0.2.9", "JWT: InvalidSignatureError")
    assert len(caplog.records) == 3
