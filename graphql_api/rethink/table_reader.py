"""Reading the documents of a table, apart from its feed."""

from __future__ import annotations

import asyncio
from collections.abc import Collection

from graphql_api.errors import DatabaseUnavailableError
from graphql_api.feeds.table import Document
from graphql_api.rethink.connection import DEFAULT_TIMEOUTS, StreamEnd, Timeouts, connect
from graphql_api.rethink.driver import RAW, r
from graphql_api.rethink.url import DatabaseURL

_MAX_BATCH_ROWS = 200


class TableReader:
    """Reads the tables of a RethinkDB database, each time over a connection of its own."""

    def __init__(self, url: DatabaseURL, *, timeouts: Timeouts = DEFAULT_TIMEOUTS) -> None:
        self._url = url
        self._timeouts = timeouts

    async def read(self, table: str, keys: Collection[str] | None = None) -> list[Document]:
        """Documents of a table, as they are stored, in no order: all, or those with some keys.

        It is no snapshot: RethinkDB reads shard by shard, and what is written meanwhile may be in
        it or not. It takes at most `query_s` for each batch of rows.

        Raises:
            DatabaseUnavailableError: No connection, it is lost, or the server does not answer.
            DatabaseRefusedError: Wrong credentials, or a permission is missing.
            TableMissingError: The database or the table does not exist.
            DatabaseError: Any other error that the server answers with.
        """
        clock = asyncio.get_running_loop().time
        term = r.db(self._url.database).table(table)
        if keys is not None:
            term = term.get_all(*keys)
        options = {**RAW, "max_batch_rows": _MAX_BATCH_ROWS}
        documents: list[Document] = []
        async with (
            connect(self._url, timeouts=self._timeouts) as connection,
            connection.stream(term, **options) as stream,
        ):
            batch_by = clock() + self._timeouts.query_s
            while True:
                try:
                    if stream.has_row():
                        documents.append(stream.take_nowait())
                        batch_by = clock() + self._timeouts.query_s
                        continue
                except StreamEnd:
                    return documents
                if clock() >= batch_by:
                    raise DatabaseUnavailableError(
                        f"no more rows of {table} within {self._timeouts.query_s:g} s"
                    )
                await stream.wait(batch_by - clock())
