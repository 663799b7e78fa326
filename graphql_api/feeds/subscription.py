"""A subscriber as an async iterator: what a GraphQL subscription resolver returns."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, Generic, Self, TypeVar

from graphql_api.feeds.cache import WatchCache
from graphql_api.feeds.table import Filter
from graphql_api.feeds.view import Event

EventT = TypeVar("EventT")
EventT_co = TypeVar("EventT_co", covariant=True)

_EVENTS_IN_A_ROW = 32
"""How many events one subscription hands out before the event loop has its turn."""


class EventSource(ABC, Generic[EventT_co]):
    """A source of events, which gives equal subscriptions the same event objects."""

    @abstractmethod
    def pull(self) -> Event[Any] | None:
        """The next event if there is one; otherwise None, and `on_wake` is called once there is.

        Raises:
            StopAsyncIteration: There are no more events.
        """

    @abstractmethod
    def on_wake(self, callback: Callable[[], None] | None) -> None:
        """Have `callback` called whenever there may be an event to pull after there was none."""

    def bookmark(self) -> None:
        """Have the newest cursor sent; nothing to do where cursors do not age."""

    @abstractmethod
    def close(self) -> None:
        """Free everything."""


class Subscription(EventSource[EventT]):
    """The events of one subscriber, without end.

    It is registered when it is made, and until `close` (or `aclose`, or the end of the context):
    no task, no queue and no lock belong to it. At most one `__anext__` at a time. Cancelling one
    loses nothing.

    A loop that serves many of them calls `pull` instead, whenever `on_wake` says so.

    Raises:
        BadCursorError: `since` is not a cursor.
    """

    def __init__(
        self,
        cache: WatchCache[Any, EventT],
        where: Filter[Any] | None,
        *,
        include_initial: bool,
        since: str | None,
    ) -> None:
        self._cache = cache
        # Only for those who iterate: there are many who do not.
        self._woken: asyncio.Event | None = None
        self._in_a_row = 0
        self._is_closed = False
        self._subscriber = cache.subscribe(
            where, include_initial=include_initial, since=since, wake=self._wake
        )

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> EventT:
        if self._in_a_row == _EVENTS_IN_A_ROW:
            self._in_a_row = 0
            await asyncio.sleep(0)
        woken = self._woken
        if woken is None:
            woken = self._woken = asyncio.Event()
        while not self._is_closed:
            woken.clear()
            event = self._subscriber.pull()
            if event is not None:
                self._in_a_row += 1
                return event.value
            self._in_a_row = 0
            if woken.is_set():
                await asyncio.sleep(0)  # there is more history to look through
            else:
                await woken.wait()
        raise StopAsyncIteration

    def pull(self) -> Event[EventT] | None:
        """The next event if there is one; otherwise None, and `on_wake` is called once there is."""
        return None if self._is_closed else self._subscriber.pull()

    def on_wake(self, callback: Callable[[], None] | None) -> None:
        """Have `callback` called whenever there may be an event to pull after there was none.

        It is called instead of waking the task that waits for `__anext__`.
        It must only take note: it is called in the middle of the fan-out of a change.
        """
        self._subscriber.wake = self._wake if callback is None else callback

    def bookmark(self) -> None:
        """Send a status with the newest cursor, if the client holds the table as of now."""
        self._subscriber.bookmark()

    def close(self) -> None:
        """Unregister at once; a waiting `__anext__` ends the iteration."""
        self._is_closed = True
        self._cache.unsubscribe(self._subscriber)
        self._wake()

    async def aclose(self) -> None:
        """The same, for those who close async iterators."""
        self.close()

    def _wake(self) -> None:
        if self._woken is not None:
            self._woken.set()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.close()
