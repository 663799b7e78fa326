"""Stored documents, read without trust: what fits becomes a typed value, what does not is listed.

Starbelly's documents have no schema. Old ones lack fields, and anybody with a driver can put
anything anywhere. A reader here never raises and never coerces: `name: 5` is not "5".
"""

from __future__ import annotations

import base64
import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from enum import Enum
from functools import cache
from typing import Any, TypeGuard, TypeVar

import strawberry
from strawberry.types.base import get_object_definition
from strawberry.utils.str_converters import to_camel_case

from graphql_api.feeds.keys import is_text
from graphql_api.masking import mask_password

T = TypeVar("T")
ItemT = TypeVar("ItemT")
EnumT = TypeVar("EnumT", bound=Enum)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_INT_MIN, _INT_MAX = -(2**31), 2**31 - 1
_MAX_DOUBLE = sys.float_info.max
_DIGITS = 10
"""A number with fewer digits is an Int."""

graphql_name = cache(to_camel_case)
"""The name in GraphQL of a stored or a Python name."""


@cache
def attributes(type_: type) -> tuple[str, ...] | None:
    """The attributes of a GraphQL type that no resolver answers; None for any other type."""
    definition = get_object_definition(type_)
    if definition is None:
        return None
    return tuple(field.python_name for field in definition.fields if field.is_basic_field)


def in_words(name: str) -> str:
    """The name of a table as people say it: `domain login`, `CAPTCHA solver`."""
    return name.replace("_", " ").replace("captcha", "CAPTCHA")


