"""A view of the feeds that records which of them are read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias, TypeVar, cast

from graphql_api.feeds.feed import Feed
from graphql_api.feeds.feeds import Feeds
from graphql_api.feeds.table import FeedTable

RowT = TypeVar("RowT")
EventT = TypeVar("EventT")

Positions: TypeAlias = Mapping[Feed[Any, Any], object]
"""Feeds, and where each stood."""


class ReadFeeds(Feeds):
    """The feeds, with a record of which of them are read, and of the position of each.

    A result that was made from them holds only as long as they stand there.
    """

    def __init__(self, feeds: Feeds) -> None:
        self._read = feeds
        super().__init__((), lambda _: cast("Any", None))
        self._positions: dict[Feed[Any, Any], object] = {}

    def take_positions(self) -> Positions:
        """The feeds that were read, and their positions then; the record begins again."""
        positions, self._positions = self._positions, {}
        return positions

    def __getitem__(self, table: FeedTable[RowT, EventT]) -> Feed[RowT, EventT]:
        feed = self._read[table]
        self._positions.setdefault(feed, feed.position)
        return feed

    def named(self, name: str) -> Feed[Any, Any]:
        """The feed of the table with a name, which is read by that."""
        feed = self._read.named(name)
        self._positions.setdefault(feed, feed.position)
        return feed

    def __iter__(self) -> Iterator[Feed[Any, Any]]:
        for feed in self._read:
            self._positions.setdefault(feed, feed.position)
            yield feed


def still_stand(positions: Positions) -> bool:
    """Whether feeds stand where they stood."""
    return all(feed.position == before for feed, before in positions.items())
