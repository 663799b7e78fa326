"""Every reason for which a feed is not ready, brought about for real."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from graphql_api.rethink.init import initialise
from graphql_api.rethink.url import DatabaseURL
from graphql_api.tables import TABLES
from tests.server.database import writing
from tests.server.lost_changes import CAUSES, lost_changes
from tests.server.running import Running, running, settings_for, until_ready

PASSWORD = "a wrong word"
"""Is said nowhere."""


@dataclass(frozen=True)
class Reason:
    """Why the feed of policies is not ready.

    Attributes:
        begin: A server with such a feed, made of a database that does not exist yet, a port at
            which nothing listens, and settings.
        said: What `Feed.problem` contains; `{database}` and `{port}` are those of `begin`.
        said_to_all: What it contains for those who may not read the table; the same, if absent.
        status: The feed's.
    """

    begin: Callable[..., AbstractAsyncContextManager[Running]]
    said: str
    said_to_all: str | None = None
    status: str = "INITIALIZING"


@asynccontextmanager
async def _no_connection(
    database: DatabaseURL, port: int, **settings: Any
) -> AsyncIterator[Running]:
    url = DatabaseURL("127.0.0.1", port, database.database, password=PASSWORD)
    async with running(settings_for(url, **settings)) as server:
        yield server


@asynccontextmanager
async def _missing_database(
    database: DatabaseURL, port: int, **settings: Any
) -> AsyncIterator[Running]:
    async with running(settings_for(database, **settings)) as server:
        yield server


@asynccontextmanager
async def _wrong_password(
    database: DatabaseURL, port: int, **settings: Any
) -> AsyncIterator[Running]:
    url = replace(database, password=PASSWORD)
    async with running(settings_for(url, **settings)) as server:
        yield server


@asynccontextmanager
async def _missing_table(
    database: DatabaseURL, port: int, **settings: Any
) -> AsyncIterator[Running]:
    await initialise(database, TABLES)
    await _drop(database)
    async with running(settings_for(database, **settings)) as server:
        yield server


@asynccontextmanager
async def _dropped_table(
    database: DatabaseURL, port: int, **settings: Any
) -> AsyncIterator[Running]:
    await initialise(database, TABLES)
    async with running(settings_for(database, **settings)) as server:
        await until_ready(server)
        await _drop(database)
        yield server


async def _drop(database: DatabaseURL) -> None:
    async with writing(database) as writer:
        await writer.run(writer.r.db(database.database).table_drop("policy"))


@asynccontextmanager
async def _lost_changes(
    cause: str, database: DatabaseURL, port: int, **settings: Any
) -> AsyncIterator[Running]:
    async with lost_changes(cause, **settings) as server:
        yield server


_NO_TABLE = "the table {database}.policy does not exist; `graphql-api init` creates it"

REASONS = {
    "no connection": Reason(
        _no_connection, "no connection to 127.0.0.1:{port}", "the database cannot be reached"
    ),
    "missing database": Reason(
        _missing_database, "the database {database} does not exist; `graphql-api init` creates it"
    ),
    "missing table": Reason(_missing_table, _NO_TABLE),
    "wrong password": Reason(
        _wrong_password, "Wrong password", "the database refuses this server's user or password"
    ),
    "dropped table": Reason(_dropped_table, _NO_TABLE, status="STALE"),
    **{
        cause: Reason(partial(_lost_changes, cause), said, status="STALE")
        for cause, (said, *_) in CAUSES.items()
    },
}
"""By what each is called in the tests."""
