"""Consistency check: compares the rows of a feed with their table now and then.

It exists because a feed that has silently lost a change looks like a healthy one.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from itertools import islice
from typing import Any, Generic, TypeVar

from graphql_api.errors import DatabaseError, FeedLostError
from graphql_api.feeds.cache import WatchCache
from graphql_api.feeds.comparison import Comparison
from graphql_api.feeds.decoding import DocumentDecoder
from graphql_api.feeds.events import FeedStatus
from graphql_api.feeds.moving_window import MovingWindow
from graphql_api.feeds.source import Source
from graphql_api.feeds.table import FeedTable
from graphql_api.turns import Turns

RowT = TypeVar("RowT")

log = logging.getLogger(__name__)

_MAX_SUSPECTS = 1000
"""How many documents that differ are read a second time: one that still does is enough."""


class ConsistencyCheck(Generic[RowT]):
    """The self-check of one feed.

    Args:
        table: The table.
        source: Where its documents are read.
        cache: The rows that must be equal to them.
        decoder: Makes rows of documents.
        window: Which part of the table the cache holds.
        interval_s: How long to wait between two comparisons, in seconds; 0 for never.
        confirm_s: How long a change may take from the database to the cache: documents that differ
            are read again after it.
        make_turns: Divides long work into turns.
    """

    def __init__(
        self,
        table: FeedTable[RowT, Any],
        source: Source,
        cache: WatchCache[RowT, Any],
        *,
        decoder: DocumentDecoder[RowT],
        window: MovingWindow[RowT],
        interval_s: float,
        confirm_s: float,
        make_turns: Callable[[], Turns],
    ) -> None:
        self._table = table
        self._source = source
        self._cache = cache
        self._decoder = decoder
        self._window = window
        self._interval_s = interval_s
        self._confirm_s = confirm_s
        self._make_turns = make_turns
        self.checks = 0
        """How often the rows were compared with the table."""
        self.differences = 0
        """How many rows were found to differ; anything but 0 is a bug, here or in the database."""

    async def run(self) -> None:
        """Check at intervals, as long as the rows agree.

        Raises:
            FeedLostError: They do not.
        """
        while self._interval_s:
            await asyncio.sleep(self._interval_s)
            try:
                await self.check()
            except FeedLostError:
                raise
            except DatabaseError as error:
                log.info("table %s: no self-check: %s", self._table.name, error)

    async def check(self) -> None:
        """Check once, if the feed is READY.

        Raises:
            FeedLostError: The rows differ from the table.
            DatabaseError: The table cannot be read.
        """
        if self._cache.status is not FeedStatus.READY:
            return
        before = self._cache.position
        suspects = await self._suspects(before)
        if suspects:
            # A change may have been on its way here while the table was read; then it has come by
            # now, though the next one of the same document may be on its way.
            await asyncio.sleep(self._confirm_s + self._table.pace_s)
            suspects = await self._suspects(before, suspects)
        self.checks += 1
        if suspects:
            self.differences += len(suspects)
            log.warning(
                "table %s: %d documents differ from the database, such as %r; reading it again",
                self._table.name,
                len(suspects),
                suspects[0],
            )
            raise FeedLostError(f"table `{self._table.name}` differs from the database")

    async def _suspects(self, before: int, keys: list[str] | None = None) -> list[str]:
        """Which rows, of all or of some keys, differ and have not changed after a position."""
        comparison = Comparison(self._cache.rows, keys)
        stored = None if keys is None else self._decoder.stored_keys(keys)
        async with self._source.documents(self._table.name, stored, self._window.part) as documents:
            await comparison.read(documents, self._decoder, self._make_turns())
        changed = self._cache.changed_since(before)
        if changed is None:
            return []
        return list(islice((key for key in comparison if key not in changed), _MAX_SUSPECTS))
