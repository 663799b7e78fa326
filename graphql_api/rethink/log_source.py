"""Insert-only tables of RethinkDB, read by their index of partition and sequence."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final, Self

from graphql_api.feeds.depth import pruned
from graphql_api.feeds.source import DocumentChange, SourceReady
from graphql_api.feeds.table import Document
from graphql_api.log_feeds.source import MAX_SEQUENCE, Batch, LogLayout
from graphql_api.rethink.changefeed import DEFAULT_SETTINGS, ChangefeedSettings, follow
from graphql_api.rethink.driver import r
from graphql_api.rethink.nodes import Nodes
from graphql_api.rethink.pool import PooledDatabase
from graphql_api.rethink.query_names import Observe
from graphql_api.rethink.url import DatabaseURL

_MAX_BATCH_ROWS: Final = 500
"""In one reply of a changefeed: many writers insert faster than replies of fewer rows come."""


class RethinkLogSource(PooledDatabase):
    """A RethinkDB database as a `graphql_api.log_feeds.source.LogSource`; a context manager.

    Args:
        url: The database.
        settings: How changefeeds are read; reads have their time limits.
        nodes: What is known of the database's nodes.
        observe: Surrounds each query, but for changefeeds; see `ConnectionPool`.
    """

    def __init__(
        self,
        url: DatabaseURL,
        settings: ChangefeedSettings = DEFAULT_SETTINGS,
        *,
        nodes: Nodes | None = None,
        observe: Observe | None = None,
    ) -> None:
        super().__init__(url, timeouts=settings.timeouts, nodes=nodes, observe=observe)
        self._settings = settings

    @asynccontextmanager
    async def inserts(
        self, log: LogLayout, partition: str
    ) -> AsyncIterator[AsyncIterator[Document]]:
        """The rows that are inserted from now on; see `LogSource.inserts`."""
        term = self._between(log, partition, r.minval, r.maxval).changes(
            include_states=True,
            include_types=True,
            squash=False,
            changefeed_queue_size=self._settings.database_queue_size,
        )
        settings = self._settings.model_copy(update={"max_batch_rows": _MAX_BATCH_ROWS})
        async with follow(self._url, term, settings, self._nodes) as changes:
            async for change in changes:
                if isinstance(change, SourceReady):
                    break
            yield _Inserts(log, changes)

    async def read(
        self, log: LogLayout, partition: str, *, after: int, upto: int, limit: int, whole: bool
    ) -> Batch:
        """Rows above one sequence, up to another one; see `LogSource.read`."""
        rows = self._between(log, partition, after, upto, left_bound="open", right_bound="closed")
        rows = rows.order_by(index=log.index)
        if not whole:
            rows = rows.pluck(log.key)
        while True:
            found: list[Document] = await self.run(rows.limit(limit).coerce_to("array"))
            fitting = [pruned(row) for row in found if _has_sequence(log, row)]
            if len(found) < limit:
                return Batch(fitting, upto, is_last=True)
            reached = int(found[-1][log.key])
            if reached > after:
                return Batch(fitting, reached, is_last=False)
            limit *= 4  # so many have fractions

    async def head(self, log: LogLayout, partition: str) -> int | None:
        """The highest sequence; see `LogSource.head`."""
        rows = self._between(log, partition, 0, MAX_SEQUENCE, right_bound="closed")
        term = rows.order_by(index=r.desc(log.index)).limit(1).pluck(log.key).coerce_to("array")
        found = await self.run(term)
        return int(found[0][log.key]) if found else None

    async def rows(self, log: LogLayout, sequences: Collection[int]) -> Sequence[Document]:
        """The rows with these sequences; see `LogSource.rows`."""
        if not sequences:
            return []
        found = await self.run(self.table(log.table).get_all(*sequences).coerce_to("array"))
        return [pruned(document) for document in found]

    async def owners(self, log: LogLayout, partitions: Collection[str]) -> Mapping[str, Document]:
        """The owners of some partitions; see `LogSource.owners`."""
        if not partitions:
            return {}
        owners = self.table(log.owner).get_all(*partitions).pluck("id", *log.owner_fields)
        found = await self.run(owners.coerce_to("array"))
        return {document["id"]: pruned(document) for document in found}

    def _between(self, log: LogLayout, partition: str, after: Any, upto: Any, **bounds: str) -> Any:
        return self.table(log.table).between(
            [partition, after], [partition, upto], index=log.index, **bounds
        )


class _Inserts:
    """The rows that a changefeed sends."""

    def __init__(
        self, log: LogLayout, changes: AsyncIterator[DocumentChange | SourceReady]
    ) -> None:
        self._log = log
        self._changes = changes

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Document:
        while True:
            change = await anext(self._changes)
            document = None if isinstance(change, SourceReady) else change.new
            if document is not None and _has_sequence(self._log, document):
                return pruned(document)


def _has_sequence(log: LogLayout, document: Document) -> bool:
    """Whether a row's sequence is a whole number that a double holds exactly."""
    sequence = document.get(log.key)
    if type(sequence) is float:
        return sequence.is_integer() and 0 <= sequence <= MAX_SEQUENCE
    return type(sequence) is int and 0 <= sequence <= MAX_SEQUENCE
