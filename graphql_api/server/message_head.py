"""Reads the type and the id of a message of graphql-transport-ws, without parsing all of it.

A message that is too long, or nested too deeply, is not read as JSON. Whether it is a `subscribe`,
and of which operation, stands at its beginning or at its end: clients write `id` and `type` before
the payload or after it. So a little of both ends is enough.
"""

from __future__ import annotations

import json
import re
from typing import NamedTuple

HEAD_BYTES = 4096
"""How much of each end of a message is looked at, and kept of one that is too long."""

MAX_OTHER_CHARS = 65_536
"""How long a message may be that asks for no operation, and any message before the acknowledgement.
So long a `connection_init` holds the cursors of some 600 operations."""

_STRING = rb'"[^"\\]*(?:\\.[^"\\]*)*"'
_WHITE = rb"[ \t\r\n]*"
_OPENING = re.compile(_WHITE + rb"\{")
_KEY = re.compile(_WHITE + rb"(" + _STRING + rb")" + _WHITE + rb":" + _WHITE, re.DOTALL)
_SCALAR = re.compile(_STRING + rb"|[-+.\w]+", re.DOTALL)
_TOKEN = re.compile(_STRING + rb"|[\[\]{}]", re.DOTALL)
_NEXT = re.compile(_WHITE + rb",")
_MEMBER_AT_END = rb"," + _WHITE + rb'"(?:id|type)"' + _WHITE + rb":" + _WHITE + _STRING + _WHITE
_MEMBERS_AT_END = re.compile(rb"((?:" + _MEMBER_AT_END + rb"){1,2})\}" + _WHITE + rb"\Z", re.DOTALL)
_NAMED = re.compile(rb'"(id|type)"' + _WHITE + rb":" + _WHITE + rb"(" + _STRING + rb")", re.DOTALL)


class Head(NamedTuple):
    """The members of a message beside its payload, as far as they were found."""

    type: str | None
    id: str | None

    @property
    def operation_id(self) -> str | None:
        """The id of the operation that the message would begin, if it is a `subscribe`."""
        return self.id if self.type == "subscribe" and self.id else None


def read_head(beginning: bytes, end: bytes) -> Head:
    """The head of a message.

    Args:
        beginning: The first bytes of it.
        end: The last bytes of it; may overlap with the first.
    """
    found: dict[bytes, str | None] = {}
    beginning = beginning[:HEAD_BYTES]
    opening = _OPENING.match(beginning)
    position = opening.end() if opening else len(beginning)
    while key := _KEY.match(beginning, position):
        value_end = _end_of_value(beginning, key.end())
        if value_end is None:
            break
        name = key[1][1:-1]
        if name in (b"id", b"type"):
            found[name] = _text(beginning[key.end() : value_end])
        following = _NEXT.match(beginning, value_end)
        if following is None:
            break
        position = following.end()
    # In JSON the comma in front of "id" cannot be inside a string, nor these members of an object
    # inside the message: only one bracket follows them.
    if opening and (last := _MEMBERS_AT_END.search(end[-HEAD_BYTES:])):
        for name, value in _NAMED.findall(last[1]):
            found[name] = _text(value)
    return Head(found.get(b"type"), found.get(b"id"))


def may_begin_operation(beginning: bytes) -> bool:
    """Whether a message that begins so can be a `subscribe`; if not, its end need not be seen."""
    return bool(_OPENING.match(beginning)) and read_head(beginning, b"").type in (None, "subscribe")


def _end_of_value(data: bytes, start: int) -> int | None:
    """Where a value ends; None, if that is not in these bytes."""
    if data[start : start + 1] not in (b"{", b"["):
        scalar = _SCALAR.match(data, start)
        return scalar.end() if scalar else None
    level = 0
    for token in _TOKEN.finditer(data, start):
        if token[0] in b"{[":
            level += 1
        elif token[0] in b"}]":
            level -= 1
            if level == 0:
                return token.end()
    return None


def _text(value: bytes) -> str | None:
    try:
        text = json.loads(value.decode())
    except ValueError:
        return None
    return text if isinstance(text, str) else None
