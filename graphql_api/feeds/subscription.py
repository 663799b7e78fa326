"""A subscriber as an async iterator: what a GraphQL subscription resolver returns."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable
from typing import Any, Generic, Self, TypeVar

from graphql_api.feeds.cache import WatchCache
from graphql_api.feeds.table import Filter
from graphql_api.feeds.view import Bundle, Event

EventT = TypeVar("EventT")
EventT_co = TypeVar("EventT_co", covariant=True)

_EVENTS_IN_A_ROW = 32
"""How many events one subscription hands out before the event loop has its turn."""


class EventSource(ABC, Generic[EventT_co]):
    """A source of events, which gives equal subscriptions the same event objects.

    What a source with a pace has is of two kinds. Some of it is due: `pull` gives it at once. The
    rest awaits a tick: `release` makes it due.
    """

    every_s: float = 0.0
    """The least time between two ticks, in seconds; 0 for a source of which everything is due."""
    is_whole: bool = False
    """Whether each event takes the place of the one before it."""
    counts_due: bool = False
    """Whether what is due counts for the pace, too: the next tick comes `every_s` after it."""

    @abstractmethod
    def pull(self) -> Event[Any] | None:
        """The next event if there is one; otherwise None, and `on_wake` is called once there is.

        Raises:
            StopAsyncIteration: There are no more events.
        """

    @abstractmethod
    def on_wake(self, callback: Callable[[], None] | None) -> None:
        """Call `callback` whenever there may be an event to pull after there was none."""

    def bundle(self) -> Bundle | None:
        """The events that `pull` would give next, if other subscribers are sent the same ones."""
        return None

    def take(self, bundle: Bundle) -> None:
        """Go on behind a bundle, as if `pull` had given each of its events."""
        raise NotImplementedError("this source has no bundles")

    @property
    def is_due(self) -> bool:
        """Whether `pull` may have something now."""
        return True

    @property
    def awaits_tick(self) -> bool:
        """Whether there is something that `release` would make due."""
        return False

    def release(self) -> None:
        """Make due what there is: a tick has come."""

    def bookmark(self) -> None:
        """Send the newest cursor; does nothing where cursors do not age."""

    @abstractmethod
    def close(self) -> None:
        """Free everything."""


class FeedSource(EventSource[EventT], AsyncIterator[EventT]):
    """A source that can be iterated over, too: what a GraphQL subscription resolver returns.

    It is registered when it is made, and until `close` (or `aclose`, or the end of the context):
    no task, no queue and no lock belong to it. At most one `__anext__` at a time. Cancelling one
    loses nothing.

    A loop that serves many of them calls `pull` instead, whenever `on_wake` says so.
    """

    def __init__(self) -> None:
        # Only for those who iterate: there are many who do not.
        self._woken: asyncio.Event | None = None
        self._callback: Callable[[], None] | None = None
        self._in_a_row = 0
        self._is_closed = False

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
            event = self.pull()
            if event is not None:
                self._in_a_row += 1
                value: EventT = event.value
                return value
            self._in_a_row = 0
            if self.awaits_tick:
                await asyncio.sleep(self.every_s)
                self.release()
            elif woken.is_set():
                await asyncio.sleep(0)  # there is more history to look through
            else:
                await woken.wait()
        raise StopAsyncIteration

    def on_wake(self, callback: Callable[[], None] | None) -> None:
        """Call `callback` whenever there may be an event to pull; it must only take note."""
        self._callback = callback

    def close(self) -> None:
        """Unregister at once; a waiting `__anext__` ends the iteration."""
        self._is_closed = True
        self._unregister()
        self._wake()

    @abstractmethod
    def _unregister(self) -> None:
        """Leave the feed; nothing happens the second time."""

    async def aclose(self) -> None:
        """The same as `close`, as async iterators have it."""
        self.close()

    def _wake(self) -> None:
        """Say that there may be something to pull, or the end."""
        if self._woken is not None:
            self._woken.set()
        if self._callback is not None:
            self._callback()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.close()


class Subscription(FeedSource[EventT]):
    """The events of one subscriber, without end.

    With a pace its changes merge, and each tick makes them a batch. Its statuses, its first rows
    and what it resumes from await no tick.

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
        every_s: float = 0.0,
    ) -> None:
        super().__init__()
        self.every_s = every_s
        self._cache = cache
        self._subscriber = cache.subscribe(
            where,
            include_initial=include_initial,
            since=since,
            in_batches=every_s > 0,
            wake=self._wake,
        )

    def pull(self) -> Event[EventT] | None:
        """The next event if there is one; otherwise None, and `on_wake` is called once there is."""
        return None if self._is_closed else self._subscriber.pull()

    def bundle(self) -> Bundle | None:
        """The events that the next calls of `pull` would return, if they wait as a bundle."""
        return self._subscriber.bundle()

    def take(self, bundle: Bundle) -> None:
        """Go on behind the events of a bundle, as if each had been pulled."""
        self._subscriber.take(bundle)

    def on_wake(self, callback: Callable[[], None] | None) -> None:
        """Call `callback` whenever there may be an event to pull after there was none.

        It is called instead of waking the task that waits for `__anext__`.
        It must only take note: it is called in the middle of the fan-out of a change.
        """
        self._subscriber.wake = self._wake if callback is None else callback

    @property
    def is_due(self) -> bool:
        """Whether `pull` may have something now."""
        return self._subscriber.is_due

    @property
    def awaits_tick(self) -> bool:
        """Whether there is something that `release` would make due."""
        return self._subscriber.awaits_tick

    def release(self) -> None:
        """Make a batch of the changes that have merged."""
        self._subscriber.release()

    def bookmark(self) -> None:
        """Send a status with the newest cursor, if the client holds the table as of now."""
        self._subscriber.bookmark()

    def _unregister(self) -> None:
        self._cache.unsubscribe(self._subscriber)
        self._subscriber.wake = _wake_nothing  # so that both are freed without a search for cycles


def _wake_nothing() -> None:
    """There is nothing to be woken any more."""
