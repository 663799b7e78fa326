"""Durable cursors: where a follower of a partition stands, as a string that it can hand back.

They hold nothing that only one server knows, and mean the same after any restart.
"""

from __future__ import annotations

import base64
import binascii
import struct
from hashlib import blake2b
from typing import Final, NamedTuple

from graphql_api.errors import BadCursorError

_CHECKSUM_BYTES: Final = 6
_PARTITION_BYTES: Final = 8
_VERSION: Final = 1
_LAYOUT: Final = struct.Struct(f">B{_PARTITION_BYTES}sBqQqQq")
_MAX_CHARACTERS: Final = 200
_UNKNOWN: Final = "the cursor is not one that this API gave out"

NOTHING: Final = -1
"""Below every sequence."""


class Mark(NamedTuple):
    """A row that was visible at some time: what lies below it is settled `bound_s` later.

    Attributes:
        sequence: The row's sequence.
        seen_ms: When, in milliseconds since 1970 by the server's clock.
    """

    sequence: int
    seen_ms: int


NO_MARK: Final = Mark(NOTHING, 0)


class LogPlace(NamedTuple):
    """The settled rows that a follower has.

    Attributes:
        line: It has every row up to this sequence, and no other can come.
        rows: How many these are.
        mark: What will be settled next.
    """

    line: int = NOTHING
    rows: int = 0
    mark: Mark = NO_MARK


START: Final = LogPlace()


class Cursor(NamedTuple):
    """A cursor's parts.

    Attributes:
        partition: Stands for the log and the partition.
        kinds: The kinds of rows that were asked for, a bit for each.
        place: From where a follower goes on.
        after: The sequence of the row that it came with: from where a page goes on.
    """

    partition: bytes
    kinds: int
    place: LogPlace
    after: int


def partition_digest(log: str, partition: str) -> bytes:
    """The digest that stands for a partition of a log in a cursor."""
    text = f"{log}\0{partition}".encode("utf-8", "surrogatepass")
    return blake2b(text, digest_size=_PARTITION_BYTES, person=b"log-partition").digest()


def encode(cursor: Cursor) -> str:
    """The string for a cursor: URL-safe, 75 characters, with a checksum."""
    line, rows, mark = cursor.place
    body = _LAYOUT.pack(_VERSION, cursor.partition, cursor.kinds, line, rows, *mark, cursor.after)
    return base64.urlsafe_b64encode(_checksum(body) + body).rstrip(b"=").decode("ascii")


def decode(text: str) -> Cursor:
    """The cursor that a string stands for.

    Raises:
        BadCursorError: It is not a string that `encode` made.
    """
    if len(text) > _MAX_CHARACTERS:
        raise BadCursorError(_UNKNOWN)
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        checksum, body = raw[:_CHECKSUM_BYTES], raw[_CHECKSUM_BYTES:]
        version, partition, kinds, line, rows, sequence, seen_ms, after = _LAYOUT.unpack(body)
    except (binascii.Error, ValueError, struct.error) as error:
        raise BadCursorError(_UNKNOWN) from error
    cursor = Cursor(partition, kinds, LogPlace(line, rows, Mark(sequence, seen_ms)), after)
    if version != _VERSION or checksum != _checksum(body) or encode(cursor) != text:
        raise BadCursorError(_UNKNOWN)
    return cursor


def _checksum(body: bytes) -> bytes:
    return blake2b(body, digest_size=_CHECKSUM_BYTES, person=b"log-cursor").digest()
