"""A browser's own EventSource: it comes again by itself, and goes on where it was."""

from __future__ import annotations

import asyncio
import json
from random import Random
from urllib.parse import urlencode

import pytest

from tests.browser.browser_page import BrowserPage
from tests.clients.load import table, write_and_see, write_at_random
from tests.clients.tcp_proxy import Cut, TCPProxy
from tests.server.client import Client
from tests.server.database import Writer
from tests.server.operations import POLICIES, Replica
from tests.server.running import Running

pytestmark = pytest.mark.timeout(300)

CUTS = 6
OPEN = """
    url => {
        window.results = [];
        window.opened = 0;
        window.source = new EventSource(url);
        window.source.onopen = () => { opened += 1; };
        window.source.addEventListener('next', ({ data }) => results.push(data));
    }
"""
TAKE = "() => results.splice(0)"
WAIT = "() => results.length > 0"


async def test_browser_that_is_cut_off_again_and_again_holds_the_table_by_one_snapshot(
    browser_page: BrowserPage, server: Running, client: Client, writer: Writer
) -> None:
    page = browser_page.page
    rng = Random("browser")
    replica = Replica(POLICIES)

    async def take() -> None:
        await page.wait_for_function(WAIT)
        for result in await page.evaluate(TAKE):
            (change,) = json.loads(result)["data"].values()
            replica.apply(change)

    async with asyncio.timeout(250), TCPProxy(server.host, server.port) as proxy:
        origin = f"http://{proxy.host}:{proxy.port}"
        await page.goto(f"{origin}/healthz")
        await page.evaluate(OPEN, f"/graphql?{urlencode({'query': POLICIES.subscription})}")
        while replica.status != "READY":
            await take()
        number = 0
        for cut in range(CUTS):
            await page.wait_for_function("cut => opened > cut", arg=cut)
            # Whichever connection the stream is: the others are idle, and are not cut.
            proxy.plan([Cut(1000 * cut, reset=bool(cut % 2))] * proxy.open)
            while proxy.cuts <= cut:
                number += 1
                await write_at_random(writer, rng, number)
            for _ in range(10):  # while no server is there
                number += 1
                await write_at_random(writer, rng, number)
            await take()
        await write_and_see("last", client, writer)
        while "last" not in replica.rows:
            await take()
        assert replica.rows == await table(client, None)
        assert replica.snapshots == 1
