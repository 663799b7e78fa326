"""What a table leaves out never crosses the wire from the database, for no client."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from graphql_api.rethink.url import DatabaseURL
from tests.fault.proxy import Proxy
from tests.fault.test_feed_repair import behind
from tests.server.client import connected
from tests.server.database import Writer, writing
from tests.server.running import Running, running, until_ready

CHANGES = 5
SMALL_BYTES = 100_000
"""More than any frame of the story has without the field, and a third of the field."""


@pytest.fixture
async def writer(starbelly: DatabaseURL) -> AsyncIterator[Writer]:
    """A second program that writes to the database, past the proxy."""
    async with writing(starbelly) as writer:
        yield writer


async def until_checked(server: Running) -> None:
    """Wait until the server has compared its jobs with the table."""
    checks = 'graphql_api_feed_self_checks_total{table="job"} '
    async with httpx.AsyncClient(base_url=server.http, trust_env=False) as http:
        while f"\n{checks}0.0\n" in (metrics := (await http.get("/metrics")).text):
            pass  # each question is a round trip to the server, in which it can check
    assert checks in metrics


@pytest.mark.parametrize("entries", [150_000, pytest.param(10_000_000, marks=pytest.mark.long)])
async def test_old_urls_cost_nothing(
    entries: int, starbelly: DatabaseURL, writer: Writer, proxy: Proxy
) -> None:
    """The first read, changes, queries, the self-check and a deletion."""
    old_urls = writer.r.binary(b"\x80\x04" * entries)
    job: dict[str, Any] = {"id": "j", "run_state": "running", "item_count": 0}
    await writer.insert("job", {**job, "old_urls": old_urls})
    settings = behind(proxy, starbelly, self_check_s=0.2)
    async with running(settings) as server, connected(server.ws) as client:
        await until_ready(server)
        changes = await client.subscribe(
            "subscription { jobChanges { ... on JobUpdated { job { itemCount } } "
            "... on JobDeleted { jobId } ... on FeedState { status } } }"
        )
        await changes.until_status("READY")
        for count in range(1, CHANGES + 1):
            state = "running" if count < CHANGES else "completed"
            await writer.update("job", "j", {"item_count": count, "run_state": state})
            assert (await changes.change())["job"]["itemCount"] == count
        await until_checked(server)
        result = await client.execute('{ job(id: "j") { id } jobs { total items { id } } }')
        assert result["data"]["jobs"]["total"] == 1
        result = await client.execute('mutation { deleteJob(id: "j") }')
        assert result["data"] == {"deleteJob": "j"}
        assert (await changes.change())["jobId"] == "j"
    assert max(unit.size for unit in proxy.units) < SMALL_BYTES
