"""What the server's database holds, and a second program that writes behind its back."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from rethinkdb import RethinkDB

from graphql_api.embedded import EmbeddedServer
from graphql_api.rethink.init import initialise
from graphql_api.rethink.url import DatabaseURL
from graphql_api.tables import TABLES


class Writer:
    """An open connection, and `r` to write terms with."""

    def __init__(self, r: Any, connection: Any, database: str) -> None:
        self.r = r
        self._connection = connection
        self._database = database

    def database(self) -> Any:
        return self.r.db(self._database)

    def table(self, name: str) -> Any:
        return self.database().table(name)

    async def run(self, term: Any) -> Any:
        return await term.run(self._connection)

    async def insert(self, table: str, *documents: Any) -> None:
        """Write documents, in the place of those with the same keys."""
        result = await self.run(self.table(table).insert(list(documents), conflict="replace"))
        assert not result["errors"], result

    async def update(self, table: str, key: Any, patch: Any) -> None:
        result = await self.run(self.table(table).get(key).update(patch))
        assert result["replaced"] == 1, result

    async def nest(self, table: str, key: str, path: tuple[str, ...], levels: int) -> None:
        """Wrap a field in alternating arrays and objects, some at a time: no query is deep."""
        for start in range(0, levels, 50):
            wrapped = self._wrapped(path, min(50, levels - start))
            await self.update(table, key, wrapped)

    def _wrapped(self, path: tuple[str, ...], levels: int) -> Any:
        value = self.r.row
        for name in path:
            value = value[name]
        for level in range(levels):
            value = [value] if level % 2 else {"x": value}
        patch = self.r.literal(self.r.expr(value, 1000))
        for name in reversed(path):
            patch = {name: patch}
        return patch

    async def unnested(self, table: str, key: str, path: tuple[str, ...], levels: int) -> Any:
        """What `nest` has wrapped; unwrapped in the database, for the driver cannot read it."""
        value = self.r.row
        for name in path:
            value = value[name]
        for level in reversed(range(levels)):
            value = value[0] if level % 2 else value["x"]
            if level % 50 == 0:
                await self.update(table, key, {"unwrapped": self.r.literal(value)})
                value = self.r.row["unwrapped"]
        return await self.run(self.table(table).get(key)["unwrapped"])

    async def delete(self, table: str, key: Any) -> None:
        result = await self.run(self.table(table).get(key).delete())
        assert result["deleted"] == 1, result


@asynccontextmanager
async def writing(url: DatabaseURL) -> AsyncIterator[Writer]:
    """A connection of the official driver."""
    r: Any = RethinkDB()
    r.set_loop_type("asyncio")
    tls = {"ssl": {"ca_certs": url.ca_certs}} if url.ca_certs else {}
    connection = await r.connect(
        host=url.host, port=url.port, user=url.user, password=url.password, **tls
    )
    try:
        yield Writer(r, connection, url.database)
    finally:
        await connection.close(noreply_wait=False)


async def prepare_file(file: Path, *, password: str) -> None:
    """Make a data file of the embedded database: a new Starbelly database."""
    async with EmbeddedServer(file, password=password) as server:
        await initialise(
            DatabaseURL(server.host, server.port, "starbelly", password=password), TABLES
        )
