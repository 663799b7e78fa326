from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from graphql_api.rethink.url import DatabaseURL
from tests.database_servers import DatabaseServer
from tests.server.client import Client, connected
from tests.server.database import Writer, writing
from tests.server.results import no_row_is_late
from tests.server.running import Running, running, settings_for

__all__ = ["no_row_is_late"]


@pytest.fixture
async def starbelly(database_server: DatabaseServer, database: DatabaseURL) -> DatabaseURL:
    """A new Starbelly database, with its tables and its two policies."""
    await database_server.create(database)
    return database


@pytest.fixture
async def server(starbelly: DatabaseURL) -> AsyncIterator[Running]:
    """The server of a new Starbelly database."""
    async with running(settings_for(starbelly)) as server:
        yield server


@pytest.fixture
async def client(server: Running) -> AsyncIterator[Client]:
    """A connection to the server."""
    async with connected(server.ws) as client:
        yield client


@pytest.fixture
async def writer(starbelly: DatabaseURL) -> AsyncIterator[Writer]:
    """A second program that writes to the server's database."""
    async with writing(starbelly) as writer:
        yield writer
