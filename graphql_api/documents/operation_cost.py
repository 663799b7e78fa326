"""The cost of an operation with its variables: see `document_limits`. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLCompositeType,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLSchema,
    InlineFragmentNode,
    IntValueNode,
    OperationDefinitionNode,
    SelectionSetNode,
    VariableNode,
    get_named_type,
    is_composite_type,
)

from graphql_api.documents.value_count import ValueCount

INTROSPECTION_TYPES = {"__schema": "__Schema", "__type": "__Type"}
_PAGE_SIZES = ("limit", "first")
"""The arguments that say how many rows there are at most: of tables, and of logs."""


class Cost(NamedTuple):
    """The cost of an operation: upper bounds of fields, introspection fields and arguments."""

    fields: int = 0
    introspection: int = 0
    values: int = 0

    def plus(self, other: Cost) -> Cost:
        """The sum of this cost and another one."""
        return Cost(
            self.fields + other.fields,
            self.introspection + other.introspection,
            self.values + other.values,
        )

    def times(self, number: int) -> Cost:
        """This cost, multiplied."""
        return Cost(number * self.fields, number * self.introspection, number * self.values)


class CostCount:
    """Counts what a valid operation may resolve.

    Args:
        schema: What it is valid for.
        document: Its document.
        operation: The operation.
        variables: Their values.
        max_values: How many values need to be counted.
    """

    def __init__(
        self,
        schema: GraphQLSchema,
        document: DocumentNode,
        operation: OperationDefinitionNode,
        variables: Mapping[str, Any],
        max_values: int,
    ) -> None:
        self._schema = schema
        self._fragments = fragments(document)
        self._values = ValueCount(variables, max_values)
        self._cost_of_fragment: dict[str, Cost] = {}
        self._variables = {**dict(_defaults(operation)), **variables}

    def of(self, selection_set: SelectionSetNode, parent: GraphQLCompositeType) -> Cost:
        """The cost of a selection set on a type."""
        cost = Cost()
        for selection in selection_set.selections:
            if isinstance(selection, FragmentSpreadNode):
                cost = cost.plus(self._of_fragment(selection.name.value))
            elif isinstance(selection, FieldNode):
                cost = cost.plus(self._of_field(selection, parent))
            elif isinstance(selection, InlineFragmentNode):
                condition = selection.type_condition
                inner = parent if condition is None else self._type(condition.name.value)
                cost = cost.plus(self.of(selection.selection_set, inner))
        return cost

    def _of_field(self, field: FieldNode, parent: GraphQLCompositeType) -> Cost:
        own = Cost(fields=1, values=self._values.of_arguments(field))
        if field.selection_set is None or not isinstance(
            parent, GraphQLObjectType | GraphQLInterfaceType
        ):
            return own
        definition = parent.fields.get(field.name.value)
        if definition is None:
            below = self.of(field.selection_set, self._type(INTROSPECTION_TYPES[field.name.value]))
            return own.plus(Cost(introspection=below.fields))
        inner = get_named_type(definition.type)
        assert is_composite_type(inner), "the document is valid"
        times = 1
        for name in _PAGE_SIZES:
            if name in definition.args:
                times = self._page_size(field, name, definition.args[name].default_value)
        return own.plus(self.of(field.selection_set, inner).times(times))

    def _page_size(self, field: FieldNode, name: str, default: object) -> int:
        size = default
        for argument in field.arguments or ():
            if argument.name.value == name:
                value = argument.value
                if isinstance(value, VariableNode):
                    size = self._variables.get(value.name.value, default)
                    if isinstance(size, float) and size.is_integer():
                        size = int(size)  # JSON has no integers: GraphQL takes 3.0 for 3
                elif isinstance(value, IntValueNode):
                    size = _int(value)
        # What is no number is an error when the operation is executed; a negative one too.
        return max(size, 0) if isinstance(size, int) else 1

    def _of_fragment(self, name: str) -> Cost:
        known = self._cost_of_fragment.get(name)
        if known is None:
            fragment = self._fragments[name]
            inner = self._type(fragment.type_condition.name.value)
            known = self._cost_of_fragment[name] = self.of(fragment.selection_set, inner)
        return known

    def _type(self, name: str) -> GraphQLCompositeType:
        found = self._schema.get_type(name)
        assert is_composite_type(found), "the document is valid"
        return found


def fragments(document: DocumentNode) -> dict[str, FragmentDefinitionNode]:
    """The fragments of a document by name."""
    return {
        definition.name.value: definition
        for definition in document.definitions
        if isinstance(definition, FragmentDefinitionNode)
    }


def _defaults(operation: OperationDefinitionNode) -> Iterator[tuple[str, int]]:
    for definition in operation.variable_definitions or ():
        if isinstance(definition.default_value, IntValueNode):
            yield definition.variable.name.value, _int(definition.default_value)


def _int(node: IntValueNode) -> int:
    return int(node.value[:20])  # a longer one is no Int, and only its length would cost
