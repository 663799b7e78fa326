"""What a page requests, and what goes wrong in it, is seen: else no test could rely on silence."""

from __future__ import annotations

import pytest

from tests.browser.browser_page import BrowserPage
from tests.server.running import Running


async def test_request_to_another_host_is_seen(browser_page: BrowserPage, server: Running) -> None:
    await browser_page.page.goto(f"{server.http}/healthz")
    browser_page.assert_local(server)
    async with browser_page.page.expect_request("http://example.org/"):
        await browser_page.page.evaluate("fetch('http://example.org/').catch(() => {})")
    assert "http://example.org/" in browser_page.requests
    with pytest.raises(AssertionError, match=r"example\.org"):
        browser_page.assert_local(server)


async def test_websocket_to_another_host_is_seen(
    browser_page: BrowserPage, server: Running
) -> None:
    await browser_page.page.goto(f"{server.http}/healthz")
    async with browser_page.page.expect_event("websocket"):
        await browser_page.page.evaluate("void new WebSocket('ws://example.org/')")
    with pytest.raises(AssertionError, match=r"example\.org"):
        browser_page.assert_local(server)


async def test_exception_that_is_not_caught_is_seen(
    browser_page: BrowserPage, server: Running
) -> None:
    await browser_page.page.goto(f"{server.http}/healthz")
    async with browser_page.page.context.expect_event("weberror"):
        await browser_page.page.evaluate("setTimeout(() => { throw new Error('alas') })")
    with pytest.raises(AssertionError, match="alas"):
        browser_page.assert_well()
