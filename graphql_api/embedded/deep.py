"""Values of any depth: JSON, and folds over a value, without recursion.

RethinkDB takes and stores documents of any depth. orjson reads 1024 levels and writes 254, and
Python's recursion ends at about a thousand. Recursive code is faster, so these functions are for
what it has failed on.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final, TypeVar

import orjson

ResultT = TypeVar("ResultT")

_TOKEN = re.compile(
    rb'[ \t\r\n]*+([\[\]{},:]|"[^"\\]*+(?:\\.[^"\\]*+)*+"|[^ \t\r\n\[\]{},:"]++)', re.DOTALL
)
_CLOSING: Final[dict[type, bytes]] = {list: b"]", dict: b"}"}


def loads(data: bytes) -> Any:
    """The value of JSON.

    Raises:
        orjson.JSONDecodeError: It is not JSON.
    """
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError as error:
        if data.count(b"[") + data.count(b"{") < 1000:
            raise
        try:
            return _loads_deep(data)
        except ValueError:
            raise error from None


def _loads_deep(data: bytes) -> Any:
    tokens = _tokens(data)
    containers: list[Any] = []
    names: list[str] = []
    token = next(tokens)
    while True:
        # `token` begins a value.
        value = _begun(token)
        if isinstance(value, list | dict):
            token = next(tokens)
            if token != _CLOSING[type(value)]:
                containers.append(value)
                if isinstance(value, dict):
                    names.append(_name(token, tokens))
                    token = next(tokens)
                continue
        # `value` is complete; perhaps what it stands in is, too.
        while containers:
            container = containers[-1]
            if isinstance(container, dict):
                container[names.pop()] = value
            else:
                container.append(value)
            token = next(tokens)
            if token == b",":
                token = next(tokens)
                if isinstance(container, dict):
                    names.append(_name(token, tokens))
                    token = next(tokens)
                break
            if token != _CLOSING[type(container)]:
                raise ValueError(token)
            value = containers.pop()
        else:
            if next(tokens):
                raise ValueError("there is something behind the value")
            return value


def _begun(token: bytes) -> Any:
    """The value that a token is, or the empty container that it opens."""
    if token == b"[":
        return []
    return {} if token == b"{" else orjson.loads(token)


def _tokens(data: bytes) -> Iterator[bytes]:
    """The tokens of JSON, then empty ones."""
    end = 0
    while match := _TOKEN.match(data, end):
        yield match[1]
        end = match.end()
    if data[end:].strip(b" \t\r\n"):
        raise ValueError("there is something that is no token")
    while True:
        yield b""


def _name(token: bytes, tokens: Iterator[bytes]) -> str:
    """The name of a member, up to its colon."""
    name = orjson.loads(token)
    if not isinstance(name, str) or next(tokens) != b":":
        raise ValueError(token)
    return name


def dumps(value: Any, default: Callable[[object], object]) -> bytes:
    """The JSON of a value, keys sorted, without white space.

    Args:
        value: Made of dictionaries, lists, and what orjson and `default` know.
        default: As for orjson.

    Raises:
        orjson.JSONEncodeError: Something in it has no JSON.
    """
    pieces: list[bytes] = []
    # Of each container: its items that are still to come, and its end.
    stack: list[tuple[Iterator[tuple[bytes, Any]], bytes]] = [(iter([(b"", value)]), b"")]
    while stack:
        items, end = stack[-1]
        for before, item in items:
            pieces.append(before)
            if isinstance(item, list):
                pieces.append(b"[")
                stack.append((_items(item), b"]"))
                break
            if isinstance(item, dict):
                pieces.append(b"{")
                stack.append((_members(item), b"}"))
                break
            pieces.append(orjson.dumps(item, default=default))
        else:
            pieces.append(end)
            stack.pop()
    return b"".join(pieces)


def _items(values: list[Any]) -> Iterator[tuple[bytes, Any]]:
    for number, value in enumerate(values):
        yield (b"," if number else b""), value


def _members(values: dict[str, Any]) -> Iterator[tuple[bytes, Any]]:
    comma = b""
    for name in sorted(values):
        yield comma + orjson.dumps(name) + b":", values[name]
        comma = b","


def fold(
    value: Any,
    parts: Callable[[Any], Iterable[Any] | None],
    join: Callable[[Any, list[ResultT]], ResultT],
) -> ResultT:
    """Fold a value from the bottom up: its parts first, then itself of their results.

    Args:
        value: The whole.
        parts: The parts of a value; None if it has none.
        join: The result for a value from those of its parts, in their order.
    """
    results: list[ResultT] = []
    stack: list[tuple[Any, Iterator[Any], list[ResultT]]] = [(None, iter([value]), results)]
    while True:
        whole, rest, done = stack[-1]
        for part in rest:
            inside = parts(part)
            if inside is not None:
                stack.append((part, iter(inside), []))
                break
            done.append(join(part, []))
        else:
            stack.pop()
            if not stack:
                return results[0]
            stack[-1][2].append(join(whole, done))


def walk(value: Any) -> Iterator[Any]:
    """A value and everything in it, in no order."""
    left = [value]
    while left:
        part = left.pop()
        yield part
        if isinstance(part, dict):
            left.extend(part.values())
        elif isinstance(part, list):
            left.extend(part)


def children(value: Any) -> Iterable[Any] | None:
    """The items of an array, or the values of an object; None for anything else."""
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else None
