from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from graphql_api.rethink.init import initialise
from graphql_api.rethink.url import DatabaseURL
from graphql_api.tables import TABLES
from tests.fault.proxy import Proxy
from tests.unit.rethink.conftest import _leaves_nothing, clock, database

__all__ = ["_leaves_nothing", "clock", "database"]


@pytest.fixture
async def starbelly(database: DatabaseURL) -> DatabaseURL:
    """A new Starbelly database, with its tables and its two policies."""
    await initialise(database, TABLES)
    return database


@pytest.fixture
async def proxy(database: DatabaseURL) -> AsyncIterator[Proxy]:
    """A proxy in front of the database's server."""
    async with Proxy(database.host, database.port) as proxy:
        yield proxy
