"""JSON that strangers send, nested no deeper than everything behind can follow."""

from __future__ import annotations

from collections.abc import Iterable

import orjson

MAX_LEVELS = 64
"""How deep objects and arrays may be nested. orjson reads a thousand levels and writes 254, and
GraphQL's execution follows values by recursion; no input of a schema needs more than a few."""


def from_json(text: str | bytes) -> object:
    """The value that a text holds.

    Of members with equal names the last one counts, as everywhere in JSON. Text that is JSON but no
    Unicode (an escaped half of a surrogate pair) and numbers beyond a double's range are refused as
    if they were no JSON.

    Raises:
        ValueError: It is no JSON, or nested deeper than `MAX_LEVELS`; the text says what.
    """
    data = text.encode() if isinstance(text, str) else text
    value = orjson.loads(data)
    # Few texts have so many brackets that their nesting must be looked at.
    if data.count(b"[") + data.count(b"{") > MAX_LEVELS and _is_too_deep(value):
        raise ValueError(f"nested deeper than {MAX_LEVELS} levels")
    return value


def _is_too_deep(value: object) -> bool:
    level: list[object] = [value]
    for _ in range(MAX_LEVELS):
        level = [
            child
            for parent in level
            for child in _members(parent)
            if isinstance(child, dict | list)
        ]
    return bool(level)


def _members(value: object) -> Iterable[object]:
    match value:
        case dict():
            return value.values()
        case list():
            return value
        case _:
            return ()
