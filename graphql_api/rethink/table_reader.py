"""Reading the documents of a table, apart from its feed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager

from graphql_api.errors import DatabaseUnavailableError
from graphql_api.feeds.keys import Key
from graphql_api.feeds.part import WHOLE, TablePart
from graphql_api.feeds.table import Document
from graphql_api.rethink.database_connection import DEFAULT_TIMEOUTS, Timeouts
from graphql_api.rethink.driver import RAW, r
from graphql_api.rethink.failover import serving
from graphql_api.rethink.nodes import Nodes
from graphql_api.rethink.part import part_of
from graphql_api.rethink.stream import RowStream, StreamEnd
from graphql_api.rethink.url import DatabaseURL

_MAX_BATCH_ROWS = 200


class TableReader:
    """Reads the tables of a RethinkDB database, each time over a connection of its own."""

    def __init__(
        self,
        url: DatabaseURL,
        *,
        timeouts: Timeouts = DEFAULT_TIMEOUTS,
        nodes: Nodes | None = None,
    ) -> None:
        self._url = url
        self._timeouts = timeouts
        self._nodes = nodes or Nodes()

    @asynccontextmanager
    async def documents(
        self, table: str, keys: Collection[Key] | None = None, part: TablePart = WHOLE
    ) -> AsyncIterator[AsyncIterator[Document]]:
        """Documents of a table, as they are stored, in no order: all, or those with some keys.

        It is no snapshot: RethinkDB reads shard by shard, and what is written during it may be in
        it or not. It takes at most `query_s` for each batch of rows, of which a few are in memory.

        Raises:
            DatabaseUnavailableError: No connection, it is lost, or the server does not answer.
            DatabaseRefusedError: Wrong credentials, or a permission is missing.
            TableMissingError: The database or the table does not exist.
            DatabaseError: Any other error that the server answers with.
        """
        term = r.db(self._url.database).table(table)
        if keys is not None:
            term = term.get_all(*keys)
        term = part_of(term, part)
        options = {**RAW, "max_batch_rows": _MAX_BATCH_ROWS}
        async with serving(
            self._url,
            lambda connection: connection.stream(term, **options),
            timeouts=self._timeouts,
            nodes=self._nodes,
        ) as stream:
            yield _Documents(table, stream, self._timeouts.query_s)

    async def read(self, table: str, keys: Collection[Key] | None = None) -> list[Document]:
        """The same as `documents`, all at once: for tables that are small."""
        async with self.documents(table, keys) as documents:
            return [document async for document in documents]


class _Documents:
    """The documents of one read, as they arrive."""

    def __init__(self, table: str, stream: RowStream, batch_timeout_s: float) -> None:
        self._table = table
        self._stream = stream
        self._batch_timeout_s = batch_timeout_s
        self._clock = asyncio.get_running_loop().time

    def __aiter__(self) -> _Documents:
        return self

    async def __anext__(self) -> Document:
        # From here on: the reader of the documents may be slow, and the database is not to blame.
        batch_by = self._clock() + self._batch_timeout_s
        while True:
            try:
                if self._stream.has_row():
                    document: Document = self._stream.take_nowait()
                    return document
            except StreamEnd:
                raise StopAsyncIteration from None
            if self._clock() >= batch_by:
                raise DatabaseUnavailableError(
                    f"no more rows of {self._table} within {self._batch_timeout_s:g} s"
                )
            await self._stream.wait(batch_by - self._clock())
