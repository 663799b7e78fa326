"""The base of sources that make their events of another source's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from graphql_api.feeds.subscription import EventSource


class DerivedSource(EventSource[Any]):
    """A source behind another one, with its pace; it closes the other one. A subclass pulls.

    Args:
        source: The other one.
    """

    def __init__(self, source: EventSource[Any]) -> None:
        self._source = source
        self._callback: Callable[[], None] | None = None
        self._has_own = False  # something to pull, besides what the other one has
        self.every_s = source.every_s

    def on_wake(self, callback: Callable[[], None] | None) -> None:
        """Call `callback` whenever there may be an event to pull after there was none."""
        self._callback = callback
        self._source.on_wake(None if callback is None else self._wake)

    @property
    def is_due(self) -> bool:
        """Whether `pull` may have something now."""
        return self._has_own or self._source.is_due

    @property
    def awaits_tick(self) -> bool:
        """Whether there is something that `release` would make due."""
        return self._source.awaits_tick

    def release(self) -> None:
        """Make due what there is: a tick has come."""
        self._source.release()

    def close(self) -> None:
        """Free everything."""
        self._source.close()

    def _wake(self) -> None:
        """Say that there may be more to pull."""
        if self._callback is not None:
            self._callback()
