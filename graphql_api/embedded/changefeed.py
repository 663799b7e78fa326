"""Base class of all changefeeds.

Pure: a table calls `on_change` for every committed write, `on_commit` after those of one commit,
and `abort` when it is dropped. The connection that serves a feed asks `has_data` and `next_batch`.
Time does not pass here: `squash_s` is for the caller to keep.

Source: src/rdb_protocol/changefeed.cc, `subscription_t`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING

from graphql_api.embedded.errors import ReqlError, op_failed_error
from graphql_api.embedded.permissions import EVERYTHING, Access
from graphql_api.embedded.ql2 import ResponseNote

if TYPE_CHECKING:
    from collections.abc import Callable

    from graphql_api.embedded.batching import ReplyBatch
    from graphql_api.embedded.datum import Datum, Document
    from graphql_api.embedded.stored_table import StoredTable

DEFAULT_QUEUE_SIZE = 100_000


@dataclass(frozen=True, slots=True)
class ChangefeedOptions:
    """The optional arguments of `changes`, under their own names.

    Attributes:
        include_offsets: For a window only: whether a row says where in the window it is.
        squash: Whether changes to one document merge while they wait.
        squash_s: How long to wait for more, in seconds.
        queue_size: `changefeed_queue_size`: how many changes may wait.
    """

    include_initial: bool = False
    include_states: bool = False
    include_types: bool = False
    include_offsets: bool = False
    squash: bool = False
    squash_s: float = 0.0
    queue_size: int = DEFAULT_QUEUE_SIZE


class Changefeed(ABC):
    """An open changefeed.

    Args:
        table: The table that it follows.
        note: The kind of feed, for the field `n` of its responses.
        options: How it was asked for.
        access: What its user may do.

    Attributes:
        options: How it was asked for.
        on_data: Called, if set, when a commit is complete and there is something to send.
    """

    __slots__ = ("_access", "_error", "_note", "_table", "on_data", "options")

    def __init__(
        self,
        table: StoredTable,
        note: ResponseNote,
        options: ChangefeedOptions,
        access: Access = EVERYTHING,
    ) -> None:
        self.options = options
        self.on_data: Callable[[], None] | None = None
        self._table = table
        self._note = note
        self._access = access
        self._error: ReqlError | None = None

    def open(self) -> None:
        """Start to follow the table.

        There is no await between reading the table and this, so that no change is missed.
        """
        self._table.changefeeds[self] = None

    def close(self) -> None:
        """Stop following the table; calling it again does nothing."""
        self._table.changefeeds.pop(self, None)
        self.on_data = None

    @property
    def notes(self) -> list[ResponseNote]:
        """The field `n` of its responses."""
        notes = [self._note]
        if self.options.include_states:
            notes.append(ResponseNote.INCLUDES_STATES)
        return notes

    # --- what the table calls ---

    @abstractmethod
    def on_change(self, key: str, old: Document | None, new: Document | None) -> None:
        """Process a committed write; the table holds the new document already."""

    def on_commit(self) -> None:
        """Process the end of a commit: what waits is sent, if the client asks for it."""
        if self.on_data is not None and self.has_data:
            self.on_data()

    def abort(self) -> None:
        """End the feed, whose table is gone: the next batch is an error."""
        self._error = op_failed_error("Changefeed aborted (unavailable).", ())
        self._clear()
        if self.on_data is not None:
            self.on_data()

    @abstractmethod
    def _clear(self) -> None:
        """Drop everything that waits to be sent."""

    # --- what the connection calls ---

    @property
    @abstractmethod
    def nearly_full(self) -> bool:
        """True if waiting for more to squash might make the queue overflow."""

    @property
    def has_data(self) -> bool:
        """True if `next_batch` has something to send."""
        return self._error is not None or self._has_rows

    @property
    @abstractmethod
    def _has_rows(self) -> bool:
        """True if rows may wait to be sent."""

    def next_batch(self, batch: ReplyBatch, sink: Callable[[Datum], None]) -> None:
        """Send as many rows as fit in a batch; none, if there are none.

        A user who may no longer read the table gets this batch, and the next one is an error.

        Args:
            batch: Says whether it is full.
            sink: Receives the rows, and adds to the batch what the query makes of them.

        Raises:
            ReqlError: The feed was aborted, or its user may not read the table any more.
        """
        if self._error is not None:
            raise self._error
        self._send(batch, sink)
        try:
            self._access.require_read(self._table)
        except ReqlError as error:
            error.backtrace = ()
            self._error = error

    @abstractmethod
    def _send(self, batch: ReplyBatch, sink: Callable[[Datum], None]) -> None:
        """Send as many rows as fit in a batch."""

    def _row(self, row: Document, kind: str) -> Document:
        if self.options.include_types:
            row["type"] = kind
        return row

    def _change_row(self, old_val: Datum, new_val: Datum) -> Document:
        kind = "add" if old_val is None else "remove" if new_val is None else "change"
        return self._row({"new_val": new_val, "old_val": old_val}, kind)


def skipped_row(number: int) -> Document:
    """Return the row that says how many elements were dropped because the reader was too slow."""
    return {"error": f"Changefeed cache over array size limit, skipped {number} elements."}
