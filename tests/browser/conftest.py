from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from graphql_api.settings import Settings, load
from tests import needs
from tests.browser.browser_page import BrowserPage, browser_page_in
from tests.server.conftest import client, server, starbelly, writer
from tests.server.running import Running, running

__all__ = ["client", "server", "starbelly", "writer"]


@pytest.fixture
async def browser_page() -> AsyncIterator[BrowserPage]:
    """A page in Chromium that keeps what it requests and what goes wrong in it."""
    needs.module("playwright")
    async with browser_page_in(needs.program("chromium")) as page:
        yield page


@pytest.fixture
async def demo_server(tmp_path: Path) -> AsyncIterator[Running]:
    """What `graphql-api serve --demo` runs: an embedded database that changes by itself."""
    settings = load(Settings, {"data": tmp_path / "demo.db", "demo": True})
    async with running(settings) as server:
        yield server
