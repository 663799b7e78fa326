"""The lists of the client package equal the table, whatever happens to their connections."""

from __future__ import annotations

import json
from contextlib import AsyncExitStack
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import pytest

from graphql_api.rethink.url import DatabaseURL
from tests.browser.conftest import browser_page, chromium
from tests.clients.load import policy, random_cuts, write_load
from tests.clients.tcp_proxy import TCPProxy
from tests.clients.trouble import CUTS, FENCE, NAMES, WAIT_S, table, troubled
from tests.server.client import connected
from tests.server.database import Writer
from tests.server.running import Running, running, settings_for

if TYPE_CHECKING:
    from playwright.async_api import Locator, WebSocket

    from tests.browser.browser_page import BrowserPage

__all__ = ["browser_page", "chromium"]

pytestmark = pytest.mark.timeout(300)


CLIENTS = [
    pytest.param("apollo", "each", marks=pytest.mark.long),
    ("apollo", "shared"),
    pytest.param("urql", "each", marks=pytest.mark.long),
    ("urql", "shared"),
    ("tanstack-db", "none"),
    ("graphql-ws", "none"),
]
"""Which client, and whether each list has one of its own, or all lists share one."""


@pytest.fixture
def lists(browser_page: BrowserPage, page_origin: str) -> Lists:
    """The page with the lists, not yet opened."""
    browser_page.page.set_default_timeout(WAIT_S * 1000)
    return Lists(browser_page, page_origin)


class Lists:
    """A list on the page for each of `NAMES`.

    Attributes:
        origin: Where the page is.
        sockets: How many sockets the page has opened.
        snapshots: How often it was to begin again.
        events: The changes of rows that it was sent, by operation, cursor and key.
        repeated: How many changes of rows were sent to it again.
    """

    def __init__(self, browser_page: BrowserPage, origin: str) -> None:
        self.origin = origin
        self._page = browser_page.page
        self._problems = browser_page.problems
        self.sockets = 0
        self.snapshots = 0
        self.repeated = 0
        self.events: set[tuple[str, str, str]] = set()
        self._page.on("websocket", self._on_socket)

    async def open(self, server: Running, ws: str, **options: str) -> None:
        query = [("ws", ws)]
        lists = [("list", name) for name in NAMES]
        await self._page.goto(f"{self.origin}/?{urlencode([*query, *lists, *options.items()])}")

    async def until_status(self, status: str) -> None:
        """Until every list shows a status."""
        for name in NAMES:
            await self._list(name).locator(f'[role="status"]:text-is("{status}")').wait_for()

    async def until_row(self, key: str) -> None:
        """Until every list shows a row."""
        for name in NAMES:
            await self._list(name).locator(f'li[id="{key}"]').wait_for()

    async def rows(self, name: str) -> list[tuple[str, str]]:
        """The keys and names that a list shows, from above."""
        rows = (
            await self._list(name)
            .locator("li")
            .evaluate_all("items => items.map((item) => [item.id, item.textContent])")
        )
        return [(key, text) for key, text in rows]

    def assert_well(self) -> None:
        """There was no error but those of sockets that were cut."""
        expected = "WebSocket connection to "
        assert [problem for problem in self._problems if not problem.startswith(expected)] == []

    def _list(self, name: str) -> Locator:
        return self._page.locator(f'section[data-list="{name}"]')

    def _on_socket(self, socket: WebSocket) -> None:
        self.sockets += 1
        socket.on("framereceived", self._on_frame)

    def _on_frame(self, frame: str | bytes) -> None:
        message = json.loads(frame)
        if message["type"] != "next":
            return
        change = message["payload"]["data"]["policyChanges"]
        if "status" in change:
            self.snapshots += change["status"] == "INITIALIZING"
        else:
            key = change["policyId"] if "policyId" in change else change["policy"]["id"]
            event = message["id"], change["cursor"], key  # those of a snapshot have one cursor
            self.repeated += event in self.events
            self.events.add(event)


@pytest.mark.parametrize(("client", "cache"), CLIENTS)
async def test_lists_on_a_page_equal_the_table_after_cuts_and_a_restart_of_the_database(
    client: str, cache: str, lists: Lists, tmp_path: Path
) -> None:
    async with troubled(tmp_path, allow_origin=[lists.origin]) as server:
        await lists.open(server.server, server.url, client=client, cache=cache)
        await lists.until_status("READY")
        snapshots = lists.snapshots
        await server.write(Random(f"{client} {cache}"), lists.until_status)
        await lists.until_row(FENCE)
        for name in NAMES:
            assert await lists.rows(name) == await table(server.client, name)
        lists.assert_well()
        assert lists.sockets > CUTS
        print(  # noqa: T201 - shown by `pytest -s`
            f"{client} ({cache}): {len(lists.events)} changes received "
            f"over {lists.sockets} sockets, {lists.snapshots} snapshots"
        )
    assert lists.repeated == 0, "a cursor resumes behind what was received"
    assert lists.snapshots == snapshots, "none after a cut"


@pytest.mark.long
@pytest.mark.parametrize("client", ["apollo", "urql", "tanstack-db", "graphql-ws"])
async def test_lists_on_a_page_equal_the_table_after_50_cuts_under_load(
    client: str, lists: Lists, starbelly: DatabaseURL, writer: Writer
) -> None:
    rng = Random(client)
    async with (
        running(settings_for(starbelly, allow_origin=[lists.origin])) as server,
        TCPProxy(server.host, server.port) as proxy,
        connected(server.ws) as observer,
    ):
        url = f"ws://{proxy.host}:{proxy.port}/graphql"
        await lists.open(server, url, client=client, cache="shared")
        await lists.until_status("READY")
        async with write_load(writer, rng):
            proxy.plan(random_cuts(rng, 50))
            await proxy.done()
        assert proxy.cuts == 50
        await writer.insert("policy", policy(FENCE, "alpha beta"))
        await lists.until_row(FENCE)
        for name in NAMES:
            assert await lists.rows(name) == await table(observer, name)
        assert lists.repeated == 0, "a cursor resumes behind what was received"
        lists.assert_well()


@pytest.mark.parametrize("client", ["apollo", "urql", "tanstack-db", "graphql-ws"])
async def test_lists_on_a_page_begin_again_with_a_server_that_does_not_know_their_cursors(
    client: str, lists: Lists, starbelly: DatabaseURL, writer: Writer
) -> None:
    settings = settings_for(starbelly, allow_origin=[lists.origin])
    await writer.insert("policy", policy("deleted while away", "alpha beta"))
    async with AsyncExitStack() as stack:
        async with running(settings) as server:
            proxy = await stack.enter_async_context(TCPProxy(server.host, server.port))
            ws = f"ws://{proxy.host}:{proxy.port}/graphql"
            await lists.open(server, ws, client=client)
            await lists.until_row("deleted while away")
            await lists.until_status("READY")
            snapshots = lists.snapshots
            proxy.hold()
        await writer.delete("policy", "deleted while away")
        await writer.insert("policy", policy(FENCE, "alpha beta"))
        successor = await stack.enter_async_context(running(settings))
        proxy.lead_to(successor.host, successor.port)
        proxy.release()
        await lists.until_row(FENCE)
        await lists.until_status("READY")
        assert lists.snapshots == snapshots + len(NAMES)
        observer = await stack.enter_async_context(connected(successor.ws))
        for name in NAMES:
            assert await lists.rows(name) == await table(observer, name)
