"""A changefeed on the first rows of an index: `order_by(index=…).limit(n).changes()`.

A row that enters the window pushes the last one out, and one that leaves it lets the next one in:
each such pair is one change, whose `old_val` and `new_val` may be different documents. The window
follows each written row by itself.

What waits for a reader is bounded by `changefeed_queue_size`, as the reference of `changes` says:
beyond it all is dropped, and the reader receives the error of a feed of a table. RethinkDB
itself does not keep to that here, and lets the queue of a window grow until its memory is full.

Source: src/rdb_protocol/changefeed.cc, `limit_manager_t` and `limit_sub_t`.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import defaultdict, deque
from dataclasses import dataclass
from itertools import zip_longest
from typing import TYPE_CHECKING, TypeAlias

from graphql_api.embedded.changefeed import Changefeed, ChangefeedOptions, skipped_row
from graphql_api.embedded.following import Following, Sorting
from graphql_api.embedded.ordering import equal, sort_key
from graphql_api.embedded.permissions import EVERYTHING, Access
from graphql_api.embedded.ql2 import ResponseNote

if TYPE_CHECKING:
    from collections.abc import Callable

    from graphql_api.embedded.batching import ReplyBatch
    from graphql_api.embedded.datum import Datum, Document
    from graphql_api.embedded.ordering import SortKey

_Place: TypeAlias = "tuple[SortKey, str, int]"
"""Where an entry stands: its key in the index, its primary key's text, and which of several."""


@dataclass(frozen=True, slots=True)
class _Entry:
    """One entry of the index: a document under one of its keys.

    Attributes:
        place: Where it stands.
        shown: What the feed shows of the document.
    """

    place: _Place
    shown: Datum

    @property
    def id(self) -> tuple[str, int]:
        """The part that stays when the document's key in the index changes."""
        return self.place[1:]


@dataclass(slots=True)
class _Step:
    """The effect of one change of an entry on the window; null stands for no document."""

    old_val: Datum
    new_val: Datum
    old_offset: int | None
    new_offset: int | None


