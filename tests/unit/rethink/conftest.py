from __future__ import annotations

import asyncio
import inspect
import logging
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from graphql_api.embedded import EmbeddedServer
from graphql_api.rethink.driver import r
from graphql_api.rethink.failover import connect
from graphql_api.rethink.url import DatabaseURL
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


@asynccontextmanager
async def _server(config: pytest.Config) -> AsyncIterator[DatabaseURL]:
    """The server that `--database` names, or an embedded one in this event loop.

    Not the session's embedded one, which has an event loop and sockets of its own: what a test
    leaves behind could not be distinguished from what that one has not closed yet.
    """
    if (named := config.getoption("--database")) is not None:
        yield DatabaseURL.parse(named)
        return

    async with EmbeddedServer(None) as server:
        url = DatabaseURL(server.host, server.port, "none")
        if config.getoption("--delayed"):
            async with delayed(url) as url:
                yield url
        else:
            yield url


@pytest.fixture
async def database(
    _leaves_nothing: None, request: pytest.FixtureRequest
) -> AsyncIterator[DatabaseURL]:
    """A database name that does not exist yet; what it comes to hold is dropped afterwards."""
    async with _server(request.config) as server:
        url = replace(server, database=f"test_{uuid.uuid4().hex[:12]}")
        yield url
        async with connect(url) as connection:
            if url.database in await connection.run(r.db_list()):
                await connection.run(r.db_drop(url.database))


@pytest.fixture
async def clock() -> LoopClock:
    """The clock of the test's event loop."""
    return LoopClock(asyncio.get_running_loop())
