"""Mutations of a table as JSON for the page `/live`, from their types and the declaration."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Final

import strawberry
from strawberry.types.base import (
    StrawberryList,
    StrawberryOptional,
    get_object_definition,
)
from strawberry.types.field import StrawberryField

from graphql_api.schema.columns import Editing
from graphql_api.schema.declaration import TableDeclaration
from graphql_api.schema.document import graphql_name

_SCALARS: Final[Mapping[Any, str]] = {
    strawberry.ID: "ID",
    bool: "Boolean",
    datetime: "DateTime",
    float: "Float",
    int: "Int",
    str: "String",
}
_KINDS: Final[Mapping[Any, str]] = {bool: "switch", float: "decimal", int: "whole"}


def page_edits(table: TableDeclaration[Any]) -> dict[str, Any]:
    """The mutations of a table and what they change: the type `Edits` of `live/edits.mjs`.

    A table's mutations are `update_` or `set_`, and `delete_`, with its name.

    Raises:
        ValueError: The declaration names a value that no mutation takes.
    """
    fields = {} if table.mutation is None else _fields(table.mutation)
    update = fields.get(f"update_{table.name}") or fields.get(f"set_{table.name}")
    remove = fields.get(f"delete_{table.name}")
    editing = table.people.editing or Editing()
    if editing.fields and update is None:
        raise ValueError(f"table {table.name}: no mutation changes it")
    return {
        "update": None if update is None or not editing.fields else _mutation(update),
        "remove": None if remove is None else _mutation(remove),
        "fields": [] if update is None else [*_editable(table.name, update, editing)],
        "what": editing.what,
        "note": editing.note,
        "needs": [graphql_name(name) for name in editing.needs],
        "removableIf": {
            graphql_name(name): [each.name for each in values]
            for name, values in editing.removable_if.items()
        },
        "removedToo": editing.removed_too,
    }


def _fields(type_: Any) -> dict[str, StrawberryField]:
    return {field.python_name: field for field in get_object_definition(type_, strict=True).fields}


def _mutation(field: StrawberryField) -> dict[str, Any]:
    return {
        "name": graphql_name(field.python_name),
        "arguments": {
            graphql_name(argument.python_name): _written(argument.type)
            for argument in field.arguments
        },
    }


def _editable(name: str, update: StrawberryField, editing: Editing) -> Iterator[dict[str, Any]]:
    """The values that can be changed: members of the input, or an argument itself."""
    arguments = {argument.python_name: argument.type for argument in update.arguments}
    for path, label in editing.fields:
        type_: Any = arguments.get("input")
        members = arguments if type_ is None else _types(type_)
        for step in path.split("."):
            if step not in members:
                raise ValueError(f"table {name}: no mutation takes {path}")
            type_ = members[step]
            members = _types(type_)
        kind = _KINDS.get(_bare(type_))
        if kind is None:
            raise ValueError(f"table {name}: {path} is no number and no switch")
        yield {
            "path": [graphql_name(step) for step in path.split(".")],
            "label": label,
            "kind": kind,
            "isOptional": isinstance(type_, StrawberryOptional),
        }


def _types(type_: Any) -> dict[str, Any]:
    """The types of an input's members; nothing, if it is no input."""
    bare = _bare(type_)
    if get_object_definition(bare) is None:
        return {}
    return {name: field.type for name, field in _fields(bare).items()}


def _bare(type_: Any) -> Any:
    return type_.of_type if isinstance(type_, StrawberryOptional) else type_


def _written(type_: Any) -> str:
    """A type as GraphQL writes it: `[String!]`, `ID!`."""
    if isinstance(type_, StrawberryOptional):
        return _written(type_.of_type).removesuffix("!")
    if isinstance(type_, StrawberryList):
        return f"[{_written(type_.of_type)}]!"
    definition = get_object_definition(type_)
    return f"{_SCALARS[type_] if definition is None else definition.name}!"
