from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from functools import partial
from pathlib import Path

import pytest

from graphql_api import demo
from graphql_api.graphiql.build import BUILD, PAGE, build_page, is_current, run_quietly
from graphql_api.settings import Settings, load
from tests import needs
from tests.browser.browser_page import BrowserPage, browser_page_in, chromium_running
from tests.clients import npm
from tests.server.conftest import client, server, starbelly, writer
from tests.server.running import Running, running

__all__ = ["client", "server", "starbelly", "writer"]


@pytest.fixture(scope="session")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Chromium for the whole session, by its URL."""
    needs.module("playwright")
    program = needs.program("chromium")
    with chromium_running(program, tmp_path_factory.mktemp("chromium")) as url:
        yield url


@pytest.fixture
async def browser_page(chromium: str) -> AsyncIterator[BrowserPage]:
    """A page in Chromium that keeps what it requests and what goes wrong in it."""
    async with browser_page_in(chromium) as page:
        yield page


@pytest.fixture(scope="session")
def graphiql_build() -> Path:
    """GraphiQL's page, built from the sources as they are."""
    needs.npm()
    with npm.locked(PAGE):
        if not is_current():
            build_page(run_quietly(lambda: True))
    return BUILD


@pytest.fixture
async def demo_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Running]:
    """What `graphql-api serve --demo` runs: an embedded database that changes by itself.

    Here it does so several times a second.
    """
    monkeypatch.setattr(demo, "run", partial(demo.run, pause_s=(0.1, 0.3)))
    settings = load(Settings, {"data": tmp_path / "demo.db", "demo": True})
    async with running(settings) as server:
        yield server
