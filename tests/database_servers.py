"""The RethinkDB in which tests have databases of their own: the embedded one, or a named one."""

from __future__ import annotations

import asyncio
import copy
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AsyncExitStack, contextmanager
from dataclasses import replace
from functools import cache
from typing import Any
from uuid import uuid4

from rethinkdb import RethinkDB

from graphql_api.embedded import EmbeddedServer
from graphql_api.embedded.catalog import Catalog
from graphql_api.embedded.stored_table import Database, StoredTable
from graphql_api.rethink.init import initialise
from graphql_api.rethink.url import DatabaseURL
from graphql_api.tables import TABLES
from tests.delays import delayed


class DatabaseServer:
    """A RethinkDB.

    Args:
        url: Where it is, with any name of a database.
    """

    def __init__(self, url: DatabaseURL) -> None:
        self._url = url

    def new_name(self) -> DatabaseURL:
        """A database that does not exist yet."""
        return replace(self._url, database=f"test_{uuid4().hex}")

    async def create(self, url: DatabaseURL) -> None:
        """Make a database a new one of Starbelly's, with its tables and its two policies."""
        await initialise(url, TABLES)

    def drop(self, url: DatabaseURL) -> None:
        """Drop a database, if it exists."""
        r: Any = RethinkDB()
        tls = {"ssl": {"ca_certs": url.ca_certs}} if url.ca_certs else {}
        with r.connect(
            host=url.host, port=url.port, user=url.user, password=url.password, **tls
        ) as connection:
            if url.database in r.db_list().run(connection):
                r.db_drop(url.database).run(connection)


class EmbeddedDatabaseServer(DatabaseServer):
    """An embedded one. What `initialise` makes by seventy queries is copied in its memory.

    Args:
        url: Where it is, with any name of a database.
        server: It runs.
        call: Calls a function in the event loop of the server, and returns when it is done.
    """

    def __init__(
        self,
        url: DatabaseURL,
        server: EmbeddedServer,
        call: Callable[[Callable[[], None]], None] = lambda function: function(),
    ) -> None:
        super().__init__(url)
        self._server = server
        self._call = call

    @property
    def _catalog(self) -> Catalog:
        catalog = self._server._catalog
        assert catalog is not None, "the server runs"
        return catalog

    async def create(self, url: DatabaseURL) -> None:
        database = Database(str(uuid4()), url.database)
        for table in _new_tables():
            database.tables[table.name] = replace(
                table,
                id=str(uuid4()),
                database=url.database,
                documents=copy.deepcopy(table.documents),
                indexes=dict(table.indexes),
                changefeeds={},
                orders={},
            )
        self._call(lambda: self._catalog.databases.update({database.name: database}))

    def drop(self, url: DatabaseURL) -> None:
        def drop() -> None:
            if url.database in self._catalog.databases:
                self._catalog.drop_database(url.database)

        self._call(drop)


@cache
def _new_tables() -> tuple[StoredTable, ...]:
    """The tables of a new Starbelly database; nothing follows them."""

    async def made() -> tuple[StoredTable, ...]:
        async with EmbeddedServer(None) as server:
            await initialise(DatabaseURL(server.host, server.port, "starbelly"), TABLES)
            assert server._catalog is not None
            return (*server._catalog.databases["starbelly"].tables.values(),)

    with ThreadPoolExecutor(1) as thread:  # the one that asks may have a loop that runs
        return thread.submit(lambda: asyncio.run(made())).result()


@contextmanager
def embedded_in_thread(*, password: str, is_delayed: bool) -> Iterator[DatabaseServer]:
    """An embedded server on an event loop of its own, as if it were another process.

    A test that blocks its own loop, or that has none, meets the same database as the others.
    """
    started: Future[tuple[asyncio.AbstractEventLoop, asyncio.Event, DatabaseURL, EmbeddedServer]]
    started = Future()

    async def serve() -> None:
        stop = asyncio.Event()
        async with AsyncExitStack() as stack:
            server = await stack.enter_async_context(EmbeddedServer(None, password=password))
            url = DatabaseURL(server.host, server.port, "none", password=password)
            if is_delayed:
                url = await stack.enter_async_context(delayed(url))
            started.set_result((asyncio.get_running_loop(), stop, url, server))
            await stop.wait()

    def run() -> None:
        try:
            asyncio.run(serve())
        except BaseException as error:
            if started.done():
                raise
            started.set_exception(error)

    thread = threading.Thread(target=run, name="embedded database")
    thread.start()
    loop, stop, url, server = started.result()

    def call(function: Callable[[], None]) -> None:
        async def called() -> None:
            function()

        asyncio.run_coroutine_threadsafe(called(), loop).result()

    try:
        yield EmbeddedDatabaseServer(url, server, call)
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()
