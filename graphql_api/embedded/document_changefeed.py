"""A changefeed on a table, a part of it, or one document.

    INITIALIZING ──the last initial value was sent──▶ READY ──table dropped──▶ aborted

While initializing, the feed holds the keys of the documents that were there when it was opened
and are yet to be sent. A change to one of them needs no event, since the initial value is read
when it is sent; a deletion removes the key. Every other change is queued, and is sent before
further initial values. So, as on a real server, changes interleave with initial values, but no
change precedes its own document's initial value and nothing is sent twice.

Source: src/rdb_protocol/changefeed.cc, `subscription_t::get_els`, `flat_sub_t::add_el`.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace
from enum import Enum
from typing import TYPE_CHECKING

from graphql_api.embedded.changefeed import Changefeed, ChangefeedOptions, skipped_row
from graphql_api.embedded.ordering import equal
from graphql_api.embedded.permissions import EVERYTHING, Access
from graphql_api.embedded.primary_key import primary_key
from graphql_api.embedded.ql2 import ResponseNote

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from graphql_api.embedded.batching import ReplyBatch
    from graphql_api.embedded.datum import Datum, Document
    from graphql_api.embedded.following import Following, Transformation
    from graphql_api.embedded.stored_table import StoredTable


@dataclass(frozen=True, slots=True)
class FollowedRange:
    """Many documents: a table, a filter, a pluck and so on."""

    following: Following

    @property
    def table(self) -> StoredTable:
        """The table."""
        return self.following.table

    note = ResponseNote.SEQUENCE_FEED

    def keys(self) -> Iterable[str]:
        """Return the keys of all documents; those that are not shown are skipped later."""
        return self.following.table.documents

    def concerns(self, key: str) -> bool:
        """Return true: what is shown depends on the document."""
        del key
        return True

    def show(self, document: Document | None) -> Datum:
        """Apply the query's transformations."""
        return None if document is None else self.following.show(document)


@dataclass(frozen=True, slots=True)
class FollowedDocument:
    """One document, which may be absent."""

    table: StoredTable
    key: str
    note = ResponseNote.ATOM_FEED

    def keys(self) -> Iterable[str]:
        """Return its key."""
        return (self.key,)

    def concerns(self, key: str) -> bool:
        """Return whether it is the document with this key."""
        return key == self.key

    def show(self, document: Document | None) -> Datum:
        """Return the document."""
        return document


@dataclass(frozen=True, slots=True)
class Slice:
    """A part of a feed's rows: those from `start` up to, but not including, `stop`."""

    start: int
    stop: int | None


@dataclass(frozen=True, slots=True)
class UnopenedChangefeed:
    """A changefeed that is not open yet, and what the query does to its rows.

    Attributes:
        make: Makes the feed, which is not open yet.
        stages: What happens to the rows of the feed, after `changes`.
    """

    make: Callable[[], Changefeed]
    stages: tuple[Transformation | Slice, ...] = ()

    def transformed(self, transformation: Transformation) -> UnopenedChangefeed:
        """Return the source with a transformation of its rows added."""
        return replace(self, stages=(*self.stages, transformation))

    def sliced(self, start: int, stop: int | None) -> UnopenedChangefeed:
        """Return the source with a slice of its rows."""
        return replace(self, stages=(*self.stages, Slice(start, stop)))


class Pipeline:
    """The stages after `changes`, for the rows of one open feed.

    Attributes:
        exhausted: True once a slice has let its last row through.
    """

    __slots__ = ("_passed", "_stages", "exhausted")

    def __init__(self, stages: tuple[Transformation | Slice, ...]) -> None:
        self._stages = stages
        self._passed = [0] * len(stages)
        self.exhausted = any(isinstance(stage, Slice) and stage.stop == 0 for stage in stages)

    def push(self, row: Datum) -> list[Datum]:
        """Return what becomes of a row.

        Raises:
            ReqlError: A stage fails; the feed ends with it.
        """
        rows = [row]
        for position, stage in enumerate(self._stages):
            if isinstance(stage, Slice):
                rows = self._slice(position, stage, rows)
            else:
                rows = [result for item in rows for result in stage(item)]
        return rows

    def _slice(self, position: int, part: Slice, rows: list[Datum]) -> list[Datum]:
        passed = self._passed[position]
        self._passed[position] += len(rows)
        if part.stop is not None:
            self.exhausted = self.exhausted or self._passed[position] >= part.stop
            rows = rows[: max(0, part.stop - passed)]
        return rows[max(0, part.start - passed) :]


