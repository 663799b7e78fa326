"""Starbelly's protocol while the database goes away: the difference comes, and nothing ends."""

from __future__ import annotations

from uuid import UUID, uuid4

import pytest

from graphql_api.rethink.url import DatabaseURL
from tests.fault.clock import LoopClock, black_holes_noticed
from tests.fault.proxy import Fault, Proxy
from tests.fault.test_feed_repair import LIMITS, QUIET_S, behind
from tests.server.database import writing
from tests.server.results import crawling
from tests.server.running import running, until_ready
from tests.server.starbelly_client import HeldNames, starbelly_client
from tests.server.test_starbelly import url_of
from tests.server.test_starbelly_sync import to_the_end
from tests.starbelly_numbers import ADDED, COMPLETE, DELETED, UPDATED


@pytest.mark.parametrize("fault", Fault, ids=lambda fault: fault.name)
async def test_difference_is_sent_after_an_outage(
    starbelly: DatabaseURL, fault: Fault, clock: LoopClock
) -> None:
    kept, gone, new = (str(uuid4()) for _ in range(3))
    async with (
        Proxy(starbelly.host, starbelly.port) as proxy,
        writing(starbelly) as writer,
        running(behind(proxy, starbelly, **LIMITS)) as server,
        black_holes_noticed(clock, proxy, QUIET_S),
    ):
        await writer.insert("policy", {"id": kept, "name": "a"}, {"id": gone, "name": "b"})
        await until_ready(server)
        async with starbelly_client(url_of(server)) as client:
            subscription = await client.subscribe("subscribe_policy_list")
            held = HeldNames()
            while len(held.names) < 4:
                held.apply(*await subscription.row())
            proxy.cut(fault)
            await writer.delete("policy", gone)
            await writer.update("policy", kept, {"name": "A"})
            await writer.insert("policy", {"id": new, "name": "c"})
            changes = await subscription.rows(3)
            assert {*changes} == {(DELETED, gone, "b"), (UPDATED, kept, "A"), (ADDED, new, "c")}
            for change in changes:
                held.apply(*change)
            await writer.update("policy", new, {"name": "C"})
            held.apply(*await subscription.row())
    assert held.names[new] == "C"
    assert len(held.names) == 4


async def test_job_sync_goes_on_over_an_outage_and_completes(starbelly: DatabaseURL) -> None:
    async with (
        Proxy(starbelly.host, starbelly.port) as proxy,
        crawling(starbelly, str(uuid4())) as crawler,
        running(behind(proxy, starbelly, response_lag_s=1.0)) as server,
        starbelly_client(url_of(server)) as client,
    ):
        body = await crawler.body(b"a body", is_compressed=False)
        await crawler.respond(1, 2, body_id=body)
        job_id = UUID(crawler.job).bytes
        subscription = await client.subscribe("subscribe_job_sync", job_id=job_id)
        found = [(await subscription.event()).sync_item for _ in range(2)]
        proxy.cut(Fault.RESET)
        await crawler.respond(3, 4, body_id=body)
        await crawler.set(run_state="completed")
        rest, end = await to_the_end(subscription)
        found += rest
        assert end.reason == COMPLETE
    assert sorted(item.item.url[-1] for item in found) == ["1", "2", "3", "4"]
    assert all(item.item.body == b"a body" for item in found)
