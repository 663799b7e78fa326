"""Where a cursor stands, as the simulation reads it; it fails if cursors have another form."""

from __future__ import annotations

import base64
from dataclasses import dataclass

_CHECKSUM, _RUN, _FILTER, _NUMBER = 6, 8, 8, 8
_INCOMPLETE, _AT, _WITHIN = 0, 1, 2
_HEAD = _RUN + _FILTER + _NUMBER
_AT_BYTES, _WITHIN_BYTES = _HEAD + _NUMBER, _HEAD + 3 * _NUMBER


@dataclass(frozen=True, slots=True)
class Place:
    """Where a subscription stands.

    Attributes:
        run: Names one run of one feed.
        position: How many changes that run had counted; before a merged batch, if it is in one.
        is_whole: Whether everything up to the position has been sent, and nothing behind it.
    """

    run: bytes
    position: int
    is_whole: bool


def place(cursor: str) -> Place | None:
    """The place of a cursor; None within a snapshot.

    Raises:
        AssertionError: It has another form than cursors had when this was written.
    """
    raw = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
    kind = raw[_CHECKSUM] if len(raw) > _CHECKSUM else None
    body = raw[_CHECKSUM + 1 :]
    if kind == _INCOMPLETE and len(body) == _RUN:
        return None
    is_at = kind == _AT and len(body) == _AT_BYTES
    if not is_at and not (kind == _WITHIN and len(body) >= _WITHIN_BYTES):
        raise AssertionError(f"cursors have another form, which places.py does not know: {cursor}")
    position = int.from_bytes(body[_RUN + _FILTER : _HEAD], "big")
    return Place(body[:_RUN], position, is_at)
