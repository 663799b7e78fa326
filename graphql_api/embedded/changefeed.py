"""A changefeed: what one `changes` query is still to be told.

Pure: a table calls `on_change` for every committed write and `abort` when it is dropped; whoever
serves the feed asks `has_data` and `next_batch`. Time does not pass here: `squash_s` is for the
caller to keep.

    INITIALIZING ──the last initial value was sent──▶ READY ──table dropped──▶ aborted

While initializing, the feed holds the keys of the documents that were there when it was opened
and are yet to be sent. A change to one of them needs no event, since the initial value is read
when it is sent; a deletion removes the key. Every other change is queued, and is sent before
further initial values. So, as on a real server, changes interleave with initial values, but no
change precedes its own document's initial value and nothing is told twice.

Source: src/rdb_protocol/changefeed.cc, `subscription_t::get_els`, `flat_sub_t::add_el`.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace
from enum import Enum
from typing import TYPE_CHECKING, Protocol

from graphql_api.embedded.errors import ReqlError, op_failed_error
from graphql_api.embedded.ordering import equal
from graphql_api.embedded.primary_key import primary_key
from graphql_api.embedded.ql2 import ResponseNote

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from graphql_api.embedded.batching import Batch
    from graphql_api.embedded.datum import Datum, Document
    from graphql_api.embedded.table import Table
    from graphql_api.embedded.values import Following, Transformation

DEFAULT_QUEUE_SIZE = 100_000


@dataclass(frozen=True, slots=True)
class FeedOptions:
    """The optional arguments of `changes`, under their own names.

    Attributes:
        squash: Whether changes to one document merge while they wait.
        squash_s: How long to wait for more, in seconds.
        queue_size: `changefeed_queue_size`: how many changes may wait.
    """

    include_initial: bool = False
    include_states: bool = False
    include_types: bool = False
    squash: bool = False
    squash_s: float = 0.0
    queue_size: int = DEFAULT_QUEUE_SIZE


class View(Protocol):
    """Which documents of a table a feed is about, and what it shows of each."""

    table: Table
    note: ResponseNote

    def keys(self) -> Iterable[str]:
        """Return the keys of the documents that it starts with."""
        ...

    def show(self, document: Document | None) -> Datum:
        """Return what is shown of a document; null if nothing is."""
        ...

    def concerns(self, key: str) -> bool:
        """Return whether a document with this key may be shown at all."""
        ...


@dataclass(frozen=True, slots=True)
class RangeView:
    """A view of many documents: a table, a filter, a pluck and so on."""

    following: Following

    @property
    def table(self) -> Table:
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
        """Apply the query's transformations.

        A document for which one fails is not shown, like one that is not in an index.
        """
        if document is None:
            return None
        following = self.following
        try:
            if not following.covers(document):
                return None
            row: Datum = document
            for transformation in following.transformations:
                rows = list(transformation(row))
                if not rows:
                    return None
                row = rows[0]
        except ReqlError:
            return None
        return row


@dataclass(frozen=True, slots=True)
class PointView:
    """A view of one document, which may be absent."""

    table: Table
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
class FeedSource:
    """A changefeed that is not open yet, and what the query does to its rows.

    Attributes:
        view: What it is about.
        options: The optional arguments of `changes`.
        stages: What happens to the rows of the feed, after `changes`.
    """

    view: RangeView | PointView
    options: FeedOptions
    stages: tuple[Transformation | Slice, ...] = ()

    def transformed(self, transformation: Transformation) -> FeedSource:
        """Return the source with a transformation of its rows added."""
        return replace(self, stages=(*self.stages, transformation))

    def sliced(self, start: int, stop: int | None) -> FeedSource:
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


class Changefeed:
    """An open changefeed.

    Attributes:
        view: What it is about.
        options: How it was asked for.
        on_data: Called, if set, when a commit is complete and there is something to send.
    """

    __slots__ = (
        "_error",
        "_queue",
        "_skipped",
        "_state",
        "_unannounced",
        "_unsent",
        "on_data",
        "options",
        "view",
    )

    def __init__(self, view: RangeView | PointView, options: FeedOptions) -> None:
        self.view = view
        self.options = options
        self.on_data: Callable[[], None] | None = None
        self._state = _State.INITIALIZING if options.include_initial else _State.READY
        self._unannounced = True  # the state, if states are included
        self._unsent = dict.fromkeys(view.keys()) if options.include_initial else {}
        self._queue: deque[_Change] | dict[str, _Change] = {} if options.squash else deque()
        self._skipped = 0
        self._error: ReqlError | None = None

    def open(self) -> None:
        """Start to follow the table.

        There is no await between reading the keys and this, so that no change is missed.
        """
        self.view.table.changefeeds[self] = None

    def close(self) -> None:
        """Stop following the table; calling it again does nothing."""
        self.view.table.changefeeds.pop(self, None)
        self.on_data = None

    @property
    def notes(self) -> list[ResponseNote]:
        """The field `n` of its responses."""
        notes = [self.view.note]
        if self.options.include_states:
            notes.append(ResponseNote.INCLUDES_STATES)
        return notes

    # --- what the table tells ---

    def on_change(self, key: str, old: Document | None, new: Document | None) -> None:
        """Take note of a committed write."""
        if not self.view.concerns(key):
            return
        if key in self._unsent:
            if new is None and isinstance(self.view, RangeView):
                del self._unsent[key]
            return
        old_val, new_val = self.view.show(old), self.view.show(new)
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

    def on_commit(self) -> None:
        """All writes of a commit were told: send what there is, if someone waits for it."""
        if self.on_data is not None and self.has_data:
            self.on_data()

    def abort(self) -> None:
        """The table is gone: the next batch is an error."""
        self._error = op_failed_error("Changefeed aborted (unavailable).", ())
        self._queue.clear()
        self._unsent.clear()
        if self.on_data is not None:
            self.on_data()

    # --- what the client is told ---

    @property
    def nearly_full(self) -> bool:
        """True if waiting for more to squash might make the queue overflow."""
        return len(self._queue) > self.options.queue_size // 2

    @property
    def has_data(self) -> bool:
        """True if `next_batch` has something to tell."""
        return (
            self._error is not None
            or self._skipped > 0
            or bool(self._queue)
            or self._state is _State.INITIALIZING
            or (self._unannounced and self.options.include_states)
        )

    def next_batch(self, batch: Batch, sink: Callable[[Datum], None]) -> None:
        """Tell as much as fits in a batch; nothing, if there is no data.

        Args:
            batch: It is asked whether it is full.
            sink: Is given the rows; it adds to the batch what becomes of them.

        Raises:
            ReqlError: The feed was aborted.
        """
        if self._error is not None:
            raise self._error
        if self._state is _State.INITIALIZING:
            self._send_initial(batch, sink)
            return
        if self._skipped:
            text = f"Changefeed cache over array size limit, skipped {self._skipped} elements."
            self._skipped = 0
            sink({"error": text})
            return
        self._announce_state(sink)
        self._send_changes(batch, sink)

    def _send_initial(self, batch: Batch, sink: Callable[[Datum], None]) -> None:
        self._announce_state(sink)
        self._send_changes(batch, sink)
        documents = self.view.table.documents
        point = isinstance(self.view, PointView)
        while self._unsent and not batch.full:
            key = next(iter(self._unsent))
            del self._unsent[key]
            value = self.view.show(documents.get(key))
            if value is not None or point:
                sink(self._row({"new_val": value}, "initial"))
        if not self._unsent:
            self._state = _State.READY
            self._unannounced = True
            if point and not batch.full:
                # A point feed is ready in the batch that holds its one initial value.
                self._announce_state(sink)

    def _send_changes(self, batch: Batch, sink: Callable[[Datum], None]) -> None:
        queue = self._queue
        while queue and not batch.full:
            change = queue.popleft() if isinstance(queue, deque) else queue.pop(next(iter(queue)))
            if change.old_val is None:
                kind = "add"
            elif change.new_val is None:
                kind = "remove"
            else:
                kind = "change"
            sink(self._row({"new_val": change.new_val, "old_val": change.old_val}, kind))

    def _announce_state(self, sink: Callable[[Datum], None]) -> None:
        if self._unannounced and self.options.include_states:
            sink(self._row({"state": self._state.value}, "state"))
        self._unannounced = False

    def _row(self, row: Document, kind: str) -> Document:
        if self.options.include_types:
            row["type"] = kind
        return row


def _squash(queue: dict[str, _Change], key: str, old_val: Datum, new_val: Datum) -> None:
    """Add a change to those that wait: the first old value and the last new one remain."""
    waiting = queue.get(key)
    if waiting is None:
        queue[key] = _Change(old_val, new_val)
    elif equal(waiting.old_val, new_val):
        del queue[key]
    else:
        waiting.new_val = new_val


def point_view(table: Table, key: Datum) -> PointView:
    """Return the view of the document with a primary key.

    Raises:
        ReqlError: It cannot be a primary key.
    """
    return PointView(table, primary_key(key))
