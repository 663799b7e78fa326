"""The window of a feed as time passes: which rows are outside of it, and which leave it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import Any, Generic, TypeVar

from graphql_api.feeds.cache import WatchCache
from graphql_api.feeds.events import FeedStatus
from graphql_api.feeds.part import Edge, TablePart
from graphql_api.feeds.table import FeedTable
from graphql_api.turns import Turns

RowT = TypeVar("RowT")


class MovingWindow(Generic[RowT]):
    """The part of its table that a feed holds at the moment.

    RethinkDB looks at the clock once for each changefeed. So the feed itself lets go of the rows
    that grow too old for its window.

    Args:
        table: Has the window, or none: then no row is outside.
        cache: Holds the rows.
        clock: Returns the time.
        make_turns: Divides long work into turns.
    """

    def __init__(
        self,
        table: FeedTable[RowT, Any],
        cache: WatchCache[RowT, Any],
        *,
        clock: Callable[[], datetime],
        make_turns: Callable[[], Turns],
    ) -> None:
        self._table = table
        self._window = table.window
        self._cache = cache
        self._clock = clock
        self._make_turns = make_turns
        self.edge: Edge | None = None
        """The edge of the window that is held; None if all rows are."""

    def begin(self) -> None:
        """Move the edge to where it is now: a changefeed is about to be opened."""
        window = self._window
        self.edge = None if window is None else Edge(window.field, window.edge(self._clock()))

    @property
    def part(self) -> TablePart:
        """The part of the table that is asked for."""
        return TablePart(self._table.without, self._table.pace_s, self.edge)

    def is_outside(self, row: RowT) -> bool:
        """Whether a row is too old to be held."""
        window, edge = self._window, self.edge
        return window is not None and edge is not None and window.time(row) < edge.since_s

    async def age_out(self, remove: Callable[[str], None]) -> None:
        """Remove rows that are now too old for the window; the database sends no change then.

        Args:
            remove: Removes the row with a key; its document stays.
        """
        window = self._window
        if window is None:
            return
        turns = self._make_turns()
        while True:
            await asyncio.sleep(window.look_s)
            if self.edge is None or self._cache.status is FeedStatus.INITIALIZING:
                continue
            # A clock that is put back lets nothing in again: the next changefeed does.
            since_s = max(self.edge.since_s, window.edge(self._clock()))
            self.edge = self.edge._replace(since_s=since_s)
            while (key := self._cache.first_outside(since_s)) is not None:
                remove(key)
                await turns.take()
