"""Writing single documents, for the sample data and the demo."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from graphql_api.errors import DatabaseError
from graphql_api.feeds.keys import Key
from graphql_api.log_feeds.source import LogLayout
from graphql_api.rethink.driver import r
from graphql_api.rethink.driver_errors import reason_of
from graphql_api.rethink.failover import connect
from graphql_api.rethink.nodes import Nodes
from graphql_api.rethink.url import DatabaseURL


class RethinkWriter:
    """Writes documents of a RethinkDB database, each over a connection of its own.

    Every call raises DatabaseError, or a kind of it, if it could not be done. When that is a
    DatabaseUnavailableError, it may have been done nevertheless.
    """

    def __init__(self, url: DatabaseURL) -> None:
        self._url = url
        self._nodes = Nodes()

    async def insert(self, table: str, document: Mapping[str, Any]) -> None:
        """Write a document, in the place of one with the same key. Times are aware datetimes."""
        await self._run(self._table(table).insert(dict(document), conflict="replace"))

    async def insert_all(self, table: str, documents: Sequence[Mapping[str, Any]]) -> None:
        """Write some documents, in the place of those with the same keys; see `insert`."""
        await self._run(self._table(table).insert([*map(dict, documents)], conflict="replace"))

    async def update(self, table: str, key: Key, patch: Mapping[str, Any]) -> bool:
        """Replace these fields of a document. Returns whether there is such a document."""
        result = await self._run(self._table(table).get(key).update(dict(patch)))
        return not result["skipped"]

    async def delete(self, table: str, key: Key) -> None:
        """Delete a document; that there is none is no error."""
        await self._run(self._table(table).get(key).delete())

    async def delete_partition(self, log: LogLayout, partition: str) -> None:
        """Delete the rows of one partition of a log, by its index."""
        bounds = [partition, r.minval], [partition, r.maxval]
        rows = self._table(log.table).between(*bounds, index=log.index)
        await self._run(rows.delete())

    def _table(self, name: str) -> Any:
        return r.db(self._url.database).table(name)

    async def _run(self, term: Any) -> dict[str, int]:
        async with connect(self._url, nodes=self._nodes) as connection:
            result: dict[str, Any] = await connection.run(term)
        if result["errors"]:
            raise DatabaseError(f"a write was refused: {reason_of(result)}")
        return result
