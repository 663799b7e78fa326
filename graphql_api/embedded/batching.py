"""How a stream is cut into batches.

Source: src/rdb_protocol/batching.cc. RethinkDB has no default limit of rows; this server has one,
so that encoding a batch does not hold up its event loop for long.
"""

from __future__ import annotations

from dataclasses import dataclass

from graphql_api.embedded.datum import Datum, encode

_MAX_ROWS = 1000
_MAX_BYTES = 1024 * 1024
_FIRST_SCALEDOWN = 4


@dataclass(frozen=True, slots=True)
class BatchSpec:
    """The limits of the batches of one stream.

    Attributes:
        max_rows: The most rows in a batch.
        max_bytes: A batch is sent once its JSON is this long; one row may be longer.
        first_scaledown: The first batch is this many times smaller, for it to arrive soon.
    """

    max_rows: int = _MAX_ROWS
    max_bytes: int = _MAX_BYTES
    first_scaledown: int = _FIRST_SCALEDOWN

    def batch(self, *, first: bool) -> ReplyBatch:
        """Return an empty batch."""
        scale = self.first_scaledown if first else 1
        return ReplyBatch(max(1, self.max_rows // scale), max(1, self.max_bytes // scale))


class ReplyBatch:
    """Rows, encoded, until there are enough of them.

    Attributes:
        rows: The JSON of each.
    """

    __slots__ = ("_bytes_left", "_rows_left", "rows")

    def __init__(self, max_rows: int, max_bytes: int) -> None:
        self.rows: list[bytes] = []
        self._rows_left = max_rows
        self._bytes_left = max_bytes

    @property
    def full(self) -> bool:
        """True if no more rows should be added."""
        return self._rows_left <= 0 or self._bytes_left <= 0

    def add(self, row: Datum) -> None:
        """Add a row.

        Raises:
            ReqlError: It cannot be encoded.
        """
        text = encode(row)
        self.rows.append(text)
        self._rows_left -= 1
        self._bytes_left -= len(text)


DEFAULT_BATCHES = BatchSpec()
