"""Kinds of keys: how a stored key becomes the text that clients see, and back.

RethinkDB takes keys of many types. Everything on this side of a source knows a row by its served
key, which is text: the cache, cursors, filters, subscribers and clients. It is translated where a
document comes from the database, and where one is asked for by its key.

| kind    | stored           | served                 |
|---------|------------------|------------------------|
| TEXT    | a string         | the same               |
| INTEGER | a whole number   | its decimal digits     |
| BINARY  | a BINARY         | its bytes, two lower-case hexadecimal digits each |
"""

from __future__ import annotations

import base64
import re
from abc import ABC, abstractmethod
from typing import Final, TypeAlias, TypeGuard, final

Key: TypeAlias = str | int | bytes
"""A key as the database's driver takes it."""

MAX_KEY_BYTES: Final = 127
"""RethinkDB's limit for text; it is lower for BINARY with zeros in it."""

_MAX_INTEGER: Final = 2**53
"""RethinkDB's numbers are doubles: beyond this they are not exact."""

_INTEGER: Final = re.compile(r"0|-?[1-9][0-9]{0,15}", re.ASCII)
_HEX: Final = re.compile(r"(?:[0-9a-f]{2})*", re.ASCII)


class KeyKind(ABC):
    """One way of serving keys: `served` and `stored` are each other's inverse.

    Attributes:
        what: What a key of this kind is, for messages: "a text".
    """

    what: str

    @abstractmethod
    def served(self, key: object) -> str | None:
        """The served key for a stored one, as JSON gives it; None if it is of another kind."""

    @abstractmethod
    def stored(self, key: str) -> Key | None:
        """The stored key for a served one; None if no document can have it."""


@final
class _Text(KeyKind):
    what = "a text"

    def served(self, key: object) -> str | None:
        return key if is_text(key) else None

    def stored(self, key: str) -> Key | None:
        fits = is_text(key) and "\0" not in key and len(key.encode()) <= MAX_KEY_BYTES
        return key if fits else None


@final
class _Integer(KeyKind):
    what = "a whole number"

    def served(self, key: object) -> str | None:
        if type(key) is float and key.is_integer():
            key = int(key)
        return str(key) if type(key) is int and abs(key) <= _MAX_INTEGER else None

    def stored(self, key: str) -> Key | None:
        if _INTEGER.fullmatch(key) is None:
            return None
        number = int(key)
        return number if abs(number) <= _MAX_INTEGER else None


@final
class _Binary(KeyKind):
    what = "a BINARY"

    def served(self, key: object) -> str | None:
        match key:
            case {"$reql_type$": "BINARY", "data": str(data)}:
                try:
                    return base64.b64decode(data).hex()
                except ValueError:
                    return None
        return None

    def stored(self, key: str) -> Key | None:
        fits = len(key) <= 2 * MAX_KEY_BYTES and _HEX.fullmatch(key) is not None
        return bytes.fromhex(key) if fits else None


TEXT: Final[KeyKind] = _Text()
INTEGER: Final[KeyKind] = _Integer()
BINARY: Final[KeyKind] = _Binary()


def is_text(value: object) -> TypeGuard[str]:
    """Whether it is a string that can be sent: JSON can spell half a character, UTF-8 cannot."""
    if type(value) is not str:
        return False
    if value.isascii():
        return True
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True
