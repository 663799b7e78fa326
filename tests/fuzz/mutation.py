"""Changes of an input that leave most of its lines the JSON that they were."""

from __future__ import annotations

import json
from collections.abc import Sequence
from random import Random
from typing import Any

_ODD: list[Any] = [
    *(None, True, False, 0, -1, 1, 1.5, 1e308, -(2**63), 2**53, 2**64, 10**30),
    *("", "a", "id", "\0", "\ud800", "ä", "__proto__", "$reql_type$", "2026-02-30T25:61:00Z"),
    *([], [[]], {}, {"a": 1}, {"": {}}, {"$reql_type$": "TIME"}, {"$reql_type$": "BINARY"}),
]


class Mutation:
    """Changes inputs.

    Args:
        seeds: Whence it takes what it puts into others.
    """

    def __init__(self, seeds: Sequence[bytes]) -> None:
        self._pool = [*_ODD]
        self._lines: list[bytes] = []
        for seed in seeds:
            for line in seed.split(b"\n"):
                self._lines.append(line)
                _, value = _parsed(line)
                self._pool += _parts(value)

    def __call__(self, data: bytes, rng: Random) -> bytes:
        """An input with one line changed, left out, repeated or put in."""
        lines = data.split(b"\n")
        at = rng.randrange(len(lines))
        match rng.randrange(10):
            case 0:
                lines.insert(at, rng.choice(self._lines))
            case 1:
                lines.insert(rng.randrange(len(lines) + 1), lines[at])
            case 2 if len(lines) > 1:
                del lines[at]
            case _:
                lines[at] = self._changed(lines[at], rng)
        return b"\n".join(lines)

    def _changed(self, line: bytes, rng: Random) -> bytes:
        before, value = _parsed(line)
        return before + json.dumps(self._mutated(value, rng)).encode()

    def _mutated(self, value: Any, rng: Random) -> Any:
        if isinstance(value, list) and value and rng.random() < 0.9:
            at = rng.randrange(len(value))
            if rng.random() < 0.1:
                return value[:at] + value[at + 1 :]
            if rng.random() < 0.1:
                return [*value[:at], rng.choice(self._pool), *value[at:]]
            return [*value[:at], self._mutated(value[at], rng), *value[at + 1 :]]
        if isinstance(value, dict) and value and rng.random() < 0.9:
            key = rng.choice(list(value))
            if rng.random() < 0.1:
                return {name: member for name, member in value.items() if name != key}
            if rng.random() < 0.1:
                return value | {str(rng.choice(self._pool)): value[key]}
            return value | {key: self._mutated(value[key], rng)}
        if isinstance(value, int) and rng.random() < 0.5:
            return rng.randrange(200)  # a term, perhaps
        return rng.choice(self._pool)


def _parsed(line: bytes) -> tuple[bytes, Any]:
    """What is before the JSON of a line, and its value; the text of the line, if there is none."""
    for start in (0, 1):
        try:
            return line[:start], json.loads(line[start:])
        except (ValueError, RecursionError):
            pass
    return b"", line.decode(errors="replace")


def _parts(value: Any) -> list[Any]:
    members: list[Any] = []
    if isinstance(value, list):
        members = value
    elif isinstance(value, dict):
        members = [*value.values()]
    return [value, *(part for member in members for part in _parts(member))]
