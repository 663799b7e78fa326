from __future__ import annotations

import pytest

from tests.clients import npm
from tests.clients.program import PACKAGE
from tests.server.conftest import client, server, starbelly, writer

__all__ = ["client", "server", "starbelly", "writer"]


@pytest.fixture(scope="session")
def packages() -> None:
    """The npm packages that the client programs need."""
    npm.install(PACKAGE)


@pytest.fixture(scope="session")
def http_packages() -> None:
    """The npm packages that the programs of `http/` need."""
    npm.install(PACKAGE / "http")
