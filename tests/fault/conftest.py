from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from graphql_api.rethink.url import DatabaseURL
from tests.database_servers import DatabaseServer
from tests.fault.proxy import Proxy
from tests.server.results import no_row_is_late
from tests.unit.rethink.conftest import _leaves_nothing, clock, database, database_server

__all__ = ["_leaves_nothing", "clock", "database", "database_server", "no_row_is_late"]


@pytest.fixture
async def starbelly(database_server: DatabaseServer, database: DatabaseURL) -> DatabaseURL:
    """A new Starbelly database, with its tables and its two policies."""
    await database_server.create(database)
    return database


@pytest.fixture
async def proxy(database: DatabaseURL) -> AsyncIterator[Proxy]:
    """A proxy in front of the database's server."""
    async with Proxy(database.host, database.port) as proxy:
        yield proxy
