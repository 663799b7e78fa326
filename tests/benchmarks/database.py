"""The database, in a process of its own, and the one who writes to it."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from rethinkdb import RethinkDB

from graphql_api.rethink.init import initialise
from graphql_api.rethink.url import DatabaseURL
from graphql_api.tables import TABLES
from tests.benchmarks import documents
from tests.benchmarks.processes import running

_DATABASE = "starbelly"
_INSERTED_AT_ONCE = 500


@contextmanager
def database(named: str | None, cores: set[int] | None) -> Iterator[Database]:
    """A database with Starbelly's tables.

    Args:
        named: The URL of one that runs already, whose policies are lost; None starts one.
        cores: Where it runs.
    """
    if named is not None:
        with _connected(DatabaseURL.parse(named)) as it:
            yield it
        return
    command = [sys.executable, "-m", "graphql_api", "embedded", "--no-password"]
    with (
        running([*command, "--data", ":memory:", "--port", "0"], cores=cores) as program,
        _connected(DatabaseURL(program.host, program.port, _DATABASE)) as it,
    ):
        yield it


@contextmanager
def _connected(url: DatabaseURL) -> Iterator[Database]:
    asyncio.run(initialise(url, TABLES))
    r: Any = RethinkDB()
    with r.connect(
        host=url.host, port=url.port, user=url.user, password=url.password, db=url.database
    ) as connection:
        yield Database(url, r, connection)


class Database:
    """Where the documents are.

    Attributes:
        url: Its address.
        size: How many policies it has.
        writes: How many were written since it was filled.
    """

    def __init__(self, url: DatabaseURL, r: Any, connection: Any) -> None:
        self.url = url
        self.size = 0
        self.writes = 0
        self._r = r
        self._connection = connection
        self._table = r.table("policy")

    def fill(self, size: int) -> None:
        """Have this many policies and no others."""
        if self.size != size or self.writes:
            self._table.delete().run(self._connection)
            for start in range(0, size, _INSERTED_AT_ONCE):
                numbers = range(start, min(start + _INSERTED_AT_ONCE, size))
                self._insert([documents.policy(number) for number in numbers], noreply=False)
        self.size = size
        self.writes = 0

    def write(self, number: int = 1) -> None:
        """Write to the next documents in turn, without waiting for an answer."""
        first = self.writes + 1
        self.writes += number
        self._insert(
            [documents.policy(n % self.size, n) for n in range(first, first + number)],
            noreply=True,
        )

    def wait_for_writes(self) -> None:
        """Wait until all that was written without waiting for an answer is there."""
        self._connection.noreply_wait()

    def put(self, table: str, rows: list[documents.Document]) -> None:
        """Write documents to a table, in the place of those with the same keys."""
        for start in range(0, len(rows), _INSERTED_AT_ONCE):
            some = rows[start : start + _INSERTED_AT_ONCE]
            term = self._r.table(table).insert(some, conflict="replace", durability="soft")
            term.run(self._connection)

    def update(self, table: str, key: str, fields: documents.Document) -> None:
        """Change some fields of a document, without waiting for an answer."""
        term = self._r.table(table).get(key).update(fields, durability="soft")
        term.run(self._connection, noreply=True)

    @property
    def marker(self) -> bytes:
        """What the last write's message has in it."""
        return documents.marker(self.writes).encode()

    def _insert(self, rows: list[documents.Document], *, noreply: bool) -> None:
        term = self._table.insert(rows, conflict="replace", durability="soft")
        result = term.run(self._connection, noreply=noreply)
        if not noreply and result["errors"]:
            raise RuntimeError(f"the database refused a write: {result['first_error']}")
