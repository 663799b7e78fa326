"""The examples that are pages: without warnings, and never blank when a server restarts."""

from __future__ import annotations

from contextlib import AsyncExitStack

import pytest

from graphql_api.rethink.url import DatabaseURL
from tests.browser.browser_page import BrowserPage
from tests.clients.load import policy
from tests.clients.tcp_proxy import TCPProxy
from tests.examples.example import PAGES, Page, build, serving
from tests.server.database import Writer
from tests.server.running import Running, running, settings_for

pytestmark = pytest.mark.timeout(600)

ROWS = 1000

each_page = pytest.mark.parametrize("example", PAGES, ids=str)

OBSERVE = """
    () => {
        window.updates = 0;
        window.fewest = Infinity;
        const count = () => document.querySelectorAll('li').length;
        const observer = new MutationObserver(() => {
            window.updates += 1;
            window.fewest = Math.min(window.fewest, count());
        });
        const options = { attributes: true, characterData: true, childList: true, subtree: true };
        observer.observe(document.body, options);
    }
"""


@each_page
async def test_page_in_development_shows_each_change_and_its_console_no_warning(
    example: Page,
    browser_page: BrowserPage,
    server: Running,
    writer: Writer,
    reserved_port: int,
) -> None:
    items = browser_page.expect("li")
    async with serving(example.example, server.http, reserved_port) as address:
        await browser_page.page.goto(f"{address}/{example.file}")
        await items.to_have_text(["Broad Crawl", "Deep Crawl"])
        await writer.insert("policy", policy("a", "A new one"))
        await items.to_have_text(["A new one", "Broad Crawl", "Deep Crawl"])
        await writer.update("policy", "a", {"name": "Changed"})
        await items.to_have_text(["Broad Crawl", "Changed", "Deep Crawl"])
        await writer.run(writer.table("policy").get("a").delete())
        await items.to_have_text(["Broad Crawl", "Deep Crawl"])
        browser_page.assert_well()
        assert browser_page.warnings == []
        await browser_page.page.goto("about:blank")


@each_page
async def test_rows_of_a_restarted_server_change_once_and_are_never_blank(
    example: Page,
    browser_page: BrowserPage,
    starbelly: DatabaseURL,
    writer: Writer,
    reserved_port: int,
) -> None:
    build(example.example)
    page = browser_page.page
    count = min(ROWS, example.most_rows - 1)  # a row comes to it
    await writer.run(writer.table("policy").delete())
    rows = [policy(f"{number:04}", f"policy {number:04}") for number in range(count)]
    await writer.insert("policy", *rows)
    settings = settings_for(starbelly)
    async with AsyncExitStack() as stack:
        async with running(settings) as server:
            proxy = await stack.enter_async_context(TCPProxy(server.host, server.port))
            url = f"http://{proxy.host}:{proxy.port}"
            built = serving(example.example, url, reserved_port, is_built=True)
            address = await stack.enter_async_context(built)
            await page.goto(f"{address}/{example.file}")
            await browser_page.expect("li").to_have_count(count)
            await page.evaluate(OBSERVE)
            proxy.hold()
        await writer.run(writer.table("policy").get("0000").delete())
        await writer.update("policy", "0001", {"name": "policy 0001 changed"})
        await writer.insert("policy", policy("9999", "policy 9999"))
        successor = await stack.enter_async_context(running(settings))
        proxy.lead_to(successor.host, successor.port)
        proxy.release()
        await browser_page.expect("li", "policy 9999").to_have_count(1)
        # A change that comes after the snapshot is the second update, so the snapshot was one.
        await writer.insert("policy", policy("fence", "policy fence"))
        await browser_page.expect("li", "policy fence").to_have_count(1)
        updates, fewest = await page.evaluate("[window.updates, window.fewest]")
        print(f"{example}: {updates - 1} update, {fewest} rows")  # noqa: T201 - by `pytest -s`
        assert (updates, fewest) == (2, count)
        shown = await browser_page.find("li").all_text_contents()
        assert shown[:2] == ["policy 0001 changed", "policy 0002"]
        assert len(shown) == count + 1
        await page.goto("about:blank")
