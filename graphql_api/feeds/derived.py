"""The base of sources that make their events of another source's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from graphql_api.feeds.subscription import EventSource


class Derived(EventSource[Any]):
    """A source behind another one, which it wakes with and closes; a subclass pulls.

    Args:
        source: The other one.
    """

    def __init__(self, source: EventSource[Any]) -> None:
        self._source = source
        self._callback: Callable[[], None] | None = None

    def on_wake(self, callback: Callable[[], None] | None) -> None:
        """As in `EventSource`."""
        self._callback = callback
        self._source.on_wake(None if callback is None else self._wake)

    def close(self) -> None:
        """As in `EventSource`."""
        self._source.close()

    def _wake(self) -> None:
        """There may be more."""
        if self._callback is not None:
            self._callback()
