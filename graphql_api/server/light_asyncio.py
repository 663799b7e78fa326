"""asyncio's Queue and Event, small enough to have one for each of many thousand idle sockets.

asyncio's hold four deques and one, and an empty deque takes three quarters of a kilobyte.
"""

from __future__ import annotations

import asyncio
from typing import Generic, TypeVar

ItemT = TypeVar("ItemT")


class LightQueue(Generic[ItemT]):
    """An unbounded queue with one reader, like `asyncio.Queue`."""

    __slots__ = ("_items", "_reader")

    def __init__(self) -> None:
        self._items: list[ItemT] = []
        self._reader: asyncio.Future[None] | None = None

    def empty(self) -> bool:
        """Whether there is nothing to get."""
        return not self._items

    def put_nowait(self, item: ItemT) -> None:
        """Add something at the end."""
        self._items.append(item)
        if self._reader is not None and not self._reader.done():
            self._reader.set_result(None)

    async def get(self) -> ItemT:
        """Take what is first, as soon as there is something; at most one call at a time."""
        while not self._items:
            self._reader = asyncio.get_running_loop().create_future()
            try:
                await self._reader
            finally:
                self._reader = None
        return self._items.pop(0)


class LightEvent:
    """A flag to wait for, like `asyncio.Event`."""

    __slots__ = ("_is_set", "_waiters")

    def __init__(self) -> None:
        self._is_set = False
        self._waiters: list[asyncio.Future[None]] | None = None

    def is_set(self) -> bool:
        """Whether nobody has to wait."""
        return self._is_set

    def set(self) -> None:
        """Let everybody go on, and nobody wait from now on."""
        self._is_set = True
        waiters, self._waiters = self._waiters, None
        for waiter in waiters or ():
            if not waiter.done():
                waiter.set_result(None)

    def clear(self) -> None:
        """Let everybody wait from now on."""
        self._is_set = False

    async def wait(self) -> bool:
        """Go on once the flag is set, or has been meanwhile."""
        if not self._is_set:
            waiter = asyncio.get_running_loop().create_future()
            self._waiters = [*(self._waiters or ()), waiter]
            await waiter
        return True
