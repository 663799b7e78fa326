"""A paced source: all that there is, of each key the last, and then nothing for a while."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any

from graphql_api.feeds.paced import Paced
from graphql_api.feeds.subscription import EventSource
from graphql_api.feeds.view import Event
from tests.patience import LONGEST_S


class Numbers(EventSource[Any]):
    """Events of numbers, that a test puts."""

    def __init__(self) -> None:
        self._events: deque[Event[Any]] = deque()
        self._callback: Callable[[], None] | None = None
        self.is_closed = False

    def put(self, *numbers: int) -> None:
        self._events.extend(map(Event, numbers))
        if self._callback is not None:
            self._callback()

    def pull(self) -> Event[Any] | None:
        return self._events.popleft() if self._events else None

    def on_wake(self, callback: Callable[[], None] | None) -> None:
        self._callback = callback

    def close(self) -> None:
        self.is_closed = True


def paced(interval_s: float) -> tuple[Numbers, Paced, list[None]]:
    """A source, paced by the last digit of its numbers, and how often it has woken."""
    numbers, wakes = Numbers(), list[None]()
    source = Paced(numbers, interval_s, lambda event: event.value % 10)
    source.on_wake(lambda: wakes.append(None))
    return numbers, source, wakes


def pulled(source: Paced) -> list[int]:
    found = []
    while (event := source.pull()) is not None:
        found.append(event.value)
    return found


async def test_last_event_of_each_key_is_given_and_the_next_ones_wait() -> None:
    numbers, source, wakes = paced(0.01)
    numbers.put(1, 2, 11, 3)
    assert pulled(source) == [2, 11, 3]
    woken = len(wakes)
    numbers.put(4, 14)
    assert pulled(source) == []
    assert len(wakes) == woken  # it is not asked while it waits
    async with asyncio.timeout(LONGEST_S):
        while len(wakes) == woken:
            await asyncio.sleep(0)
    assert pulled(source) == [14]


async def test_without_an_interval_nothing_waits() -> None:
    numbers, source, _ = paced(0)
    for number in range(3):
        numbers.put(number)
        assert pulled(source) == [number]


async def test_close_leaves_no_timer() -> None:
    numbers, source, _ = paced(3600)
    numbers.put(1)
    assert pulled(source) == [1]
    source.close()
    assert numbers.is_closed
    assert not [handle for handle in _timers() if not handle.cancelled()]


def _timers() -> list[Any]:
    loop: Any = asyncio.get_running_loop()
    return list(loop._scheduled)
