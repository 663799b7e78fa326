"""The feeds of a server, one for each table."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar, cast

from graphql_api.feeds.feed import Feed
from graphql_api.feeds.table import FeedTable

RowT = TypeVar("RowT")
EventT = TypeVar("EventT")


class Feeds:
    """The feeds by their tables; `run` runs all of them.

    Args:
        tables: The tables to serve.
        make_feed: Makes the feed of one of them.

    Attributes:
        restored: Set once every feed has what was kept of it. A client that comes earlier with its
            cursor would begin again.
    """

    def __init__(
        self,
        tables: Iterable[FeedTable[Any, Any]],
        make_feed: Callable[[FeedTable[Any, Any]], Feed[Any, Any]],
    ) -> None:
        self._feeds = {table.name: make_feed(table) for table in tables}
        for feed in self._feeds.values():
            feed.follow_after(self._read_with(feed))
        self.restored = asyncio.Event()

    def _read_with(self, feed: Feed[Any, Any]) -> list[Feed[Any, Any]]:
        """The feeds whose rows are parts of a feed's, or parts of these."""
        found: dict[str, Feed[Any, Any]] = {}
        names = [*feed.table.depends_on]
        while names:
            name = names.pop()
            if name not in found and name in self._feeds:
                found[name] = self._feeds[name]
                names += found[name].table.depends_on
        found.pop(feed.table.name, None)
        return [*found.values()]

    def __getitem__(self, table: FeedTable[RowT, EventT]) -> Feed[RowT, EventT]:
        return cast("Feed[RowT, EventT]", self._feeds[table.name])

    def named(self, name: str) -> Feed[Any, Any]:
        """The feed of the table with a name, for a table whose file it must not import."""
        return self._feeds[name]

    def __iter__(self) -> Iterator[Feed[Any, Any]]:
        return iter(self._feeds.values())

    async def run(self) -> None:
        """Run every feed until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            for feed in self:
                tasks.create_task(feed.restore(), name=f"restore {feed.table.name}")
        self.restored.set()
        async with asyncio.TaskGroup() as tasks:
            for feed in self:
                tasks.create_task(feed.run(), name=f"feed {feed.table.name}")
