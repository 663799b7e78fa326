"""The JSON that the database sends, decoded so that no stored document can break a connection."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, Final

import orjson

from graphql_api.feeds.depth import UNREAD, PartialDocument, has_unread

_REPLY_RUNTIME_ERROR = 18
_ERROR_INTERNAL = 1000000

MAX_REPLY_DEPTH: Final = 200
"""Levels of a reply that are read when it is too deep for the decoder, which reads 1024."""

_UNREAD_TEXT: Final = json.dumps(UNREAD)
_BRACKETS = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"|[\[{]++|[\]}]++', re.DOTALL)
"""A string, in which brackets mean nothing, or a run of opening or of closing ones."""


class PlainDecoder:
    """Decodes what the server sends as plain JSON, and never raises.

    The driver's own decoder makes values of pseudo-types and raises for one that it does not know,
    or for a time after the year 9999. The driver answers an exception there by closing the
    connection, with everything on it. Here a TIME, a GEOMETRY or one that is invented next year is
    a dictionary like any other. A part that is nested too deeply becomes `UNREAD`, in a document
    that is a `PartialDocument` then. What is not JSON becomes an error reply to its one query. It
    is also several times faster, and so blocks the event loop for less.
    """

    def __init__(self, _options: Mapping[str, Any] | None = None) -> None:
        pass

    def decode(self, text: str) -> Any:
        """The value of a handshake message or a reply."""
        try:
            return orjson.loads(text)
        except orjson.JSONDecodeError as error:
            if text:
                try:
                    return _decode_leniently(text)
                except (ValueError, RecursionError):
                    pass
            reason = "the server sent what is not JSON" if text else "the server hung up"
            message = f"{reason} ({error})" if text else reason
            handshake = {"success": False, "error_code": 0, "error": message}
            reply = {"t": _REPLY_RUNTIME_ERROR, "e": _ERROR_INTERNAL, "r": [message], "b": []}
            return handshake | reply


def _decode_leniently(text: str) -> Any:
    """The value of JSON that is nested too deeply, or holds half a character or a huge number."""
    shallow = without_depth(text, MAX_REPLY_DEPTH)
    try:
        reply = orjson.loads(shallow)
    except orjson.JSONDecodeError:
        reply = json.loads(shallow, strict=False, parse_int=_integer)
    if shallow is not text and isinstance(reply, dict) and isinstance(reply.get("r"), list):
        reply["r"] = [_noted(row) for row in reply["r"]]
    return reply


def without_depth(text: str, max_depth: int) -> str:
    """JSON in which every array and object below `max_depth` levels is replaced by `UNREAD`.

    Only brackets are looked at: text that is not JSON stays so. Returns `text` itself if it is not
    that deep.
    """
    pieces: list[str] = []
    depth = kept_until = 0
    for match in _BRACKETS.finditer(text):
        kind, length = text[match.start()], match.end() - match.start()
        if kind in "[{":
            if depth <= max_depth < depth + length:
                pieces.append(text[kept_until : match.start() + max_depth - depth])
            depth += length
        elif kind in "]}":
            if depth - length <= max_depth < depth:
                pieces.append(_UNREAD_TEXT)
                kept_until = match.start() + depth - max_depth
            depth -= length
    if not pieces:
        return text
    pieces.append(text[kept_until:])
    return "".join(pieces)


def _integer(text: str) -> int | float:
    # Python refuses to make an integer of more than 4300 digits.
    return int(text) if len(text) < 400 else float(text)


def _noted(row: Any) -> Any:
    """A row of a reply, with the documents in it that were not read as a whole marked as such."""
    if not isinstance(row, dict) or not has_unread(row):
        return row
    if "new_val" not in row and "old_val" not in row:
        return PartialDocument(row)
    return {
        name: PartialDocument(value) if isinstance(value, dict) and has_unread(value) else value
        for name, value in row.items()
    }
