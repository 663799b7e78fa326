"""JSON that strangers send, nested no deeper than everything behind can follow."""

from __future__ import annotations

import json
from typing import NoReturn

import orjson

MAX_LEVELS = 64
"""How deep objects and arrays may be nested. GraphQL's execution follows values by recursion, and
no input of a schema needs more than a few."""

_BRACKETS = bytes.maketrans(b"{}", b"[]")
_NO_BRACKETS = bytes(set(range(256)).difference(b"[]{}"))


class TooDeepError(ValueError):
    """The text is nested deeper than `MAX_LEVELS`; nothing has been made of it."""

    def __init__(self) -> None:
        super().__init__(f"nested deeper than {MAX_LEVELS} levels")


def from_json(text: str | bytes) -> object:
    """The value that a text holds, by RFC 8259 as JavaScript reads it.

    Of members with equal names the last one counts. Half of a surrogate pair stays one, and a
    number beyond 64 bits is a float, an infinite one if it is beyond a double: `Request.of` and the
    types of the schema refuse them for the one operation that they belong to.

    Raises:
        TooDeepError: It is nested deeper than `MAX_LEVELS`.
        ValueError: It is no JSON; the text says why, without repeating it.
    """
    data = text.encode() if isinstance(text, str) else text
    _check_depth(data)
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError:
        # orjson takes neither half a surrogate pair nor a number beyond a double.
        return _DECODER.decode(data.decode())


def _check_depth(data: bytes) -> None:
    """See that a text is not nested too deeply, without reading it as JSON.

    Raises:
        TooDeepError: It is.
        ValueError: Its brackets do not match: it is no JSON.
    """
    if data.count(b"[") + data.count(b"{") <= MAX_LEVELS:
        return
    # What is outside of strings: between every second pair of quotation marks.
    outside = data.replace(b"\\\\", b"").replace(b'\\"', b"").split(b'"')[::2]
    brackets = b"".join(outside).translate(_BRACKETS, _NO_BRACKETS)
    for _ in range(MAX_LEVELS):
        inner = brackets.replace(b"[]", b"")
        if len(inner) == len(brackets):
            break
        brackets = inner
    if b"[]" in brackets:
        raise TooDeepError
    if brackets:
        raise ValueError("its brackets do not match")


def _integer(digits: str) -> int | float:
    value = int(digits) if len(digits) <= 20 else float(digits)
    return value if -(2**63) <= value < 2**64 else float(value)


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no JSON")


_DECODER = json.JSONDecoder(parse_int=_integer, parse_constant=_refuse)
