"""A source of events that gives what there is now and then, instead of at once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable
from typing import Any, Final

from graphql_api.feeds.derived import Derived
from graphql_api.feeds.subscription import EventSource
from graphql_api.feeds.view import Event

_EVENTS_AT_ONCE: Final = 256


class Paced(Derived):
    """The events of a source: all that there are, then none for a while; of each key the last one.

    Args:
        source: The source, which it closes.
        interval_s: How long it waits after it has given all that there was.
        key: What an event is about.
    """

    def __init__(
        self, source: EventSource[Any], interval_s: float, key: Callable[[Event[Any]], Hashable]
    ) -> None:
        super().__init__(source)
        self._interval_s = interval_s
        self._key = key
        self._batch: dict[Hashable, Event[Any]] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._has_given = False
        self._is_woken = False

    def pull(self) -> Event[Any] | None:
        """As in `EventSource`."""
        if self._timer is not None:
            return None
        if not self._batch:
            self._collect()
        if self._batch:
            self._has_given = True
            return self._batch.pop(next(iter(self._batch)))
        if self._has_given and self._interval_s and not self._is_woken:
            self._has_given = False
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(self._interval_s, self._go_on)
        return None

    def close(self) -> None:
        """As in `EventSource`."""
        if self._timer is not None:
            self._timer.cancel()
        super().close()

    def _collect(self) -> None:
        self._is_woken = False
        for _ in range(_EVENTS_AT_ONCE):
            event = self._source.pull()
            if event is None:
                return
            key = self._key(event)
            self._batch.pop(key, None)
            self._batch[key] = event

    def _go_on(self) -> None:
        self._timer = None
        self._wake()

    def _wake(self) -> None:
        self._is_woken = True
        if self._timer is None:
            super()._wake()
