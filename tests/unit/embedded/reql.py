"""Runs queries of the driver on the embedded database's core, without a network."""

from __future__ import annotations

from typing import Any

from rethinkdb import RethinkDB

from graphql_api.embedded import deep
from graphql_api.embedded.catalog import Catalog
from graphql_api.embedded.changefeed import Changefeed
from graphql_api.embedded.errors import ReqlError
from graphql_api.embedded.frames import parse_query
from graphql_api.embedded.permissions import Access
from graphql_api.embedded.query import AtomResult, Result, StreamResult, run_query
from graphql_api.embedded.storage import open_storage
from graphql_api.embedded.terms.indexes import build_index

r = RethinkDB()
NOW = 1_700_000_000.123


def _build(part: Any) -> Any:
    """A part of a query as the driver would encode it."""
    return part.build()


class Reql:
    """A database `test` with a table `t`.

    Attributes:
        user: The name of the user whose queries are run.
    """

    def __init__(self) -> None:
        self.user = "admin"
        self.catalog = Catalog(open_storage(None), build_index)
        self.catalog.prepare("")
        self.catalog.create_table(self.catalog.database("test"), "t", "id", "hard")

    async def run(self, query: Any, **optargs: Any) -> Any:
        """Run a query of the driver, or the JSON of a term; a stream is read to its end."""
        result = await self._result(query, optargs)
        if isinstance(result, AtomResult):
            return result.value
        return list(result.stream.rows())

    async def feed(self, query: Any) -> Changefeed:
        """Open the changefeed of a query; what comes after `changes` is left out."""
        result = await self._result(query, {})
        assert isinstance(result, StreamResult)
        assert result.stream.source is not None
        feed = result.stream.source.make()
        feed.open()
        return feed

    async def _result(self, query: Any, optargs: dict[str, Any]) -> Result:
        parsed = parse_query(1, deep.dumps([1, query, optargs], _build))
        return await run_query(
            parsed, self.catalog, NOW, Access(self.user, self.catalog.permissions)
        )

    async def error(self, query: Any, **optargs: Any) -> ReqlError:
        """Run a query that fails, and return the error."""
        try:
            result = await self.run(query, **optargs)
        except ReqlError as error:
            return error
        raise AssertionError(f"no error but {result!r}")

    async def message(self, query: Any, **optargs: Any) -> str:
        return (await self.error(query, **optargs)).message

    def close(self) -> None:
        self.catalog.close()
