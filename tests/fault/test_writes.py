"""Writes whose connection fails at any stage: what is said of the outcome is true."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from functools import partial

import pytest

from graphql_api.errors import DatabaseUnavailableError, OutcomeUnknownError
from graphql_api.feeds.table import Document
from graphql_api.rethink.database_connection import Timeouts
from graphql_api.rethink.store import RethinkStore
from graphql_api.rethink.url import DatabaseURL
from tests.fault.clock import LIMIT_S, LoopClock, limit_over
from tests.fault.proxy import (
    Direction,
    Fault,
    Predicate,
    Proxy,
    is_handshake,
    is_reply,
    is_start_of,
)

GET, REPLACE = 16, 55
TIMEOUTS = Timeouts(connect_s=LIMIT_S, query_s=LIMIT_S, close_s=LIMIT_S)


def count(old: Document | None, key: str = "n") -> Document:
    return {"id": key, "n": 1 + (old["n"] if old else 0)}


@pytest.mark.parametrize("fault", list(Fault), ids=lambda fault: fault.name)
@pytest.mark.parametrize(
    ("when", "outcome"),
    [
        (is_handshake(Direction.UP, 0), DatabaseUnavailableError),
        (is_handshake(Direction.DOWN, 2), DatabaseUnavailableError),
        (is_start_of(GET), DatabaseUnavailableError),
        (is_reply(0), DatabaseUnavailableError),
        (is_start_of(REPLACE), OutcomeUnknownError),
        (is_reply(1), OutcomeUnknownError),
    ],
    ids=["hello", "signature", "read", "read's reply", "write", "write's reply"],
)
async def test_what_is_said_of_a_failed_write_is_true(
    *,
    starbelly: DatabaseURL,
    proxy: Proxy,
    clock: LoopClock,
    fault: Fault,
    when: Predicate,
    outcome: type[Exception],
) -> None:
    behind = replace(starbelly, host=proxy.host, port=proxy.port)
    async with (
        RethinkStore(starbelly) as store,
        RethinkStore(behind, timeouts=TIMEOUTS) as failing,
    ):
        fired = proxy.arm(fault, when)
        async with limit_over(clock, fault, fired):
            with pytest.raises((DatabaseUnavailableError, OutcomeUnknownError)) as raised:
                await failing.write("schedule", "n", count)
        assert raised.type is outcome
        written = await store.get("schedule", "n")
        if outcome is DatabaseUnavailableError:
            assert written is None
        again = await failing.write("schedule", "n", count)
        assert again.new == {"id": "n", "n": 2 if written else 1}


async def test_cancelled_write_breaks_no_other(starbelly: DatabaseURL) -> None:
    async with RethinkStore(starbelly) as store:
        for turns in range(12):
            writing = asyncio.create_task(store.write("schedule", "n", count))
            others = [
                asyncio.create_task(store.write("schedule", key, partial(count, key=key)))
                for key in "ab"
            ]
            for _ in range(turns):
                await asyncio.sleep(0)
            writing.cancel()
            await asyncio.gather(writing, return_exceptions=True)
            await asyncio.gather(*others)
        last = await store.get("schedule", "a")
        assert last is not None
        assert last["n"] == 12
