"""The examples for frontends keep what a page shows equal to the table, whatever befalls them."""

from __future__ import annotations

from pathlib import Path
from random import Random
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import pytest

from tests.browser.conftest import browser_page
from tests.clients.trouble import FENCE, NAMES, WAIT_S, Effort, Troubled, efforts, troubled

if TYPE_CHECKING:
    from playwright.async_api import Locator, WebSocket

    from tests.browser.browser_page import BrowserPage

__all__ = ["browser_page"]

pytestmark = pytest.mark.timeout(300)


EXAMPLES = [
    ("apollo", "each"),
    pytest.param("apollo", "shared", marks=pytest.mark.long),
    ("urql", "each"),
    pytest.param("urql", "shared", marks=pytest.mark.long),
    ("graphql-ws", "none"),
]
"""Which client, and whether each list has a cache, or all lists share one."""


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
        snapshots: How often it was told to begin anew.
    """

    def __init__(self, browser_page: BrowserPage, origin: str) -> None:
        self.origin = origin
        self._page = browser_page.page
        self._problems = browser_page.problems
        self.sockets = 0
        self.snapshots = 0
        self._page.on("websocket", self._on_socket)

    async def open(self, server: Troubled, **options: str) -> None:
        query = [("http", f"{server.server.http}/graphql"), ("ws", server.url)]
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
        self.snapshots += '"status":"INITIALIZING"' in str(frame)


@efforts
@pytest.mark.parametrize(("client", "cache"), EXAMPLES)
async def test_lists_on_a_page_equal_the_table_after_cuts_and_a_restart_of_the_database(
    client: str, cache: str, effort: Effort, lists: Lists, tmp_path: Path
) -> None:
    async with troubled(tmp_path, allow_origin=[lists.origin]) as server:
        await lists.open(server, client=client, cache=cache)
        await server.write(Random(f"{client} {cache} {effort}"), effort, lists.until_status)
        await lists.until_row(FENCE)
        for name in NAMES:
            assert await lists.rows(name) == await server.table(name)
        lists.assert_well()
        print(  # noqa: T201 - shown by `pytest -s`
            f"{client} ({cache}): {effort}, {lists.sockets} sockets, {lists.snapshots} snapshots"
        )
    queried_first = client != "graphql-ws"
    assert lists.snapshots == (0 if queried_first else len(NAMES)), "none after a cut"
