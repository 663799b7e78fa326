"""Following a job while its database goes away: nothing is missed, repeated, or ended by it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from graphql_api.rethink.url import DatabaseURL
from tests.fault.clock import LoopClock, black_holes_noticed
from tests.fault.proxy import Fault, Proxy
from tests.fault.test_feed_repair import CHANGES, LIMITS, QUIET_S, behind
from tests.server.client import connected
from tests.server.results import FOLLOW, Crawler, crawling, received, sequences, to_the_end
from tests.server.running import running, until_ready

LAG_S = 1.0


@pytest.fixture
async def crawler(starbelly: DatabaseURL) -> AsyncIterator[Crawler]:
    async with crawling(starbelly) as crawler:
        yield crawler


@pytest.mark.usefixtures("no_row_is_late")
@pytest.mark.parametrize("fault", Fault, ids=lambda fault: fault.name)
async def test_outage_is_repaired_and_never_reported_as_an_end(
    crawler: Crawler, starbelly: DatabaseURL, clock: LoopClock, fault: Fault
) -> None:
    async with (
        Proxy(starbelly.host, starbelly.port) as proxy,
        running(behind(proxy, starbelly, response_lag_s=LAG_S, **LIMITS)) as server,
        black_holes_noticed(clock, proxy, QUIET_S),
        connected(server.ws) as client,
    ):
        await crawler.respond(*range(10, 700, 10))
        operation = await client.subscribe(FOLLOW, jobId="j1")
        events = await received(operation, 69)
        proxy.cut(fault)
        await crawler.respond(695, 5, 800)  # one of them below all others
        events += await received(operation, 3)
        proxy.cut(fault)
        await crawler.respond(900)
        await crawler.set(run_state="completed")
        events += await to_the_end(operation)
        found = sequences(events)
        assert sorted(found) == sorted(crawler.written)


async def test_one_changefeed_for_all_who_follow_a_job_and_none_afterwards(
    crawler: Crawler, starbelly: DatabaseURL
) -> None:
    async with (
        Proxy(starbelly.host, starbelly.port) as proxy,
        running(behind(proxy, starbelly, response_lag_s=LAG_S)) as server,
        connected(server.ws) as client,
    ):
        await until_ready(server)
        tables = proxy.starts(CHANGES)
        await crawler.respond(1, 2, 3)
        operations = [await client.subscribe(FOLLOW, jobId="j1") for _ in range(20)]
        for operation in operations:
            assert sequences(await received(operation, 3)) == [1, 2, 3]
        assert proxy.starts(CHANGES) == tables + 1
        links = proxy.open_links
        for operation in operations:
            await operation.complete()
        while proxy.open_links >= links:  # its connection is closed
            await client.execute("{ feeds { table } }")
        again = await client.subscribe(FOLLOW, jobId="j1")
        assert sequences(await received(again, 3)) == [1, 2, 3]
        assert proxy.starts(CHANGES) == tables + 2
