"""The pages behind the proxies of `docs/`: below a path, with TLS, over HTTP/2."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.browser.browser_page import BrowserPage, browser_page_in
from tests.browser.test_graphiql import GraphiQL
from tests.browser.test_live import expect_health
from tests.proxies import FILES, PATH, Proxied, proxy
from tests.server.database import Writer
from tests.server.running import Running, until_ready

pytestmark = [pytest.mark.parametrize("program", FILES), pytest.mark.timeout(300)]


@pytest.fixture
async def proxied(
    server: Running, program: str, reserved_port: int, tmp_path: Path
) -> AsyncIterator[Proxied]:
    await until_ready(server)
    async with proxy(program, server, reserved_port, tmp_path, tls=True, path=PATH) as proxied:
        yield proxied


@pytest.fixture
async def trusting_page(chromium: str, proxied: Proxied) -> AsyncIterator[BrowserPage]:
    """A page that trusts the proxy, and has requested nothing else when the test is over."""
    async with browser_page_in(chromium, trusts_all=True) as page:
        yield page
        protocol = await page.page.evaluate(
            "performance.getEntriesByType('navigation')[0].nextHopProtocol"
        )
        assert protocol == "h2"
        page.assert_local(proxied)
        page.assert_well()


@pytest.mark.parametrize("path", ["live", "live/"])
async def test_live_follows_the_tables_behind_the_documented_proxies(
    path: str, proxied: Proxied, trusting_page: BrowserPage, writer: Writer
) -> None:
    await trusting_page.page.goto(f"{proxied.http}/{path}?table=policies")
    await expect_health(trusting_page, "Live")
    await writer.insert("policy", {"id": "new", "name": "of the test"})
    await trusting_page.expect("#scroller tbody tr", "of the test").to_have_count(1)


@pytest.mark.usefixtures("graphiql_build")
async def test_graphiql_follows_a_table_behind_the_documented_proxies(
    proxied: Proxied, trusting_page: BrowserPage, writer: Writer
) -> None:
    graphiql = GraphiQL(trusting_page)
    await graphiql.open(proxied)
    await graphiql.choose("Policies")
    await graphiql.execute()
    await graphiql.shows('"name": "Broad Crawl"')
    await graphiql.choose("PolicyChanges")
    await graphiql.execute()
    await graphiql.shows('"status": "READY"')
    await writer.insert("policy", {"id": "new", "name": "of the test"})
    await graphiql.shows('"cause": "CREATED"')
    await graphiql.execute()
