"""The interface of the cache, as its subscribers use it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol, TypeVar

from graphql_api.feeds.events import FeedStatus, Point, Version
from graphql_api.feeds.history import History
from graphql_api.feeds.merge import Merges
from graphql_api.feeds.recent import RecentItems
from graphql_api.feeds.view import Bundle, Event, FilterView

RowT = TypeVar("RowT")
EventT = TypeVar("EventT")


class SubscribedCache(Protocol[RowT, EventT]):
    """Interface of the cache, as its subscribers use it."""

    status: FeedStatus
    history: History[RowT]
    merges: Merges[RowT, EventT]
    bundles: RecentItems[Bundle]
    merged_changes: int

    @property
    def point(self) -> Point:
        """Where the last change has led to."""

    aged_position: int
    """Cursors that name an earlier position are about to leave the history."""
    prior: Point
    """Where the feed was before the last change."""

    @property
    def rows(self) -> Mapping[str, Version[RowT]]:
        """The rows by key."""

    def keys(self) -> tuple[str, ...]:
        """The keys of all rows in order."""

    def initial_event(self, version: Version[RowT]) -> Event[EventT]:
        """The Added(INITIAL) event of a row."""

    def state_event(self, status: FeedStatus, cursor: str | None = None) -> Event[EventT]:
        """The event for a status; without a cursor for what comes before a snapshot."""

    def next_event(
        self, view: FilterView[RowT, EventT], after: int, until: int
    ) -> tuple[int, Event[EventT] | None]:
        """The first event of a view in the stretch (after, until], and where it is."""
