"""Input objects made of what a client gives, by what is found out about their types once.

Strawberry resolves the type of each member again for each object. The 400 rules of a policy would
so hold up everything for 30 ms.

Source: `convert_argument` in strawberry/types/arguments.py of 0.341.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING
from typing import Any

from graphql import GraphQLInputObjectType, GraphQLSchema, get_nullable_type, is_leaf_type
from strawberry.schema.schema_converter import GraphQLCoreConverter
from strawberry.types.arguments import InputContext


class InputReader:
    """Makes objects of one input type, as Strawberry itself does.

    Args:
        type_: The type in GraphQL, made by Strawberry.
    """

    def __init__(self, type_: GraphQLInputObjectType) -> None:
        self._absent: dict[str, Any] = {}
        self._members: list[tuple[str, str, Any]] = []
        """The names of each member in GraphQL and in Python, and what its value is converted to:
        None, if it is a scalar or an enum's value, which graphql-core has made already."""
        definition = type_.extensions[GraphQLCoreConverter.DEFINITION_BACKREF]
        for name, in_graphql in type_.fields.items():
            member = in_graphql.extensions[GraphQLCoreConverter.DEFINITION_BACKREF]
            if member.default is MISSING and member.default_factory is MISSING:
                self._absent[member.python_name] = None
            converted = None
            if not is_leaf_type(get_nullable_type(in_graphql.type)):
                converted = member.resolve_type(type_definition=definition)
            self._members.append((name, member.python_name, converted))

    def __call__(self, made: type, given: Mapping[str, Any], context: InputContext) -> Any:
        """The object, as Strawberry calls it.

        Args:
            made: The class of the object.
            given: The members that the client has given, as graphql-core has coerced them.
            context: Converts those that are lists or objects.
        """
        members = self._absent.copy()
        for name, python_name, converted in self._members:
            if name in given:
                value = given[name]
                if converted is not None:
                    value = context.convert(value, converted, name)
                members[python_name] = value
        return made(**members)


def read_inputs_quickly(schema: GraphQLSchema) -> None:
    """Have the objects of all input types of a schema made by an `InputReader`."""
    for type_ in schema.type_map.values():
        if isinstance(type_, GraphQLInputObjectType):
            definition = type_.extensions[GraphQLCoreConverter.DEFINITION_BACKREF]
            definition.from_input = InputReader(type_)