class WindowChangefeed(Changefeed):
    """An open changefeed on the first rows of an index.

    Args:
        following: Which documents, in which order, and how many of the first.
        options: How it was asked for.
        access: What its user may do.
    """

    __slots__ = (
        *("_first", "_following", "_limit", "_places", "_queue", "_rows"),
        *("_shown", "_skipped"),
    )

    def __init__(
        self, following: Following, options: ChangefeedOptions, access: Access = EVERYTHING
    ) -> None:
        super().__init__(following.table, ResponseNote.ORDER_BY_LIMIT_FEED, options, access)
        assert following.limit is not None
        self._following = following
        self._limit = following.limit
        self._queue: list[tuple[_Entry | None, _Entry | None]] = []
        self._first: deque[Document] = deque()  # the rows before any change
        self._rows: deque[Document] = deque()
        self._skipped = 0
        entries = [
            entry
            for key, document in following.table.documents.items()
            for entry in self._entries(key, document)
        ]
        self._shown = {entry.place: entry.shown for entry in entries}
        self._places = sorted(self._shown)  # in ascending order, whatever the window's order is
        self._start()

    def _start(self) -> None:
        options = self.options
        if options.include_initial:
            if options.include_states:
                self._first.append(self._row({"state": "initializing"}, "state"))
            for offset in range(min(self._limit, len(self._places))):
                row: Document = {"new_val": self._at(offset)}
                if options.include_offsets:
                    row["new_offset"] = offset
                self._first.append(self._row(row, "initial"))
        if options.include_states:
            self._first.append(self._row({"state": "ready"}, "state"))

    def _entries(self, key: str, document: Document | None) -> list[_Entry]:
        following = self._following
        if document is None or not following.covers(document):
            return []
        shown = following.show(document)
        if shown is None:
            return []
        if following.keys is None:
            return [_Entry((sort_key(None), key, 0), shown)]
        return [
            _Entry((sort_key(index_key), key, tag), shown)
            for tag, index_key in enumerate(following.keys(document))
        ]

    # --- what the table calls ---

    def on_change(self, key: str, old: Document | None, new: Document | None) -> None:
        """Process a committed write; see `Changefeed.on_change`."""
        gone = {entry.id: entry for entry in self._entries(key, old)}
        come = {entry.id: entry for entry in self._entries(key, new)}
        changes: list[tuple[_Entry | None, _Entry | None]] = []
        for id_ in gone.keys() & come.keys():
            before, after = gone.pop(id_), come.pop(id_)
            if before.place != after.place or not equal(before.shown, after.shown):
                changes.append((before, after))
        # Of an index with several keys a document, one that goes is paired with one that comes.
        rest = sorted(come.values(), key=lambda entry: entry.place, reverse=not self._descending)
        changes.extend(zip_longest((gone[id_] for id_ in sorted(gone)), rest))
        if self.options.squash:
            self._queue.extend(changes)
        else:
            for before_entry, after_entry in changes:
                step = self._apply(before_entry, after_entry)
                if step is not None:
                    self._rows.append(self._step_row(step))
        if len(self._queue) + len(self._rows) > self.options.queue_size:
            self._drop()

    def _drop(self) -> None:
        """Drop what waits: the window itself stays what the table says."""
        for gone, come in self._queue:
            self._apply(gone, come)
        self._skipped += len(self._queue) + len(self._rows)
        self._rows.clear()
        self._queue.clear()

    def _clear(self) -> None:
        self._first.clear()
        self._rows.clear()
        self._queue.clear()

    # --- the window ---

    @property
    def _descending(self) -> bool:
        return self._following.sorting is Sorting.DESCENDING

    def _at(self, offset: int) -> Datum:
        """Return what is shown of the entry at an offset in the window's order."""
        return self._shown[self._places[-1 - offset if self._descending else offset]]

    def _offset(self, place: _Place) -> int:
        at = bisect_left(self._places, place)
        return len(self._places) - 1 - at if self._descending else at

    def _apply(self, gone: _Entry | None, come: _Entry | None) -> _Step | None:
        """Replace an entry by another; return what that does to the window, if anything."""
        limit = self._limit
        step = _Step(None, None, None, None)
        size = min(limit, len(self._places))
        if gone is not None:
            offset = self._offset(gone.place)
            if offset < size:
                step.old_val, step.old_offset = gone.shown, offset
                size -= 1
            self._places.pop(bisect_left(self._places, gone.place))
            del self._shown[gone.place]
        if come is not None:
            insort(self._places, come.place)
            self._shown[come.place] = come.shown
            offset = self._offset(come.place)
            if offset < size:
                step.new_val, step.new_offset = come.shown, offset
                size += 1
        if size > limit:
            step.old_val, step.old_offset = self._at(limit), limit - 1
        elif size < min(limit, len(self._places)):
            step.new_val, step.new_offset = self._at(size), size
        return None if self._is_empty(step) else step

    def _is_empty(self, step: _Step) -> bool:
        if step.old_val is None and step.new_val is None:
            return True
        same_place = step.old_offset == step.new_offset or not self.options.include_offsets
        return same_place and equal(step.old_val, step.new_val)

    def _step_row(self, step: _Step) -> Document:
        row = self._change_row(step.old_val, step.new_val)
        if self.options.include_offsets:
            row["old_offset"], row["new_offset"] = step.old_offset, step.new_offset
        return row

    def _squash(self) -> None:
        """Apply the changes that wait, and merge what follows from each other."""
        steps: list[_Step] = []
        ending: defaultdict[str, list[_Step]] = defaultdict(list)  # steps by their new value
        for gone, come in self._queue:
            step = self._apply(gone, come)
            if step is None:
                continue
            earlier = ending[_text(step.old_val)]
            if earlier:
                merged = earlier.pop(0)
                merged.new_val = step.new_val
            else:
                merged = step
                steps.append(step)
            ending[_text(merged.new_val)].append(merged)
        self._queue.clear()
        self._rows.extend(self._step_row(step) for step in steps if not self._is_empty(step))

    # --- what the connection calls ---

    @property
    def nearly_full(self) -> bool:
        """False: the rows of a window are not counted."""
        return False

    @property
    def _has_rows(self) -> bool:
        return bool(self._first or self._rows or self._queue or self._skipped)

    def _send(self, batch: ReplyBatch, sink: Callable[[Datum], None]) -> None:
        while self._first and not batch.full:
            sink(self._first.popleft())
        if self._skipped and not batch.full:
            sink(skipped_row(self._skipped))
            self._skipped = 0
            return
        if self._queue:
            self._squash()
        while self._rows and not batch.full:
            sink(self._rows.popleft())


def _text(value: Datum) -> str:
    # The order's keys hold lists, which cannot be hashed; their text can.
    return repr(sort_key(value))
