"""A follower as a source of events: what a GraphQL subscription resolver returns."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, Protocol

from graphql_api.errors import NotFoundError
from graphql_api.feeds.subscription import FeedSource
from graphql_api.feeds.view import Event
from graphql_api.log_feeds import cursor as cursors
from graphql_api.log_feeds.cursor import Cursor, LogPlace
from graphql_api.log_feeds.partition import Partition

_ROWS_AT_ONCE: Final = 200
"""How many rows of other kinds are passed before others have their turn."""

_FRESH_S: Final = 240
"""How long an event may be given to others: what is made of it may hold links that expire."""


class FollowerRegistry(Protocol):
    """Interface of what makes subscriptions, such as `LogFeeds`.

    Attributes:
        rows_sent: How many rows all its subscriptions have been given.
    """

    rows_sent: int

    @property
    def epoch_s(self) -> Callable[[], float]:
        """Returns the time of day, in seconds since 1970."""

    def release(self, partition: Partition[Any]) -> None:
        """Note that a follower has left a partition."""


class LogSubscription(FeedSource[Any]):
    """The events of one follower, until the partition is complete.

    Args:
        registry: Ends the partition with its last follower.
        partition: What it follows.
        digest: What stands for the partition in cursors.
        kinds: The kinds that it wants, a bit for each.
        place: From where it goes on.
        words: What people call the owner of the partition.
    """

    def __init__(
        self,
        registry: FollowerRegistry,
        partition: Partition[Any],
        digest: bytes,
        *,
        kinds: int,
        place: LogPlace,
        words: str,
    ) -> None:
        super().__init__()
        self._registry = registry
        self._partition = partition
        self._digest = digest
        self._kinds = kinds
        self._given = place
        self._words = words
        self._is_accepted = False
        self._follower = partition.follow(place, self._wake)

    def pull(self) -> Event[Any] | None:
        """The next event if there is one; otherwise None, and `on_wake` is called once there is.

        Raises:
            NotFoundError: There is no such partition.
            StopAsyncIteration: There is no more, and nothing can come.
        """
        partition, follower = self._partition, self._follower
        if self._is_closed or (partition.owner is None and not partition.is_gone):
            return None
        if partition.is_gone:
            if self._is_accepted:
                raise StopAsyncIteration
            raise NotFoundError(f"there is no {self._words} {partition.key!r}")
        self._is_accepted = True
        for _ in range(_ROWS_AT_ONCE):
            sequence = follower.next()
            if sequence is None and follower.wants_page:
                if partition.read_page(follower):
                    continue
                return None
            if sequence is None:
                self._wait()
                return None
            held = partition.rows.get(sequence)
            if held is None:
                partition.read_rows(
                    [
                        each
                        for each in follower.coming(partition.rows.rows_at_once)
                        if partition.rows.get(each) is None
                    ]
                )
                return None
            follower.pass_row()
            if held.row is not None and held.kind & self._kinds:
                place = partition.place_of(follower, self._given)
                key = (self._kinds, place, self._registry.epoch_s() // _FRESH_S)
                event = held.event(key)
                if event is None:
                    cursor = Cursor(self._digest, self._kinds, place, sequence)
                    event = Event(partition.log.added(held.row, cursors.encode(cursor)))
                    partition.rows.keep(sequence, key, event)
                self._registry.rows_sent += 1
                return event
        self._wake()  # there is more to pass
        return None

    def _unregister(self) -> None:
        self._partition.leave(self._follower)
        self._registry.release(self._partition)

    def _wait(self) -> None:
        """Ask for more rows, for the window has no more; end if there can be none."""
        if self._partition.is_complete_for(self._follower):
            raise StopAsyncIteration
        self._partition.ask_for_more()
