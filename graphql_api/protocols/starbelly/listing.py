"""A table's rows, and their changes, for clients that know of no status."""

from __future__ import annotations

import logging
import sys
from typing import Any, Final

from graphql_api.execution.encoder import Encoded, exposed
from graphql_api.feeds.derived import DerivedSource
from graphql_api.feeds.events import ChangeCause, FeedStatus
from graphql_api.feeds.subscription import EventSource
from graphql_api.feeds.view import Event
from graphql_api.protocols.starbelly.messages import Frame, Say, in_lists, one_by_one, uuid_bytes
from graphql_api.schema.changes import FeedState
from graphql_api.schema.declaration import TableDeclaration

log = logging.getLogger(__name__)

_STEPS_AT_ONCE: Final = 256


class ListEncoder:
    """A table that clients may list; its own encoder, which makes messages of its events.

    Args:
        table: The table.
        say: Makes the message of a row.
        frame: How events are framed for a subscription; in lists, an empty one ends the first rows.
    """

    failed = staticmethod(exposed)

    def __init__(self, table: TableDeclaration[Any], say: Say, frame: Frame = one_by_one) -> None:
        self.table, self.frame = table, frame
        self.key = "starbelly", table.name
        self.unsayable: set[str] = set()  # the keys of rows that are not sent
        self._is_logged = False
        self._say = say

    def key_of(self, event: Event[Any]) -> str | None:
        """The key of the row that an event is about; None for a status."""
        value, table = event.value, self.table
        if isinstance(value, FeedState):
            return None
        if isinstance(value, table.changes.deleted):
            return str(getattr(value, table.deleted_key))
        return str(getattr(value, table.name).id)

    def encode(self, event: Event[Any]) -> Encoded:
        """The message of a row; nothing for a status."""
        value, key = event.value, self.key_of(event)
        if key is None:
            return Encoded(b"")
        if isinstance(value, self.table.changes.deleted):
            return Encoded(self._say("DELETED", key, value.previous))  # type: ignore[attr-defined]
        kind = "ADDED" if isinstance(value, self.table.changes.added) else "UPDATED"
        return Encoded(self._say(kind, key, getattr(value, self.table.name)))

    def can_say(self, key: str) -> bool:
        """Whether a row can be sent; the others are counted, and the first of them is logged."""
        if self.table.key_name or uuid_bytes(key):
            return True
        self.unsayable.add(key)
        if not self._is_logged:
            self._is_logged = True
            log.warning(
                "table %s: the document %.200r is not sent to Starbelly's clients: its key is no "
                "UUID; the metric graphql_api_starbelly_unsayable_documents counts such documents",
                self.table.name,
                key,
            )
        return False


class Listing(DerivedSource):
    """The events of a feed as one client can take them.

    It cannot be asked to forget what it holds, so its keys are remembered: if a feed begins again
    with INITIALIZING, the client is sent the difference.

    Args:
        listed: The table.
        source: The events of its feed, which it closes.
    """

    counts_due = True

    def __init__(self, listed: ListEncoder, source: EventSource[Any]) -> None:
        super().__init__(source)
        self._listed = listed
        self._says_when_complete = listed.frame is in_lists
        self._held: set[str] = set()
        self._missing: set[str] = set()
        self._gone: list[str] = []

    def pull(self) -> Event[Any] | None:
        """The next event if there is one; otherwise None, and `on_wake` is called once there is."""
        for _ in range(_STEPS_AT_ONCE):
            if self._gone:
                key = self._gone.pop()
                self._has_own = bool(self._gone)
                self._held.discard(key)
                deleted = self._listed.table.deleted
                return Event(deleted(ChangeCause.DELETED, key, None, ""))
            event = self._source.pull()
            if event is None:
                return None
            shown = self._shown(event)
            if shown is not None:
                return shown
        self._wake()
        return None

    def _shown(self, event: Event[Any]) -> Event[Any] | None:
        """The event that the client is sent for one of the feed."""
        value, table = event.value, self._listed.table
        key = self._listed.key_of(event)
        if key is None:
            return self._state(event, value.status)
        if isinstance(value, table.changes.deleted):
            self._listed.unsayable.discard(key)
            if key not in self._held:
                return None
            self._held.remove(key)
            return event
        if key in self._held:
            self._missing.discard(key)
            if not isinstance(value, table.changes.added):
                return event
            row = getattr(value, table.name)
            return Event(table.updated(row, row, ""))
        if not self._listed.can_say(key):
            return None
        self._held.add(sys.intern(key))  # a thousand clients hold the same
        return event

    def _state(self, event: Event[Any], status: FeedStatus) -> Event[Any] | None:
        if status is FeedStatus.INITIALIZING:
            self._missing = set(self._held)
            return None
        self._gone, self._missing = sorted(self._missing, reverse=True), set()
        self._has_own = bool(self._gone)
        says, self._says_when_complete = self._says_when_complete, False
        return event if says else None
