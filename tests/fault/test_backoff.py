"""A database that was away for long is found by the first try after it is back."""

from __future__ import annotations

import asyncio
import random

import pytest

from graphql_api.feeds.backoff import EARLY_MAX_S, EARLY_S
from graphql_api.feeds.events import FeedStatus
from graphql_api.feeds.feed import Feed
from graphql_api.feeds.feed_settings import FeedSettings
from graphql_api.rethink.changefeed import RethinkSource
from graphql_api.rethink.url import DatabaseURL
from graphql_api.tables.policy import POLICIES
from tests.fault.clock import LoopClock
from tests.fault.proxy import Fault, Proxy
from tests.fault.test_rethink_changefeed import SETTINGS, through

LIMIT_S = 60.0


@pytest.mark.parametrize(
    ("outage_s", "longest_s"),
    [
        (0.0, EARLY_MAX_S),
        (17.0, EARLY_MAX_S),
        (EARLY_S - 2 * EARLY_MAX_S, EARLY_MAX_S),
        (600.0, 10.0),
    ],
)
async def test_database_that_is_back_is_found_by_the_next_try(
    starbelly: DatabaseURL, proxy: Proxy, clock: LoopClock, outage_s: float, longest_s: float
) -> None:
    waits: list[float] = []

    async def sleep(wait_s: float) -> None:
        waits.append(wait_s)
        clock.forward(wait_s)
        if sum(waits) > outage_s:
            proxy.refuses = False  # the database came back at some moment of this wait
        await asyncio.sleep(0)

    source = RethinkSource(through(proxy, starbelly), SETTINGS)
    settings = FeedSettings(self_check_s=0)
    feed = Feed(POLICIES, source, settings, rng=random.Random(7), sleep=sleep)
    running = asyncio.create_task(feed.run())
    try:
        await feed.ready(LIMIT_S)
        proxy.refuses = True
        proxy.cut(Fault.RESET)
        while proxy.refuses or feed.status is not FeedStatus.READY:
            assert not running.done()
            await asyncio.sleep(0)
        # One wait led across the end of the outage, and the try after it was the last one.
        assert sum(waits[:-1]) <= outage_s < sum(waits)
        assert max(waits) <= longest_s
        assert len(waits) >= outage_s / longest_s
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
