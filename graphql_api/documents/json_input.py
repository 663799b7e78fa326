"""JSON that clients send, bounded in depth and in its number of values.

It is no deeper than everything behind can follow, and has no more values than can be read without
keeping other clients waiting. Both are seen on the text, before anything is made of it: a body of
4 MB may stand for two million arrays, which take 0.8 s and 180 MB.
"""

from __future__ import annotations

import json
from contextlib import suppress
from functools import lru_cache
from itertools import accumulate
from typing import NoReturn

import orjson

MAX_LEVELS = 64
"""How deep objects and arrays may be nested. GraphQL's execution follows values by recursion, and
no input of a schema needs more than a few."""

MAX_PARTS = 100_000
"""How many parts a text may have. A comma is one; so is a quotation mark, where strings must be
looked for. An object or array is three, but for an empty object: that is about how long each takes.
So many are read within some 10 ms, and no operation may have as many values by the settings'
defaults."""

MAX_SLOW_PARTS = 20_000
"""How many parts a text may have that orjson does not read: Python takes five times as long."""

_BEGINNING_BYTES = 512 * 1024
"""How much of a long text is looked at first. To look at 4 MB takes up to 40 ms."""

_OPENING = ord("[")
_BRACKETS = bytes.maketrans(b"{}", b"[]")
_NO_BRACKETS = bytes(set(range(256)).difference(b"[]{}"))


class JSONLimitError(ValueError):
    """The text is beyond a limit; nothing has been made of it."""


class TooDeepError(JSONLimitError):
    """The text is nested deeper than `MAX_LEVELS`."""

    def __init__(self) -> None:
        super().__init__(f"nested deeper than {MAX_LEVELS} levels")


class TooManyPartsError(JSONLimitError):
    """The text has more than `MAX_PARTS`, or than `MAX_SLOW_PARTS`."""

    def __init__(self) -> None:
        super().__init__("of more values than are read at once: send several operations")


def from_json(text: str | bytes, *, max_parts: int = MAX_PARTS) -> object:
    """The value that a text holds, by RFC 8259 as JavaScript reads it.

    Of members with equal names the last one counts. Half of a surrogate pair stays one, and a
    number beyond 64 bits is a float, an infinite one if it is beyond a double: `Request.of` and the
    types of the schema refuse them for the one operation that they belong to.

    Args:
        text: The text.
        max_parts: How many parts it may have.

    Raises:
        TooDeepError: It is nested deeper than `MAX_LEVELS`.
        TooManyPartsError: It has more than `max_parts`; or than `MAX_SLOW_PARTS`, and half of a
            surrogate pair, a number beyond a double, or an error.
        ValueError: It is no JSON; the text says why, without repeating it.
    """
    data = text.encode() if isinstance(text, str) else text
    _check_size(data, max_parts)
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError:
        # orjson takes neither half a surrogate pair nor a number beyond a double.
        _check_size(data, min(max_parts, MAX_SLOW_PARTS))
        return _DECODER.decode(data.decode())


def _check_size(data: bytes, max_parts: int) -> None:
    """Check that a text is neither too deep nor too long, without reading it as JSON.

    Raises:
        TooDeepError: It is nested too deeply.
        TooManyPartsError: It has too many parts.
    """
    if len(data) > 4 * _BEGINNING_BYTES:
        # Of most texts that have too many parts, the beginning has, too. An empty object or list
        # that is cut apart counts three, and only the whole text tells how deep it is.
        with suppress(TooDeepError):
            _check_size(data[:_BEGINNING_BYTES], max_parts + 3)
    openings, parts = _openings_and_parts(data, max_parts)
    if openings <= MAX_LEVELS and parts <= max_parts:
        return
    if len(data) > max_parts and data.count(b'"') > max_parts:
        raise TooManyPartsError
    # What is outside of strings: between every second pair of quotation marks.
    plain = data.replace(b"\\\\", b"").replace(b'\\"', b"") if b"\\" in data else data
    outside = b"".join(plain.split(b'"')[::2])
    if parts - 3 * (len(data) - len(outside)) <= max_parts:
        _, parts = _openings_and_parts(outside, max_parts)
    if parts > max_parts:
        _check_depth(outside[:max_parts])  # which is the better reason
        raise TooManyPartsError
    _check_depth(outside)


def _openings_and_parts(data: bytes, max_parts: int) -> tuple[int, int]:
    """How many brackets open in a text, and how many parts it has, with those in its strings."""
    braces = data.count(b"{")
    openings = data.count(b"[") + braces
    if 3 * len(data) <= max_parts:
        return openings, 0  # so short that it does not matter
    empty = data.count(b"{}") if braces else 0
    return openings, data.count(b",") + 3 * (openings - empty)


def _check_depth(outside: bytes) -> None:
    """Check that what is outside of strings is not nested too deeply.

    Raises:
        TooDeepError: It is.
    """
    brackets = outside.translate(_BRACKETS, _NO_BRACKETS)
    # Most are closed at once; the deepest are, whatever the JSON.
    brackets = brackets.replace(b"[]", b"")
    level = 1
    for start in range(0, len(brackets), _PIECE):
        rise, peak = _rise_and_peak(brackets[start : start + _PIECE])
        if level + peak > MAX_LEVELS:
            raise TooDeepError
        level += rise


_PIECE = 8
"""Brackets. There are few different pieces of so many: what they do is remembered."""


@lru_cache(2**_PIECE)  # type: ignore[untyped-decorator]
def _rise_and_peak(brackets: bytes) -> tuple[int, int]:
    """By how many levels brackets rise in all, and at their highest."""
    levels = [*accumulate(1 if bracket == _OPENING else -1 for bracket in brackets)]
    return levels[-1], max(levels)


def _integer(digits: str) -> int | float:
    value = int(digits) if len(digits) <= 20 else float(digits)
    return value if -(2**63) <= value < 2**64 else float(value)


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no JSON")


_DECODER = json.JSONDecoder(parse_int=_integer, parse_constant=_refuse)
