"""Changefeeds of RethinkDB as the source of a table's feed."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from graphql_api.errors import DatabaseError, DatabaseRefusedError, FeedLostError
from graphql_api.feeds.part import WHOLE, TablePart
from graphql_api.feeds.source import DocumentChange, SourceReady
from graphql_api.rethink.database_connection import DEFAULT_TIMEOUTS, DatabaseConnection, Timeouts
from graphql_api.rethink.driver import RAW, r
from graphql_api.rethink.failover import serving
from graphql_api.rethink.heartbeat import Heartbeat
from graphql_api.rethink.nodes import Nodes
from graphql_api.rethink.part import part_of
from graphql_api.rethink.stream import RowStream, StreamEnd
from graphql_api.rethink.table_reader import TableReader
from graphql_api.rethink.url import DatabaseURL
from graphql_api.settings.database import DatabaseSettings


class ChangefeedSettings(DatabaseSettings):
    """The settings for the database, and how changefeeds are read.

    Reading the whole table has a time limit, `database_ready_timeout_s`: `ready` can be late, or
    never come, after the queue has overflowed during that read. A connection that died silently is
    noticed within `database_heartbeat_s`: after half of it without a word the server is asked for
    its name, and has the other half to answer. Of a reader that is behind the server queues
    `database_queue_size` changes, and then drops them all.

    Attributes:
        timeouts: Those of the feed's connection.
        max_batch_rows: How many rows the server may put in one reply. A reply is decoded in one
            go, in which the event loop does nothing else: 100 changes of policies take 1 ms, the
            full mebibyte that a server sends at most would take 5 ms and more.
    """

    timeouts: Timeouts = DEFAULT_TIMEOUTS
    max_batch_rows: int = 100


DEFAULT_SETTINGS = ChangefeedSettings()


class RethinkSource(TableReader):
    """A RethinkDB database as a `graphql_api.feeds.source.Source`.

    Each changefeed has a connection of its own: what ends one ends no other.
    """

    def __init__(
        self,
        url: DatabaseURL,
        settings: ChangefeedSettings = DEFAULT_SETTINGS,
        *,
        nodes: Nodes | None = None,
    ) -> None:
        super().__init__(url, timeouts=settings.timeouts, nodes=nodes)
        self._settings = settings

    @asynccontextmanager
    async def changes(
        self, table: str, part: TablePart = WHOLE
    ) -> AsyncIterator[AsyncIterator[DocumentChange | SourceReady]]:
        """One changefeed of a table, with its initial documents, until the context is left.

        As `Source.changes` says, and: documents are as they are stored, pseudo-types included.
        Cancelling `__anext__` loses nothing; the next call goes on. Leaving the context ends an
        `__anext__` that waits in another task with StopAsyncIteration.

        Yields:
            Every document of the table, `SourceReady`, and changes without end.

        Raises:
            DatabaseUnavailableError: No connection, it is lost, or the server does not answer.
            DatabaseRefusedError: Wrong credentials, or a permission is missing.
            TableMissingError: The database or the table does not exist.
            FeedLostError: The changefeed ended, skipped changes, or is not ready in time.
        """
        term = part_of(r.db(self._url.database).table(table), part).changes(
            include_initial=True,
            include_states=True,
            include_types=True,
            squash=part.pace_s or False,
            changefeed_queue_size=self._settings.database_queue_size,
        )
        table_id = r.db(self._url.database).table(table).info()["id"]
        async with follow(self._url, term, self._settings, self._nodes, table_id) as changes:
            yield changes


@asynccontextmanager
async def follow(
    url: DatabaseURL, term: Any, settings: ChangefeedSettings, nodes: Nodes, table_id: Any = None
) -> AsyncIterator[AsyncIterator[DocumentChange | SourceReady]]:
    """One changefeed over a connection of its own, until the context is left.

    Args:
        url: The database.
        term: What it follows; with states and types.
        settings: How it is read.
        nodes: What is known of the database's nodes.
        table_id: Answers with the table's UUID, for `SourceReady.names`.

    Raises:
        DatabaseError: As from `RethinkSource.changes`, also while it is read.
    """
    options = {**RAW, "max_batch_rows": settings.max_batch_rows}

    @asynccontextmanager
    async def ask(connection: DatabaseConnection) -> AsyncIterator[_Changes]:
        async with connection.stream(term, **options) as stream:
            # After the changefeed: as long as that lives, the table has not been dropped.
            names = None if table_id is None else await _names(url, connection, table_id)
            yield _Changes(connection, stream, settings, names)

    async with serving(url, ask, timeouts=settings.timeouts, nodes=nodes) as changes:
        yield changes


async def _names(
    url: DatabaseURL, connection: DatabaseConnection, table_id: Any
) -> tuple[str, ...] | None:
    """The database and the id of a table; None if the user may not know them."""
    try:
        return url.database, str(await connection.run(table_id))
    except DatabaseRefusedError:
        return None


class _Changes:
    """The events of one changefeed.

    There is no task behind it: the heartbeat beats while `__anext__` waits, which is when it is
    needed.
    """

    def __init__(
        self,
        connection: DatabaseConnection,
        stream: RowStream,
        settings: ChangefeedSettings,
        names: tuple[str, ...] | None,
    ) -> None:
        self._stream = stream
        self._names = names
        self._clock = asyncio.get_running_loop().time
        self._heartbeat = Heartbeat(
            connection, within_s=settings.database_heartbeat_s, clock=self._clock
        )
        self._ready_timeout_s = settings.database_ready_timeout_s
        self._ready_by = self._clock() + settings.database_ready_timeout_s

    def __aiter__(self) -> _Changes:
        return self

    async def __anext__(self) -> DocumentChange | SourceReady:
        try:
            while (event := _event(await self._next_row())) is None:
                pass
        except StreamEnd:
            if self._stream.closed:
                raise StopAsyncIteration from None
            raise FeedLostError("the server has ended the changefeed") from None
        except DatabaseError as error:
            if type(error) is DatabaseError:
                raise FeedLostError(f"the changefeed has ended: {error}") from error
            raise
        if isinstance(event, SourceReady):
            self._ready_by = math.inf
            return SourceReady(self._names)
        return event

    async def _next_row(self) -> Any:
        while True:
            # Also while rows abound: live changes come without end before a late `ready`.
            if self._clock() >= self._ready_by:
                raise FeedLostError(f"the feed is not ready within {self._ready_timeout_s:g} s")
            if self._stream.has_row():
                self._heartbeat.note_arrival()
                return self._stream.take_nowait()
            self._heartbeat.check()
            wake_at = min(self._heartbeat.wake_at, self._ready_by)
            await self._stream.wait(wake_at - self._clock(), *self._heartbeat.answers)


def _event(row: Any) -> DocumentChange | SourceReady | None:
    """The event of a row of a changefeed with states and types; none for `initializing`."""
    match row:
        case {"type": "state", "state": "initializing"}:
            return None
        case {"type": "state", "state": "ready"}:
            return SourceReady()
        case {"type": "initial" | "uninitial" | "add" | "remove" | "change"}:
            # An initial row has no old_val, an uninitial one no new_val; null is no document too.
            return DocumentChange(old=row.get("old_val"), new=row.get("new_val"))
        case {"error": str(reason)}:
            # The queue has overflowed: changes are missing here, and the feed just goes on.
            raise FeedLostError(f"the changefeed has a gap: {reason}")
        case _:
            raise FeedLostError("the changefeed holds a row of an unknown kind")