def in_milliseconds(time: datetime) -> datetime:
    """A time in whole milliseconds, as RethinkDB keeps it."""
    return time.astimezone(UTC).replace(microsecond=time.microsecond // 1000 * 1000)


def stored_time(time: datetime) -> dict[str, Any]:
    """A time as RethinkDB has it."""
    epoch_time = (time - _EPOCH) / timedelta(seconds=1)
    return {"$reql_type$": "TIME", "epoch_time": epoch_time, "timezone": "+00:00"}


def stored_value(value: object) -> object:
    """A key as it stands in a document: bytes are a BINARY there."""
    if isinstance(value, bytes):
        return {"$reql_type$": "BINARY", "data": base64.b64encode(value).decode("ascii")}
    return value


class Fields:
    """The fields of one stored object, as typed values.

    A field that is missing or null is None, or an empty list. So is a value that does not fit;
    then its path is added to `invalid`, in GraphQL's names: `limits.maxCost`,
    `mimeTypeRules[2].save`. An item's number is its place in the stored list.

    Args:
        stored: The object.
        invalid: Where to list what does not fit.
        path: What stands before a field's name in its path.
    """

    __slots__ = ("_invalid", "_path", "_stored")

    def __init__(self, stored: Mapping[str, Any], invalid: list[str], path: str = "") -> None:
        self._stored = stored
        self._invalid = invalid
        self._path = path

    def stored(self, name: str) -> object:
        """The value as it is stored, of any type, for a reader of its own; never listed."""
        return self._stored.get(name)

    def string(self, name: str, *, served_as: str | None = None) -> str | None:
        """Text."""
        value = self._stored.get(name)
        if value is None or is_text(value):
            return value
        self._refuse(served_as or name)
        return None

    def id(self, name: str) -> strawberry.ID | None:
        """The key of a document."""
        value = self.string(name)
        return None if value is None else strawberry.ID(value)

    def url(self, name: str) -> str | None:
        """Text that may be a URL, its password masked."""
        value = self.string(name)
        return None if value is None else mask_password(value)

    def boolean(self, name: str, *, served_as: str | None = None) -> bool | None:
        """True or false."""
        value = self._stored.get(name)
        if value is None or value is True or value is False:
            return value
        self._refuse(served_as or name)
        return None

    def has(self, name: str) -> bool:
        """Whether there is a value, of whatever type."""
        return self._stored.get(name) is not None

    def binary(self, name: str, *, served_as: str | None = None) -> str | None:
        """A BINARY, in base64."""
        value = self._stored.get(name)
        if value is None:
            return None
        if isinstance(value, dict) and value.get("$reql_type$") == "BINARY":
            data = value.get("data")
            if is_text(data):
                return data
        self._refuse(served_as or name)
        return None

    def integer(self, name: str) -> int | None:
        """A whole number of GraphQL's range; RethinkDB has doubles only, so 3.0 is one."""
        value = self._stored.get(name)
        if value is None:
            return None
        if type(value) is float and value.is_integer():
            value = int(value)
        if type(value) is int and _INT_MIN <= value <= _INT_MAX:
            return value
        self._refuse(name)
        return None

    def number(self, name: str, *, served_as: str | None = None) -> float | None:
        """A number that is finite as a double."""
        value = self._stored.get(name)
        if value is None:
            return None
        if (type(value) is float or type(value) is int) and -_MAX_DOUBLE <= value <= _MAX_DOUBLE:
            return float(value)
        self._refuse(served_as or name)
        return None

    def enum(self, name: str, members: type[EnumT]) -> EnumT | None:
        """A member of an enum, by its value."""
        value = self._stored.get(name)
        if value is None:
            return None
        member = _members(members).get(value) if type(value) is str else None
        if member is None:
            self._refuse(name)
        return member

    def time(self, name: str) -> datetime | None:
        """A TIME in UTC, to the millisecond; one that Python's calendar lacks does not fit."""
        value = self._stored.get(name)
        if value is None:
            return None
        if isinstance(value, dict) and value.get("$reql_type$") == "TIME":
            epoch_time = value.get("epoch_time")
            if type(epoch_time) is float or type(epoch_time) is int:
                try:
                    return _EPOCH + timedelta(milliseconds=round(epoch_time * 1000))
                except (OverflowError, ValueError):
                    pass  # before year 1, after year 9999, or not finite
        self._refuse(name)
        return None

    def nested(self, name: str, read: Callable[[Fields], T]) -> T | None:
        """Read an object by `read`."""
        value = self._stored.get(name)
        if value is None:
            return None
        if not is_object(value):
            self._refuse(name)
            return None
        return read(Fields(value, self._invalid, f"{self._path}{graphql_name(name)}."))

    def nested_row(self, name: str, read: Callable[[Fields, list[str]], T]) -> T | None:
        """Read an object by `read`, which is given a list of its own for what does not fit."""
        invalid: list[str] = []
        value = self._stored.get(name)
        if value is None:
            return None
        if not is_object(value):
            self._refuse(name)
            return None
        row = read(Fields(value, invalid), invalid)
        self._invalid += (f"{self._path}{graphql_name(name)}.{path}" for path in invalid)
        return row

    def counts(self, name: str) -> list[tuple[int, int]] | None:
        """The members of an object as whole numbers, by their names as numbers, in order."""
        value = self._stored.get(name)
        if value is None:
            return []
        if not is_object(value):
            self._refuse(name)
            return None
        counts = []
        members = Fields(value, self._invalid, f"{self._path}{graphql_name(name)}.")
        for text in value:
            if text.isascii() and text.isdecimal() and len(text) < _DIGITS:
                count = members.integer(text)
                if count is not None:
                    counts.append((int(text), count))
            else:
                members._refuse(text if is_text(text) else "")
        return sorted(counts)

    def nested_list(self, name: str, read: Callable[[Fields], T]) -> tuple[T, ...] | None:
        """Read each object of a list by `read`."""
        return self._list(
            name, is_object, lambda path, item: read(Fields(item, self._invalid, f"{path}."))
        )

    def pairs(self, name: str, read: Callable[[str, str], T]) -> tuple[T, ...] | None:
        """Read each pair of texts in a flat list by `read`; one without a partner is left out."""
        value = self._stored.get(name)
        if value is None:
            return ()
        if not isinstance(value, list):
            self._refuse(name)
            return None
        items: list[T] = []
        for index in range(0, len(value), 2):
            pair = value[index : index + 2]
            if len(pair) == 2 and all(map(is_text, pair)):
                items.append(read(*pair))
            else:
                self._invalid.append(f"{self._path}{graphql_name(name)}[{index // 2}]")
        return tuple(items)

    def strings(self, name: str) -> tuple[str, ...] | None:
        """The texts of a list."""
        return self._list(name, is_text, lambda _, item: item)

    def urls(self, name: str) -> tuple[str, ...] | None:
        """The texts of a list, which may be URLs, their passwords masked."""
        return self._list(name, is_text, lambda _, item: mask_password(item))

    def _list(
        self, name: str, fits: Callable[[object], TypeGuard[T]], read: Callable[[str, T], ItemT]
    ) -> tuple[ItemT, ...] | None:
        """Read each item that fits, with its path, by `read`; None if it is no list."""
        value = self._stored.get(name)
        if value is None:
            return ()
        if not isinstance(value, list):
            self._refuse(name)
            return None
        items: list[ItemT] = []
        for index, item in enumerate(value):
            path = f"{self._path}{graphql_name(name)}[{index}]"
            if fits(item):
                items.append(read(path, item))
            else:
                self._invalid.append(path)
        return tuple(items)

    def _refuse(self, name: str) -> None:
        """List a field as invalid; its value is None then."""
        self._invalid.append(self._path + graphql_name(name))


@cache
def _members(enum: type[EnumT]) -> Mapping[object, EnumT]:
    return {member.value: member for member in enum}


def is_object(value: object) -> TypeGuard[dict[str, Any]]:
    """Whether it is a plain object: a TIME, BINARY or GEOMETRY only looks like one."""
    return isinstance(value, dict) and "$reql_type$" not in value
