"""Cache of the payloads of events, which equal subscriptions share.

An event carries its payloads, one for each group of equal subscriptions that has asked for it. Here
is what bounds them: the last events that have some, in number and in bytes. An event that is
forgotten here is encoded again for each group that still asks for it.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

from graphql_api.execution.encoder import Encoded
from graphql_api.execution.read_feeds import still_stand
from graphql_api.feeds.view import Event

_ENCODING_BYTES = 700
"""About what an encoding costs beside its payload: itself, its places in two dicts, and what the
payload's compressed form is kept in."""


class Encodings:
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

    def get(self, event: Event[Any], group: Hashable) -> Encoded | None:
        """The payload of an event for a group, if it is known and still true."""
        encoding: Encoded | None = event.encodings.get(group) if event.encodings else None
        if encoding is None or (encoding.positions and not still_stand(encoding.positions)):
            return None
        return encoding

    def put(self, event: Event[Any], group: Hashable, encoded: Encoded) -> None:
        """Remember the payload of an event for a group."""
        self._forget(event, group)
        if event.encodings is None:
            event.encodings = {}
        event.encodings[group] = encoded
        self._oldest_first[event] = None
        self._bytes += _size(encoded)
        while self._bytes > self._max_bytes or len(self._oldest_first) > self._max_events:
            oldest = next(iter(self._oldest_first))
            for each in [*(oldest.encodings or ())]:
                self._forget(oldest, each)

    def forget_group(self, group: Hashable) -> None:
        """Forget all payloads of a group."""
        for event in [*self._oldest_first]:
            self._forget(event, group)

    def _forget(self, event: Event[Any], group: Hashable) -> None:
        encoding = event.encodings.pop(group, None) if event.encodings else None
        if encoding is not None:
            self._bytes -= _size(encoding)
            if not event.encodings:
                event.encodings = None
                del self._oldest_first[event]


def _size(encoded: Encoded) -> int:
    # The compressed form of a payload is shorter than half of it, most often.
    return _ENCODING_BYTES + len(encoded.payload) * 3 // 2
