from __future__ import annotations

import socket
from collections.abc import AsyncIterator, Iterator

import pytest

from graphql_api.rethink.init import initialise
from graphql_api.rethink.url import DatabaseURL
from graphql_api.tables import TABLES
from tests.server.client import Client, connected
from tests.server.database import Writer, writing
from tests.server.running import Running, running, settings_for


@pytest.fixture
async def starbelly(database: DatabaseURL) -> DatabaseURL:
    """A new Starbelly database, with its tables and its two policies."""
    await initialise(database, TABLES)
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


@pytest.fixture
def reserved_port() -> Iterator[int]:
    """A loopback port that refuses connections, until the test has something listen there.

    The system gives it to no other program: to none that listens on any port, and to no connection,
    which, if it tries again and again to reach that very port, could even become one to itself.
    """
    with socket.socket() as holder:
        # Others may listen where this one is only bound, if they set this as well; servers do.
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        holder.bind(("127.0.0.1", 0))
        port: int = holder.getsockname()[1]
        yield port
