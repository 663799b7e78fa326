"""Cache of the payloads of events, which equal subscriptions share.

An event carries its payloads, one for each group of equal subscriptions that has asked for it. Here
is what bounds them: the last events that have some, in number and in bytes. An event that is
forgotten here is encoded again for each group that still asks for it.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from typing import Any, Generic, Protocol, TypeVar

from graphql_api.execution.read_feeds import Positions, still_stand
from graphql_api.feeds.view import Event

_ENCODING_BYTES = 700
"""About what an encoding costs beside its payload: itself, its places in two dicts, and what the
payload's compressed form is kept in."""


class Encoding(Protocol):
    """What is remembered of an event, or of a bundle of events, for a group."""

    @property
    def positions(self) -> Positions:
        """Where the feeds stood that it was made from."""

    @property
    def memory_bytes(self) -> int:
        """How much memory it takes, about."""


EncodingT = TypeVar("EncodingT", bound=Encoding)


class Encodings(Generic[EncodingT]):
    """The cache of payloads, for all groups of a server.

    Args:
        max_bytes: How much memory they may take together, about; then the oldest are forgotten.
        max_events: How many events may have some.
    """

    def __init__(self, *, max_bytes: int, max_events: int) -> None:
        self._max_bytes = max_bytes
        self._max_events = max_events
        self._bytes = 0
        self._oldest_first: dict[Event[Any], None] = {}

    def __len__(self) -> int:
        return sum(len(event.encodings or ()) for event in self._oldest_first)

    def get(self, event: Event[Any], group: Hashable) -> EncodingT | None:
        """The payload of an event for a group, if it is known and still true."""
        encoding: EncodingT | None = event.encodings.get(group) if event.encodings else None
        if encoding is None or (encoding.positions and not still_stand(encoding.positions)):
            return None
        return encoding

    def get_all(self, events: Iterable[Event[Any]], group: Hashable) -> Sequence[EncodingT]:
        """The payloads of some events for a group; none, if one is not known."""
        encodings = []
        for event in events:
            encoding = self.get(event, group)
            if encoding is None:
                return ()
            encodings.append(encoding)
        return encodings

    def put(self, event: Event[Any], group: Hashable, encoding: EncodingT) -> None:
        """Remember the payload of an event for a group."""
        self._forget(event, group)
        if event.encodings is None:
            event.encodings = {}
        event.encodings[group] = encoding
        self._oldest_first[event] = None
        self._bytes += _ENCODING_BYTES + encoding.memory_bytes
        while self._bytes > self._max_bytes or len(self._oldest_first) > self._max_events:
            oldest = next(iter(self._oldest_first))
            for each in [*(oldest.encodings or ())]:
                self._forget(oldest, each)

    def forget_group(self, group: Hashable) -> None:
        """Forget all payloads of a group."""
        for event in [*self._oldest_first]:
            self._forget(event, group)

    def _forget(self, event: Event[Any], group: Hashable) -> None:
        encoding: EncodingT | None = event.encodings.pop(group, None) if event.encodings else None
        if encoding is not None:
            self._bytes -= _ENCODING_BYTES + encoding.memory_bytes
            if not event.encodings:
                event.encodings = None
                del self._oldest_first[event]