class _State(Enum):
    INITIALIZING = "initializing"
    READY = "ready"


@dataclass(slots=True)
class _Change:
    """A change that waits to be sent; null stands for no document."""

    old_val: Datum
    new_val: Datum


class DocumentChangefeed(Changefeed):
    """An open changefeed on documents, each by itself.

    Args:
        followed: What it is about.
        options: How it was asked for.
        access: What its user may do.
    """

    __slots__ = ("_followed", "_queue", "_skipped", "_state", "_unannounced", "_unsent")

    def __init__(
        self,
        followed: FollowedRange | FollowedDocument,
        options: ChangefeedOptions,
        access: Access = EVERYTHING,
    ) -> None:
        super().__init__(followed.table, followed.note, options, access)
        self._followed = followed
        self._state = _State.INITIALIZING if options.include_initial else _State.READY
        self._unannounced = True  # the state, if states are included
        self._unsent = dict.fromkeys(followed.keys()) if options.include_initial else {}
        self._queue: deque[_Change] | dict[str, _Change] = {} if options.squash else deque()
        self._skipped = 0

    # --- what the table reports ---

    def on_change(self, key: str, old: Document | None, new: Document | None) -> None:
        """Collect a committed write for the next reply; see `Changefeed.on_change`."""
        if not self._followed.concerns(key):
            return
        if key in self._unsent:
            if new is None and isinstance(self._followed, FollowedRange):
                del self._unsent[key]
            return
        old_val, new_val = self._followed.show(old), self._followed.show(new)
        if equal(old_val, new_val):
            return  # neither is shown, or nothing that is shown changed
        queue = self._queue
        if isinstance(queue, deque):
            queue.append(_Change(old_val, new_val))
        else:
            _squash(queue, key, old_val, new_val)
        if len(queue) > self.options.queue_size:
            # Everything that waits is dropped: a gap has no size, and the reader must start over.
            self._skipped += len(queue)
            queue.clear()

    def _clear(self) -> None:
        self._queue.clear()
        self._unsent.clear()

    # --- what the client receives ---

    @property
    def nearly_full(self) -> bool:
        """True if waiting for more to squash might make the queue overflow."""
        return len(self._queue) > self.options.queue_size // 2

    @property
    def _has_rows(self) -> bool:
        return (
            self._skipped > 0
            or bool(self._queue)
            or self._state is _State.INITIALIZING
            or (self._unannounced and self.options.include_states)
        )

    def _send(self, batch: ReplyBatch, sink: Callable[[Datum], None]) -> None:
        if self._state is _State.INITIALIZING:
            self._send_initial(batch, sink)
            return
        if self._skipped:
            sink(skipped_row(self._skipped))
            self._skipped = 0
            return
        self._announce_state(sink)
        self._send_changes(batch, sink)

    def _send_initial(self, batch: ReplyBatch, sink: Callable[[Datum], None]) -> None:
        self._announce_state(sink)
        self._send_changes(batch, sink)
        documents = self._followed.table.documents
        point = isinstance(self._followed, FollowedDocument)
        while self._unsent and not batch.full:
            key = next(iter(self._unsent))
            del self._unsent[key]
            value = self._followed.show(documents.get(key))
            if value is not None or point:
                sink(self._row({"new_val": value}, "initial"))
        if not self._unsent:
            self._state = _State.READY
            self._unannounced = True
            if point and not batch.full:
                # A point feed is ready in the batch that holds its one initial value.
                self._announce_state(sink)

    def _send_changes(self, batch: ReplyBatch, sink: Callable[[Datum], None]) -> None:
        queue = self._queue
        while queue and not batch.full:
            change = queue.popleft() if isinstance(queue, deque) else queue.pop(next(iter(queue)))
            sink(self._change_row(change.old_val, change.new_val))

    def _announce_state(self, sink: Callable[[Datum], None]) -> None:
        if self._unannounced and self.options.include_states:
            sink(self._row({"state": self._state.value}, "state"))
        self._unannounced = False


def _squash(queue: dict[str, _Change], key: str, old_val: Datum, new_val: Datum) -> None:
    """Add a change to those that wait: the first old value and the last new one remain."""
    waiting = queue.get(key)
    if waiting is None:
        queue[key] = _Change(old_val, new_val)
    elif equal(waiting.old_val, new_val):
        del queue[key]
    else:
        waiting.new_val = new_val


def followed_document(table: StoredTable, key: Datum) -> FollowedDocument:
    """Return the document with a primary key.

    Raises:
        ReqlError: It cannot be a primary key.
    """
    return FollowedDocument(table, primary_key(key))
