"""Reading and writing single documents, for clients' mutations."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, Final
from weakref import WeakValueDictionary

from rethinkdb.errors import ReqlInternalError, ReqlOpFailedError

from graphql_api.errors import DatabaseError, DatabaseUnavailableError, OutcomeUnknownError
from graphql_api.feeds.archive import ArchivePlace, Lookup, Outside, Spot, WantedValue
from graphql_api.feeds.depth import MAX_DEPTH, has_unread, pruned
from graphql_api.feeds.keys import Key
from graphql_api.feeds.part import TablePart
from graphql_api.feeds.table import Document
from graphql_api.rethink import archive
from graphql_api.rethink.database_connection import DEFAULT_TIMEOUTS, DatabaseConnection, Timeouts
from graphql_api.rethink.driver import RAW, r
from graphql_api.rethink.driver_errors import reason_of
from graphql_api.rethink.nodes import Nodes
from graphql_api.rethink.part import part_of
from graphql_api.rethink.pool import PooledDatabase
from graphql_api.rethink.query_names import Observe
from graphql_api.rethink.unread import kept_paths, unread_paths, without_paths
from graphql_api.rethink.url import DatabaseURL
from graphql_api.store import Rewrite, Run, Write, at_once

_CHANGED: Final = "graphql-api: the document has changed"
"""The error by which a write finds that somebody was faster."""

_MAX_TERM_DEPTH: Final = 2 * MAX_DEPTH
"""How deeply the driver may nest a term; its own limit, 20, is less than that of documents."""


class RethinkStore(PooledDatabase):
    """The documents of a RethinkDB database, as `graphql_api.store.Store`; a context manager.

    A write is tried for as long as a query may take, when others change the same document all the
    time.
    """

    def __init__(
        self,
        url: DatabaseURL,
        *,
        timeouts: Timeouts = DEFAULT_TIMEOUTS,
        nodes: Nodes | None = None,
        observe: Observe | None = None,
    ) -> None:
        super().__init__(url, timeouts=timeouts, nodes=nodes, observe=observe)
        self._turns: WeakValueDictionary[tuple[str, Key], asyncio.Lock] = WeakValueDictionary()

    async def get(self, table: str, key: Key) -> Document | None:
        """The document with a key, as it is stored; see `Store.get`."""
        row = self._row(table, key)
        return await self._pool.run(lambda connection: _read(connection, row))

    async def find(self, table: str, field: str, value: str) -> list[Document]:
        """The documents that have a value in a field, in no order; see `Store.find`."""
        rows = self.table(table).filter({field: value}).coerce_to("array")
        return await self._documents(rows)

    async def read(self, table: str, keys: Sequence[Key], part: TablePart) -> list[Document]:
        """The documents with some keys, or the part of them; see `Store.read`."""
        if not keys:
            return []
        rows = part_of(self.table(table).get_all(*keys), part).coerce_to("array")
        return await self._documents(rows)

    async def look_outside(self, outside: Outside, spot: Spot | None, *, limit: int) -> Lookup:
        """Look at some documents for those outside of a window; see `Store.look_outside`."""
        term = archive.look(self.table(outside.table), outside, spot, limit)
        documents = await self.run(term)
        return archive.parse_lookup(documents, outside, spot, limit)

    async def look_at_keys(self, outside: Outside, keys: Sequence[str]) -> list[ArchivePlace]:
        """Look at documents with some keys; see `Store.look_at_keys`."""
        term = archive.look_at_keys(self.table(outside.table), outside, keys)
        documents = await self.run(term)
        return archive.places(documents, outside)

    async def _documents(self, rows: Any) -> list[Document]:
        found: list[Document] = await self.run(rows)
        return [pruned(document) for document in found]

    async def delete_if(self, table: str, key: Key, wanted: WantedValue) -> bool:
        """Delete a document that meets a condition; see `Store.delete_if`."""
        return bool(await self._delete(archive.delete_if(self._row(table, key), wanted)))

    async def delete_some(self, table: str, index: str, first: str, *, limit: int) -> int:
        """Delete documents by an index of several fields; see `Store.delete_some`."""
        bounds = [first, r.minval], [first, r.maxval]
        rows = self.table(table).between(*bounds, index=index).limit(limit)
        return await self._delete(rows.delete())

    async def _delete(self, term: Any) -> int:
        result = await self._pool.run(lambda connection: _run_write(connection, term))
        if result["errors"]:
            raise DatabaseError(f"documents were not deleted: {reason_of(result)}")
        deleted: int = result["deleted"]
        return deleted

    async def write(self, table: str, key: Key, change: Rewrite, *, run: Run = at_once) -> Write:
        """Change the document with a key; see `Store.write`.

        What `change` makes is written on condition that the document is still the one it was made
        from, in one `replace`, which RethinkDB does atomically. If it is not, the same reply has
        the newer document, and it is tried again. Of several writes at once, one succeeds; those
        through this store wait for each other, instead of trying in vain.
        """
        clock = asyncio.get_running_loop().time
        give_up_at = clock() + self._timeouts.query_s
        row = self._row(table, key)

        async def written_on(connection: DatabaseConnection) -> Write:
            old = await _read(connection, row)
            while clock() < give_up_at:
                new = await run(partial(change, old))
                if _is_same(new, old):
                    return Write(old, new)
                result = await _replace(connection, row, old, new)
                (written,) = result["changes"]
                if not result["errors"]:
                    return Write(_pruned(written["old_val"]), _pruned(written["new_val"]))
                if result["first_error"] != _CHANGED:
                    reason = reason_of(result)
                    raise DatabaseError(f"a write to table `{table}` was refused: {reason}")
                old = _pruned(written["old_val"])
            raise DatabaseUnavailableError(
                f"a document of table `{table}` changed all the time for "
                f"{self._timeouts.query_s:g} s"
            )

        async with self._turn(table, key):
            return await self._pool.run(written_on)

    @asynccontextmanager
    async def _turn(self, table: str, key: Key) -> AsyncIterator[None]:
        """The time in which no other write to a document is made through this store.

        Raises:
            DatabaseUnavailableError: Others take too long.
        """
        turn = self._turns.setdefault((table, key), asyncio.Lock())
        try:
            async with asyncio.timeout(self._timeouts.query_s):
                await turn.acquire()
        except TimeoutError as error:
            raise DatabaseUnavailableError(
                f"others have been writing a document of table `{table}` all the time for "
                f"{self._timeouts.query_s:g} s"
            ) from error
        try:
            yield
        finally:
            turn.release()

    def _row(self, table: str, key: Key) -> Any:
        return self.table(table).get(key)


def _is_same(one: Document | None, other: Document | None) -> bool:
    """Whether two documents are equal in the database, where true is not 1 as it is in Python."""
    return one == other and json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)


async def _read(connection: DatabaseConnection, row: Any) -> Document | None:
    document: Document | None = await connection.run(row, **RAW)
    return _pruned(document)


def _pruned(document: Document | None) -> Document | None:
    return None if document is None else pruned(document)


async def _replace(
    connection: DatabaseConnection, row: Any, old: Document | None, new: Document | None
) -> Any:
    """The result of replacing a row by `new`, if it is `old`.

    What is nested too deeply to be read stays in the database: it is neither compared nor sent.

    Raises:
        DatabaseError: `new` has something of that kind in a list that is not the stored one.
    """
    unread = {} if old is None else unread_paths(old)
    kept = {} if old is None or new is None else kept_paths(unread, old, new)
    sent = new if not kept or new is None else without_paths(new, kept)
    if sent is not None and unread and has_unread(sent):
        raise DatabaseError("a list has an item that is nested too deeply to be written again")
    known = without_paths(old, unread) if unread and old is not None else old

    def replaced(stored: Any) -> Any:
        found = stored.without(unread) if unread else stored
        made = r.expr(sent, _MAX_TERM_DEPTH)
        made = made.merge(stored.pluck(kept)) if kept else made
        return r.branch(found.eq(r.expr(known, _MAX_TERM_DEPTH)), made, r.error(_CHANGED))

    term = row.replace(replaced, return_changes="always")
    return await _run_write(connection, term)


async def _run_write(connection: DatabaseConnection, term: Any) -> Any:
    """The result of a term that writes."""
    try:
        return await connection.run(term, **RAW)
    except DatabaseError as error:
        unavailable = isinstance(error, DatabaseUnavailableError)
        if isinstance(error.__cause__, ReqlInternalError) or (
            unavailable and not isinstance(error.__cause__, ReqlOpFailedError)
        ):
            raise OutcomeUnknownError(f"a write may or may not have been done: {error}") from error
        raise  # the server itself says that it was not done
