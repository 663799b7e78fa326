"""Write barrier: waits until a feed has seen a write, so that its author's next query shows it.

A changefeed sends every change with the documents before and after it, and those of one document in
their order. So a write is seen when a change with the same two documents has been applied, even if
the next change has replaced it already. A changefeed that was opened after the write does not send
it; it is seen then with the snapshot that is served.

A changefeed with a pace merges the changes of a document: a write may be a part of one change, of
which only the last document is sent. So there it is seen by what it has made, or by the time: once
the pace has passed, the database has sent everything that it had merged the write with.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Collection, Container, Iterator
from contextlib import contextmanager
from typing import TypeAlias

from graphql_api.feeds.depth import pruned
from graphql_api.feeds.part import left_out
from graphql_api.feeds.table import Document

Transition: TypeAlias = tuple[Document | None, Document | None]
"""A document before and after a change."""

_ARRIVAL_S = 0.2
"""How long after its pace a change may take to arrive."""

_MAX_TRANSITIONS = 1000
"""How many changes of one document are remembered for a write that has not been answered yet. If
there are more, its own may be forgotten; then its author waits in vain, for a limited time."""


class WriteBarrier:
    """The writes to one table that mutations wait for.

    The reflector calls `begin` before a changefeed is opened, `saw` for each document that comes,
    and `serve` when queries see the snapshot. From then on they see each change, too.

    Args:
        pace_s: The pace of the feed's changefeeds, in seconds; 0 for none.
        without: The stored fields that they leave out.
    """

    def __init__(self, *, pace_s: float = 0.0, without: Collection[str] = ()) -> None:
        self.pace_s = pace_s
        self._without = without
        self._expected: dict[str, list[ExpectedWrite]] = {}
        self._changefeeds = 0
        self._is_serving = False

    @contextmanager
    def expect(self, key: str) -> Iterator[ExpectedWrite]:
        """Record the changes of a document from now on; call it before the write."""
        write = ExpectedWrite(self)
        writes = self._expected.setdefault(key, [])
        writes.append(write)
        try:
            yield write
        finally:
            writes.remove(write)
            if not writes:
                del self._expected[key]

    @property
    def changefeeds(self) -> int:
        """How many changefeeds have been opened."""
        return self._changefeeds

    @property
    def is_serving(self) -> bool:
        """Whether queries see what the changefeed sends."""
        return self._is_serving

    def comparable(self, document: Document | None) -> Document | None:
        """A document as a changefeed sends it, without what is nested too deeply to compare."""
        return None if document is None else pruned(left_out(document, self._without))

    def begin(self) -> None:
        """Note that a changefeed is about to be opened."""
        self._changefeeds += 1
        self._is_serving = False
        for writes in self._expected.values():
            for write in writes:
                write.unserved.clear()

    def saw(self, key: str, old: Document | None, new: Document | None) -> None:
        """Note that a document has been sent: initially, without `old`, or because it changed."""
        writes = self._expected.get(key)
        if not writes:
            return
        transition = (self.comparable(old), self.comparable(new))
        for write in writes:
            write.unserved.append(transition)
            if self._is_serving:
                write.serve()

    def serve(self, keys: Container[str]) -> None:
        """Note that queries see what has been sent: these keys, and no others."""
        self._is_serving = True
        for key, writes in self._expected.items():
            for write in writes:
                write.serve_snapshot(self._changefeeds, is_there=key in keys)


class ExpectedWrite:
    """The write of one document, as a feed sees it; `WriteBarrier.expect` makes one."""

    def __init__(self, barrier: WriteBarrier) -> None:
        self._barrier = barrier
        self._transitions: deque[Transition] = deque(maxlen=_MAX_TRANSITIONS)
        self._write: Transition | None = None
        self._not_before = 0
        self._seen = asyncio.Event()
        self.unserved: deque[Transition] = deque(maxlen=_MAX_TRANSITIONS)
        """What has been sent, and is not yet what queries see."""

    async def is_seen(self, old: Document | None, new: Document | None, timeout_s: float) -> bool:
        """Wait until a write is seen.

        Call it as soon as the database has answered: a changefeed that is opened later includes
        the write.

        Args:
            old: The document that the write has replaced.
            new: What it has replaced it by.
            timeout_s: How long to wait.

        Returns:
            Whether it is seen by now.
        """
        barrier = self._barrier
        self._write = (barrier.comparable(old), barrier.comparable(new))
        self._not_before = barrier.changefeeds + 1
        if self._write[0] == self._write[1] or self._has_seen():
            return True
        pace_s = barrier.pace_s + _ARRIVAL_S
        if barrier.pace_s and pace_s < timeout_s:
            changefeed, is_serving = barrier.changefeeds, barrier.is_serving
            if await self._is_seen_within(pace_s):
                return True
            if is_serving and changefeed == barrier.changefeeds:
                return True  # the database has sent all that it had merged
            timeout_s -= pace_s
        return await self._is_seen_within(timeout_s)

    async def _is_seen_within(self, timeout_s: float) -> bool:
        try:
            async with asyncio.timeout(timeout_s):
                await self._seen.wait()
        except TimeoutError:
            return False
        return True

    def serve(self) -> None:
        """Note that queries see what has been sent."""
        self._transitions.extend(self.unserved)
        self.unserved.clear()
        if self._has_seen():
            self._seen.set()

    def serve_snapshot(self, changefeed: int, *, is_there: bool) -> None:
        """Note that queries see the snapshot of a changefeed, with the document or without."""
        if not is_there:
            self.unserved.append((None, None))
        self.serve()
        if self._write is not None and changefeed >= self._not_before:
            self._seen.set()

    def _has_seen(self) -> bool:
        """Whether the write is among the changes, or what it made is what was sent last.

        A document that was sent initially and has changed since is no proof: it may be from before
        the write.
        """
        if self._write is None or not self._transitions:
            return False
        old, new = self._transitions[-1]
        is_as_made = new == self._write[1] and (old is None or self._barrier.pace_s > 0)
        return is_as_made or self._write in self._transitions
