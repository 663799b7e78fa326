from __future__ import annotations

from tests.clients.conftest import http_packages, packages
from tests.server.conftest import server, starbelly, writer

__all__ = ["http_packages", "packages", "server", "starbelly", "writer"]
