"""Bodies that are sent in one piece are waited for, and not for ever."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from graphql_api.errors import DatabaseRefusedError
from graphql_api.protocols import whole_bodies
from graphql_api.protocols.whole_bodies import NO_BODY, WholeBodies
from tests.patience import LONGEST_S


class NoBodies:
    """Bodies none of which is stored; the first reads fail."""

    def __init__(self, failures: int = 0) -> None:
        self._failures = failures

    async def find(self, sequence: int) -> None:
        if self._failures:
            self._failures -= 1
            raise DatabaseRefusedError("the user may not read the table")


@pytest.mark.parametrize("ahead", ["a year", "to the end of time"])
async def test_a_missing_body_of_a_response_from_the_future_is_given_up(
    ahead: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(whole_bodies, "_LAG", timedelta(seconds=0.01))
    monkeypatch.setattr(whole_bodies, "_RETRY_S", 0.001)
    ended_at = datetime.max.replace(tzinfo=UTC)
    if ahead == "a year":
        ended_at = datetime.now(UTC) + timedelta(days=365)
    bodies: Any = NoBodies()
    async with asyncio.timeout(LONGEST_S):
        body = await WholeBodies(lambda: bodies).of(1, ended_at, compression_ok=False)
    assert body == NO_BODY


async def test_an_outage_of_bodies_is_waited_for_and_logged_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(whole_bodies, "_RETRY_S", 0.001)
    failing: Any = NoBodies(failures=9)
    bodies = WholeBodies(lambda: failing)
    async with asyncio.timeout(LONGEST_S):
        found = await asyncio.gather(*(bodies.of(n, None, compression_ok=True) for n in range(3)))
    assert found == [NO_BODY] * 3
    assert [record.message for record in caplog.records] == [
        "stored bodies cannot be read: the user may not read the table; trying until it works"
    ]
