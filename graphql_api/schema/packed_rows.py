"""Rows as JSON, for a history: short, and without what is not served.

A row is an array of the values of its fields, in the order in which its type declares them:

| value                            | JSON                                                   |
|----------------------------------|--------------------------------------------------------|
| null, true, false, number, text  | the same                                               |
| list                             | an array                                               |
| enum                             | its value                                              |
| time                             | the milliseconds since 1970 began, in UTC              |
| object                           | an array of the values of its fields, declared in order |

What a row carries beside its fields (`beside`) follows as one more array, where it is not what the
type declares. Two rows that are equal, and carry the same, have the same bytes, but for the sign of
a zero. The bytes do not say of which type they are: what keeps them for longer than a process keeps
`PackedRows.format` with them, and drops all that has another one.
"""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from enum import Enum
from functools import cache
from hashlib import blake2b
from operator import attrgetter
from types import NoneType
from typing import Any, Final, Generic, TypeAlias, TypeVar, get_args, get_origin, get_type_hints

import orjson
from strawberry.types.base import get_object_definition, has_object_definition

RowT = TypeVar("RowT")

_Reader: TypeAlias = Callable[[Any], Any]

_OPTIONS: Final = orjson.OPT_PASSTHROUGH_DATACLASS | orjson.OPT_PASSTHROUGH_DATETIME
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)
_FORMAT: Final = 1


class PackedRows(Generic[RowT]):
    """The `Packing` of a table.

    Args:
        row_type: The Strawberry type of its rows.
        decoding: The version of its `decode`: goes up when that makes another row of a document.
        filtered: The names of the attributes that its filters look at.
        beside: The names of attributes, declared by the type, that are no fields; arrays of text.
    """

    def __init__(
        self,
        row_type: type[RowT],
        *,
        decoding: int,
        filtered: Sequence[str],
        beside: Sequence[str] = (),
    ) -> None:
        names = _fields(row_type)
        self._values = _getter(names)
        self._read = _reader(row_type)
        self._length = len(names)
        self._beside = {name: getattr(row_type, name) for name in beside}
        self._filtered = _getter(filtered)
        self._make_facets = _facets_type(filtered)._make
        shape = blake2b(repr(_shape(row_type)).encode(), digest_size=6).hexdigest()
        self.format = f"{_FORMAT}.{decoding}.{shape}"
        """Names this encoding, the shape of the rows, and the version of their decoding."""

    def pack(self, row: RowT) -> bytes:
        """The bytes of a row."""
        values = self._values(row)
        beside = [getattr(row, name) for name in self._beside]
        if beside != list(self._beside.values()):
            values = (*values, beside)
        # Copied, because orjson's own bytes keep the room that it wrote in: 4 KB for 400 bytes.
        return memoryview(orjson.dumps(values, default=_parts, option=_OPTIONS)).tobytes()

    def content(self, packed: bytes) -> bytes:
        """The bytes that are compared of a row: the same for all rows that are equal."""
        # What a row carries beside its fields is an array of arrays, at the end.
        may_carry = bool(self._beside) and packed.endswith(b"]]")
        has_signed_zero = b"-0.0" in packed
        if not may_carry and not has_signed_zero:
            return packed
        values = orjson.loads(packed)[: self._length]
        return orjson.dumps(_without_signed_zeros(values) if has_signed_zero else values)

    def unpack(self, packed: bytes) -> RowT:
        """An equal row, which carries the same beside its fields."""
        values = orjson.loads(packed)
        row: RowT = self._read(values)
        if len(values) > self._length:
            for name, value in zip(self._beside, values[-1], strict=True):
                setattr(row, name, tuple(value))
        return row

    def facets(self, row: RowT) -> Any:
        """An object with those attributes of a row that filters look at."""
        return self._make_facets(self._filtered(row))


def _facets_type(names: Sequence[str]) -> Any:
    return namedtuple("Facets", names)  # noqa: PYI024 - its fields vary


def _getter(names: Sequence[str]) -> Callable[[Any], tuple[Any, ...]]:
    if len(names) == 1:
        (name,) = names
        return lambda value: (getattr(value, name),)
    return attrgetter(*names)


def _parts(value: Any) -> Any:
    """The form of a value that orjson does not know, as it can write it."""
    if isinstance(value, datetime):
        return (value - _EPOCH) // _MILLISECOND
    type_: Any = type(value)
    return _values_of(type_)(value)


def _without_signed_zeros(value: Any) -> Any:
    if isinstance(value, list):
        return [_without_signed_zeros(item) for item in value]
    return 0.0 if value == 0.0 and isinstance(value, float) else value


@cache
def _values_of(type_: Any) -> Callable[[Any], tuple[Any, ...]]:
    return _getter(_fields(type_))


def _fields(type_: type) -> list[str]:
    """The names of the fields of a type that are not resolved."""
    fields = get_object_definition(type_, strict=True).fields
    return [field.python_name for field in fields if field.is_basic_field]


def _shape(hint: Any) -> Any:
    """The names and types of all fields in a type, as plain values."""
    if isinstance(hint, type) and has_object_definition(hint):
        hints = get_type_hints(hint)
        return [(name, _shape(hints[name])) for name in _fields(hint)]
    if isinstance(hint, type) and issubclass(hint, Enum):
        return list(hint.__members__)
    if parts := [part for part in get_args(hint) if part is not Ellipsis]:
        return ["list" if _is_list(hint) else "one of", *map(_shape, parts)]
    return hint.__name__


def _is_list(hint: Any) -> bool:
    origin = get_origin(hint)
    return isinstance(origin, type) and issubclass(origin, Sequence)


def _same(value: Any) -> Any:
    return value


def _reader(hint: Any) -> _Reader:
    """A function that makes a value of a type from its JSON."""
    if isinstance(hint, type) and has_object_definition(hint):
        return _object_reader(hint)
    if isinstance(hint, type) and issubclass(hint, Enum):
        return {member.value: member for member in hint}.__getitem__
    if hint is datetime:
        return lambda value: _EPOCH + value * _MILLISECOND
    parts = [part for part in get_args(hint) if part not in (NoneType, Ellipsis)]
    if not parts:
        return _same
    (part,) = parts
    read = _reader(part)
    if not _is_list(hint):
        return read if read is _same else lambda value: None if value is None else read(value)
    as_list = list if get_origin(hint) is list else tuple
    return as_list if read is _same else lambda values: as_list(map(read, values))


def _object_reader(type_: type) -> _Reader:
    names, hints = _fields(type_), get_type_hints(type_)
    readers = [
        (at, read) for at, name in enumerate(names) if (read := _reader(hints[name])) != _same
    ]

    def read_object(values: list[Any]) -> Any:
        for at, read in readers:
            values[at] = read(values[at])
        return type_(**dict(zip(names, values, strict=False)))

    return read_object
