"""What came of events, remembered for all who subscribe to the same.

An event is known by its identity: a feed gives equal subscriptions the same objects, which nobody
changes. So a result is remembered for as long as its event lives, and not one moment longer: the
memory does not keep events alive, apart from the last few, which those who replay the same stretch
of history share.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from typing import Any, TypeVar, cast
from weakref import ref

from graphql_api.feeds.feed import Feed
from graphql_api.feeds.feeds import Feeds
from graphql_api.feeds.table import Table

_RESULT_BYTES = 400
"""About what an entry costs beside its payload: the reference, its key, its places in two dicts."""

RowT = TypeVar("RowT")
EventT = TypeVar("EventT")


class ReadFeeds(Feeds):
    """Feeds that write down which of them are read, and where each stood.

    A result that was made from them holds only as long as they stand there.
    """

    def __init__(self, feeds: Feeds) -> None:
        self._read = feeds
        super().__init__((), lambda _: cast("Any", None))
        self.positions: dict[Feed[Any, Any], object] = {}
        """The feeds that were read, and their positions then."""

    def __getitem__(self, table: Table[RowT, EventT]) -> Feed[RowT, EventT]:
        feed = self._read[table]
        self.positions.setdefault(feed, feed.position)
        return feed

    def named(self, name: str) -> Feed[Any, Any]:
        """The feed of the table with a name, which is read by that."""
        feed = self._read.named(name)
        self.positions.setdefault(feed, feed.position)
        return feed

    def __iter__(self) -> Iterator[Feed[Any, Any]]:
        for feed in self._read:
            self.positions.setdefault(feed, feed.position)
            yield feed


class SharedResults:
    """The results of all groups, by group and event.

    Args:
        max_bytes: How much memory the results may take together, about; then the oldest are
            forgotten.
        recent_events: How many events are kept alive.
    """

    def __init__(self, *, max_bytes: int, recent_events: int) -> None:
        self._max_bytes = max_bytes
        self._bytes = 0
        self._recent: deque[object] = deque(maxlen=recent_events)
        self._oldest_first: dict[int, _Result] = {}

    def __len__(self) -> int:
        return len(self._oldest_first)

    def get(self, results: ResultsOfGroup, event: object) -> bytes | None:
        """What came of an event, if that is known and still true."""
        result = results.get(id(event))
        if result is None or result() is not event:
            return None
        if result.positions and any(
            feed.position != before for feed, before in result.positions.items()
        ):
            return None
        return result.payload

    def put(
        self,
        results: ResultsOfGroup,
        event: object,
        payload: bytes,
        positions: Mapping[Feed[Any, Any], object],
    ) -> None:
        """Remember what came of an event.

        Args:
            results: The group's.
            event: The event; one that cannot be weakly referenced is not remembered.
            payload: What came of it.
            positions: Where the feeds stand from which it was made besides.
        """
        try:
            result = _Result(event, self._forget)
        except TypeError:
            return
        earlier = results.get(id(event))
        if earlier is not None:
            self._forget(earlier)
        result.key = id(event)
        result.group = results
        result.payload = bytes(memoryview(payload))  # orjson's own keep 4 KB, however short
        result.positions = positions or None
        results[result.key] = self._oldest_first[id(result)] = result
        self._recent.append(event)
        self._bytes += _RESULT_BYTES + len(payload)
        while self._bytes > self._max_bytes:
            self._forget(next(iter(self._oldest_first.values())))

    def forget_group(self, results: ResultsOfGroup) -> None:
        """Forget all results of a group, and with the last of all groups what is kept alive."""
        for result in [*results.values()]:
            self._forget(result)
        if not self._oldest_first:
            self._recent.clear()

    def _forget(self, result: ref[object]) -> None:
        assert isinstance(result, _Result)
        if self._oldest_first.pop(id(result), None) is not None:
            del result.group[result.key]
            self._bytes -= _RESULT_BYTES + len(result.payload)


class _Result(ref[object]):
    """A result, which is at the same time the reference to its event.

    Two of them must never be compared: references compare what they refer to.
    """

    __slots__ = ("group", "key", "payload", "positions")

    key: int
    group: ResultsOfGroup
    payload: bytes
    positions: Mapping[Feed[Any, Any], object] | None


ResultsOfGroup = dict[int, _Result]
"""The results of one group, by the `id` of their events."""
