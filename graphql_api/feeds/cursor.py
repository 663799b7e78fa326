"""Cursors: the place of a subscriber in a feed, as text with which it can resume.

A place is named twice: by its position in one run of the feed, which only that run understands, and
by the digest of the table there, which every server of the same database understands.
"""

from __future__ import annotations

import base64
import binascii
import struct
from dataclasses import dataclass
from hashlib import blake2b
from typing import TypeAlias, assert_never

from graphql_api.errors import BadCursorError
from graphql_api.feeds.events import Point

RUN_BYTES = 8
FILTER_BYTES = 8
_CHECKSUM_BYTES = 6
_MAX_CHARACTERS = 1024

_INCOMPLETE, _AT, _WITHIN = 0, 1, 2
_AT_LAYOUT = struct.Struct(f">{RUN_BYTES}s{FILTER_BYTES}sQQ")
_WITHIN_LAYOUT = struct.Struct(f">{RUN_BYTES}s{FILTER_BYTES}sQQQQ")

NO_RUN = bytes(RUN_BYTES)
"""The run of a place that only its digest names."""


@dataclass(frozen=True, slots=True)
class Incomplete:
    """A place inside a snapshot of this feed run, from which no subscriber can resume."""

    run: bytes


@dataclass(frozen=True, slots=True)
class At:
    """The place after a point: everything up to it has been received."""

    run: bytes
    filter: bytes
    point: Point


@dataclass(frozen=True, slots=True)
class Within:
    """A place in a merged batch: all up to `after`, and of (after, until] the keys to `key`."""

    run: bytes
    filter: bytes
    after: Point
    until: Point
    key: str


Cursor: TypeAlias = Incomplete | At | Within


def encode(cursor: Cursor) -> str:
    """The string for a cursor: URL-safe, with a checksum; 52 characters, but within a batch."""
    match cursor:
        case Incomplete(run):
            body = bytes([_INCOMPLETE]) + run
        case At(run, filter_, point):
            body = bytes([_AT]) + _AT_LAYOUT.pack(run, filter_, *point)
        case Within(run, filter_, after, until, key):
            body = (
                bytes([_WITHIN])
                + _WITHIN_LAYOUT.pack(run, filter_, *after, *until)
                + key.encode("utf-8", "surrogatepass")
            )
        case _:
            assert_never(cursor)
    return base64.urlsafe_b64encode(_checksum(body) + body).rstrip(b"=").decode("ascii")


def decode(text: str) -> Cursor:
    """The cursor that a string stands for.

    Raises:
        BadCursorError: It is not a string that `encode` made.
    """
    try:
        if len(text) > _MAX_CHARACTERS:
            raise BadCursorError(f"the cursor is longer than {_MAX_CHARACTERS} characters")
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        checksum, body = raw[:_CHECKSUM_BYTES], raw[_CHECKSUM_BYTES:]
        canonical = base64.urlsafe_b64encode(raw).rstrip(b"=").decode("ascii") == text
        if not canonical or not body or checksum != _checksum(body):
            raise BadCursorError("the cursor is not one that this API gave out")
        kind, fields = body[0], body[1:]
        if kind == _INCOMPLETE and len(fields) == RUN_BYTES:
            return Incomplete(fields)
        if kind == _AT:
            run, filter_, *place = _AT_LAYOUT.unpack(fields)
            return At(run, filter_, Point(*place))
        if kind == _WITHIN:
            size = _WITHIN_LAYOUT.size
            key = fields[size:].decode("utf-8", "surrogatepass")
            run, filter_, *places = _WITHIN_LAYOUT.unpack(fields[:size])
            return Within(run, filter_, Point(*places[:2]), Point(*places[2:]), key)
    except (binascii.Error, ValueError, struct.error) as error:
        raise BadCursorError("the cursor is not one that this API gave out") from error
    raise BadCursorError("the cursor is not one that this API gave out")


def _checksum(body: bytes) -> bytes:
    return blake2b(body, digest_size=_CHECKSUM_BYTES, person=b"feed-cursor").digest()
