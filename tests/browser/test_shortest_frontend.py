"""The page that the README shows: it lists a table, and the list stays equal to the table."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from http.server import ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from graphql_api.rethink.url import DatabaseURL
from tests.browser.browser_page import BrowserPage
from tests.clients.conftest import QuietHandler
from tests.clients.tcp_proxy import TCPProxy
from tests.documents import README, blocks
from tests.server.database import Writer
from tests.server.running import running, settings_for
from tests.unit.schema.documents import SCHEDULE

(PAGE,) = blocks(README, "html")
SERVER = "http://127.0.0.1:8000"


@pytest.fixture
def origin(tmp_path: Path) -> Iterator[str]:
    """Where the files of the test's directory are served, as `python3 -m http.server` does it."""
    handler = partial(QuietHandler, directory=tmp_path)
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


async def test_list_of_the_readme_equals_the_table_after_its_connection_is_lost(
    browser_page: BrowserPage,
    starbelly: DatabaseURL,
    writer: Writer,
    origin: str,
    tmp_path: Path,
) -> None:
    await writer.run(writer.table("schedule").delete())
    await writer.insert("schedule", SCHEDULE | {"job_count": 1}, SCHEDULE | {"id": "s2"})
    items = browser_page.expect("#list li")
    async with (
        running(settings_for(starbelly, allow_origin=(origin,))) as server,
        TCPProxy(server.host, server.port) as proxy,
    ):
        assert SERVER in PAGE
        page = PAGE.replace(SERVER, f"http://{proxy.host}:{proxy.port}")
        (tmp_path / "index.html").write_text(page, encoding="utf-8")
        await browser_page.page.goto(origin)
        await items.to_have_count(2)
        await writer.update("schedule", "s1", {"job_count": 2})
        await browser_page.expect("#list li", "Nightly: 2 jobs").to_have_count(1)

        proxy.cut_now()
        await writer.run(writer.table("schedule").get("s2").delete())
        await writer.update("schedule", "s1", {"schedule_name": "Weekly"})
        await items.to_have_text(["Weekly: 2 jobs"])
        assert proxy.connections > 1
        await browser_page.page.goto("about:blank")
