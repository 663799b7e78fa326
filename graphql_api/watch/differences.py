"""Differences between two values of a row, as an operator reads them: `limits.maxCost: 5 → 10`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from graphql_api.client.text import clean

_BARE = re.compile(r"[^\s,\"\\\[\]]+")
"""Strings that need no quotes to be distinct from the text around them."""


class Difference(NamedTuple):
    """One value that is another now.

    Attributes:
        path: Where it is in the row, such as `urlRules[2].amount`.
        old: What it was.
        new: What it is.
    """

    path: str
    old: Any
    new: Any


def differences(
    old: Mapping[str, Any], new: Mapping[str, Any], fields: Iterable[str]
) -> list[Difference]:
    """The differences in some fields, as deep in them as both sides have the same shape."""
    return [each for name in fields for each in _deep(name, old.get(name), new.get(name))]


def _deep(path: str, old: Any, new: Any) -> Iterator[Difference]:
    match old, new:
        case dict(), dict():
            for name in old | new:
                yield from _deep(f"{path}.{name}", old.get(name), new.get(name))
        case list(), list() if len(old) == len(new) and any(isinstance(v, dict) for v in old):
            for index, (before, after) in enumerate(zip(old, new, strict=True)):
                yield from _deep(f"{path}[{index}]", before, after)
        case _ if old != new or isinstance(old, bool) is not isinstance(new, bool):
            yield Difference(clean(path), old, new)


def value_text(value: Any) -> str:
    """A JSON value on one line, clean."""
    match value:
        case None:
            return "none"
        case bool():
            return "true" if value else "false"
        case float() if value.is_integer():
            return f"{value:.0f}"  # a Float of the schema, as people write it
        case str():
            text = clean(value)
            return text if _BARE.fullmatch(text) else f'"{text}"'
        case list():
            return f"[{', '.join(map(value_text, value))}]"
        case dict():
            members = (f"{clean(name)}: {value_text(member)}" for name, member in value.items())
            return f"{{{', '.join(members)}}}"
        case _:
            return clean(str(value))
