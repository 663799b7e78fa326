"""Fields of a row that are read from its document: each says its name, reader and description once.

A class with such fields is a Strawberry type. `decoder` makes of them the function that reads a
stored object:

    @strawberry.type
    class PolicyLimits:
        max_items: int | None = stored("How many items a crawl may download.")

The field is stored by its own name, and its type chooses the reader, unless it names another one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from enum import Enum
from functools import cache
from types import NoneType
from typing import Any, Final, NamedTuple, TypeAlias, get_args, get_origin, get_type_hints

import strawberry
from strawberry.types.base import get_object_definition, has_object_definition

from graphql_api.schema.document import Fields
from graphql_api.schema.generated import function

Reader: TypeAlias = Callable[[Fields, str], Any]
"""Reads the field of a stored object that has a name."""

KEY: Final = "key"
"""In the metadata of a field that holds the document's key."""

_STORED: Final = "stored"
_READERS: Final[Mapping[Any, Reader]] = {
    str: Fields.string,
    strawberry.ID: Fields.id,
    bool: Fields.boolean,
    int: Fields.integer,
    float: Fields.number,
    datetime: Fields.time,
}


class _StoredField(NamedTuple):
    name: str | None
    read: Reader | None


def stored(description: str, *, name: str | None = None, read: Reader | None = None) -> Any:
    """A field that is read from the document.

    Args:
        description: Its description in the schema.
        name: The stored name; that of the attribute, if absent.
        read: Its reader; the one for its type, if absent.
    """
    return strawberry.field(description=description, metadata={_STORED: _StoredField(name, read)})


def key(description: str) -> Any:
    """A field that holds the document's key."""
    return strawberry.field(description=description, metadata={KEY: True})


@cache
def decoder(type_: type) -> Callable[[Fields], Any]:
    """A function that makes a value of a type from a stored object; it has stored fields only."""
    return _constructor(type_, "fields", {})


def stored_names(type_: type, primary_key: str) -> dict[str, str]:
    """The stored fields of a row by the attributes that they are served as, its key too."""
    return {
        field.python_name: primary_key
        if KEY in field.metadata
        else field.metadata[_STORED].name or field.python_name
        for field in get_object_definition(type_, strict=True).fields
        if KEY in field.metadata or _STORED in field.metadata
    }


def row_decoder(type_: type) -> Callable[[Fields, str, list[str]], Any]:
    """A function that makes a row from its document, key, and list of what does not fit."""
    keys = {
        field.python_name: "key"
        for field in get_object_definition(type_, strict=True).fields
        if KEY in field.metadata
    }
    return _constructor(type_, "fields, key, invalid", {**keys, "invalid_fields": "tuple(invalid)"})


def version_reader(version_type: type) -> Reader:
    """The reader of a copy of another table's row, which lists by itself what does not fit."""
    others = {"invalid_fields": "tuple(invalid)"}
    make = _constructor(version_type, "fields, invalid", others)
    return lambda fields, name: fields.nested_row(name, make)


def _constructor(type_: type, parameters: str, others: Mapping[str, str]) -> Callable[..., Any]:
    """A function that reads the stored fields of a type, then evaluates the others."""
    hints = get_type_hints(type_)
    names: dict[str, Any] = {"type_": type_}
    arguments: list[str] = []
    for field in get_object_definition(type_, strict=True).fields:
        if (said := field.metadata.get(_STORED)) is not None:
            attribute = field.python_name
            names[f"read_{attribute}"] = said.read or _reader(hints[attribute])
            arguments.append(f"{attribute}=read_{attribute}(fields, {said.name or attribute!r})")
    arguments += [f"{attribute}={expression}" for attribute, expression in others.items()]
    return function(parameters, f"type_({', '.join(arguments)})", names)


def _reader(hint: Any) -> Reader:
    """The reader of a type that may be null."""
    (type_,) = [part for part in get_args(hint) if part is not NoneType] or [hint]
    if type_ in _READERS:
        return _READERS[type_]
    if get_origin(type_) is Sequence:
        (item,) = get_args(type_)
        if item is str:
            return Fields.strings
        read_item = decoder(item)
        return lambda fields, name: fields.nested_list(name, read_item)
    if isinstance(type_, type) and issubclass(type_, Enum):
        return lambda fields, name: fields.enum(name, type_)
    if has_object_definition(type_):
        read_object = decoder(type_)
        return lambda fields, name: fields.nested(name, read_object)
    raise TypeError(f"no reader for {hint}")
