from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest

from graphql_api.embedded import EmbeddedServer
from graphql_api.rethink.url import DatabaseURL
from tests.database_servers import DatabaseServer, EmbeddedDatabaseServer
from tests.delays import delayed
from tests.fault.clock import LoopClock
from tests.unit.rethink.leaks import nothing_left_behind


@pytest.fixture(autouse=True)
async def _leaves_nothing(
    request: pytest.FixtureRequest, caplog: pytest.LogCaptureFixture
) -> AsyncIterator[None]:
    if not inspect.iscoroutinefunction(request.function):
        yield
        return
    async with nothing_left_behind():
        yield
    # What does not end is logged; see DatabaseConnection.
    assert "graphql_api.rethink.database_connection" not in {
        record.name for record in caplog.get_records("call") if record.levelno >= logging.WARNING
    }


@pytest.fixture
async def database_server(
    _leaves_nothing: None, request: pytest.FixtureRequest
) -> AsyncIterator[DatabaseServer]:
    """The server that `--database` names, or an embedded one in this event loop.

    Not the session's embedded one, which has an event loop and sockets of its own: what a test
    leaves behind could not be distinguished from what that one has not closed yet.
    """
    if (named := request.config.getoption("--database")) is not None:
        yield DatabaseServer(DatabaseURL.parse(named))
        return

    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(EmbeddedServer(None))
        url = DatabaseURL(server.host, server.port, "none")
        if request.config.getoption("--delayed"):
            url = await stack.enter_async_context(delayed(url))
        yield EmbeddedDatabaseServer(url, server)


@pytest.fixture
async def database(database_server: DatabaseServer) -> AsyncIterator[DatabaseURL]:
    """A database that does not exist yet; it is dropped afterwards."""
    url = database_server.new_name()
    yield url
    database_server.drop(url)


@pytest.fixture
async def clock() -> LoopClock:
    """The clock of the test's event loop."""
    return LoopClock(asyncio.get_running_loop())
