"""Input objects are what Strawberry makes of the same values; no type is found out twice."""

from __future__ import annotations

from typing import Any

import pytest
from graphql import (
    GraphQLInputObjectType,
    GraphQLInputType,
    get_nullable_type,
    is_enum_type,
    is_input_object_type,
    is_list_type,
    is_required_input_field,
)
from strawberry.schema.schema_converter import GraphQLCoreConverter
from strawberry.types.arguments import convert_argument
from strawberry.types.field import StrawberryField

from graphql_api.schema import build_schema
from graphql_api.tables import TABLES
from tests.for_each import for_each

SCHEMA = build_schema(TABLES)
INPUTS = {
    name: type_
    for name, type_ in SCHEMA._schema.type_map.items()
    if isinstance(type_, GraphQLInputObjectType)
}


def full(type_: GraphQLInputType) -> Any:
    """A value with every member, as graphql-core has coerced it; each list has two items."""
    inner: Any = get_nullable_type(type_)
    if is_list_type(inner):
        return [full(inner.of_type), full(inner.of_type)]
    if is_input_object_type(inner):
        return {name: full(member.type) for name, member in inner.fields.items()}
    return next(iter(inner.values.values())).value if is_enum_type(inner) else inner.name


def converted(type_: GraphQLInputObjectType, value: object) -> Any:
    definition = type_.extensions[GraphQLCoreConverter.DEFINITION_BACKREF]
    scalars = SCHEMA.schema_converter.scalar_registry
    return convert_argument(value, definition.origin, scalars, SCHEMA.config)


@for_each("name", INPUTS)
def test_object_is_what_strawberry_makes(name: str) -> None:
    type_ = INPUTS[name]
    whole = full(type_)
    required = {key for key, member in type_.fields.items() if is_required_input_field(member)}
    needed = {key: whole[key] for key in required}
    with_nulls = {key: whole[key] if key in required else None for key in whole}
    values = (whole, needed, with_nulls)
    ours = [converted(type_, value) for value in values]
    with pytest.MonkeyPatch.context() as patch:
        for each in INPUTS.values():
            definition = each.extensions[GraphQLCoreConverter.DEFINITION_BACKREF]
            patch.setattr(definition, "from_input", None)
        theirs = [converted(type_, value) for value in values]
    assert ours == theirs
    assert [*map(vars, ours)] == [*map(vars, theirs)]


@for_each("name", INPUTS)
def test_no_type_is_resolved_for_an_object(name: str) -> None:
    def resolve_type(*_: object, **__: object) -> None:
        raise AssertionError("it takes longer than all else")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(StrawberryField, "resolve_type", resolve_type)
        converted(INPUTS[name], full(INPUTS[name]))
