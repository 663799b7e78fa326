from __future__ import annotations

from tests.browser.conftest import browser_page, chromium
from tests.server.conftest import client, server, starbelly, writer

__all__ = ["browser_page", "chromium", "client", "server", "starbelly", "writer"]
