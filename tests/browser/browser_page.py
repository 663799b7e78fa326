"""A page in Chromium, and what it did: what it requested, and what went wrong in it."""

from __future__ import annotations

import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from tests.proxies import Proxied
from tests.server.running import Running

if TYPE_CHECKING:
    from playwright.async_api import ConsoleMessage, Locator, Page
    from playwright.async_api._generated import LocatorAssertions

WAIT_MS = 60_000
"""How long a test waits for what must come; it fails then."""
ARGUMENTS = [
    "--no-sandbox",  # Chromium's own needs rights that root in a container has not
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-quic",
    "--disable-sync",
    "--hide-scrollbars",
    "--no-first-run",
    "--no-proxy-server",
    # No name but this machine's is looked up, whatever a page asks for.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1",
]


@dataclass
class BrowserPage:
    """A page that shares nothing with those before it, and has visited nothing.

    Attributes:
        page: Playwright's.
        requests: The URLs of all requests, those for WebSockets and of workers among them.
        problems: The errors of its console, among them breaches of its Content-Security-Policy and
            answers such as 404, and the exceptions that it did not catch.
        warnings: The warnings of its console.
    """

    page: Page
    requests: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def find(self, selector: str, text: str | None = None) -> Locator:
        """What a selector selects, if there is a text only such as holds it."""
        return self.page.locator(selector, has_text=text)

    def expect(self, selector: str, text: str | None = None) -> LocatorAssertions:
        """Playwright's assertions on that, which wait until they hold."""
        from playwright.async_api import expect

        return expect(self.find(selector, text))

    async def expect_title(self, title: str) -> None:
        """Its title becomes this."""
        from playwright.async_api import expect

        await expect(self.page).to_have_title(title)

    def assert_local(self, server: Running | Proxied) -> None:
        """It has requested something of this server, and nothing of any other host."""
        hosts = {urlsplit(url).netloc for url in self.requests if urlsplit(url).netloc}
        assert hosts == {f"{server.host}:{server.port}"}, self.requests

    def assert_well(self) -> None:
        """Nothing has gone wrong in it."""
        assert not self.problems, self.problems

    def _on_console(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.problems.append(f"{message.text} ({message.location['url']})")
        elif message.type == "warning":
            self.warnings.append(message.text)


@contextmanager
def chromium_running(program: Path, directory: Path) -> Iterator[str]:
    """Chromium, for as many pages as there are; its URL, by which they are opened.

    Args:
        program: Where Chromium is.
        directory: An empty one, for what it keeps.
    """
    with (directory / "log").open("w+") as log:
        data = f"--user-data-dir={directory / 'data'}"
        command = [str(program), "--headless", "--remote-debugging-port=0", data, *ARGUMENTS]
        with subprocess.Popen(command, stdout=log, stderr=log) as process:
            try:
                yield _debugging_url(process, directory)
            finally:
                process.terminate()


def _debugging_url(process: subprocess.Popen[bytes], directory: Path) -> str:
    until = time.monotonic() + WAIT_MS / 1000
    while process.poll() is None and time.monotonic() < until:
        with suppress(FileNotFoundError, ValueError):
            port, path = (directory / "data/DevToolsActivePort").read_text().split()
            return f"ws://127.0.0.1:{port}{path}"
        time.sleep(0.02)
    raise AssertionError((directory / "log").read_text())


@asynccontextmanager
async def browser_page_in(chromium: str, *, trusts_all: bool = False) -> AsyncIterator[BrowserPage]:
    """A page in a Chromium that runs, which forgets it when the context ends.

    Args:
        chromium: Chromium's URL.
        trusts_all: Whether it takes any certificate.
    """
    from playwright.async_api import async_playwright, expect

    expect.set_options(timeout=WAIT_MS)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.connect_over_cdp(chromium)
        context = await browser.new_context(
            locale="en-GB", timezone_id="UTC", ignore_https_errors=trusts_all
        )
        context.set_default_timeout(WAIT_MS)
        try:
            page = BrowserPage(await context.new_page())
            context.on("request", lambda request: page.requests.append(request.url))
            page.page.on("websocket", lambda socket: page.requests.append(socket.url))
            context.on("console", page._on_console)
            context.on("weberror", lambda error: page.problems.append(str(error.error)))
            yield page
        finally:
            await context.close()
