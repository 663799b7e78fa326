"""Counts the values in the arguments of a document; each number, text and list is one.

An object is `OBJECT_VALUES`, besides those in it: each member of its type is looked at, given or
not. What stands in the document's own text counts `LITERAL_VALUES` times: it is coerced node by
node. A value of a variable counts at each place that uses it: graphql-core coerces the variable
once, and Strawberry converts the argument of each field. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from graphql import FieldNode, ListValueNode, ObjectValueNode, ValueNode, VariableNode

OBJECT_VALUES = 20

LITERAL_VALUES = 2


class ValueCount:
    """Counts the values in arguments of one operation.

    Args:
        variables: The values of its variables, as JSON has them.
        at_most: A variable with more values than that counts as one more than that: counting it
            takes no longer.
    """

    def __init__(self, variables: Mapping[str, Any], at_most: int) -> None:
        self._variables = variables
        self._at_most = at_most
        self._counts: dict[str, int] = {}

    def of_arguments(self, field: FieldNode) -> int:
        """How many values the arguments of a field hold."""
        return sum(self._of_node(argument.value) for argument in field.arguments or ())

    def _of_node(self, node: ValueNode) -> int:
        count = 0
        pending = [node]
        while pending:
            node = pending.pop()
            if isinstance(node, VariableNode):
                count += self._of_variable(node.name.value)
                continue
            count += LITERAL_VALUES
            if isinstance(node, ListValueNode):
                pending += node.values
            elif isinstance(node, ObjectValueNode):
                count += OBJECT_VALUES - LITERAL_VALUES
                pending += (field.value for field in node.fields)
        return count

    def _of_variable(self, name: str) -> int:
        count = self._counts.get(name)
        if count is None:
            count = self._counts[name] = self._of_value(self._variables.get(name))
        return count

    def _of_value(self, value: object) -> int:
        count = 0
        pending = [value]
        while pending and count <= self._at_most:
            value = pending.pop()
            count += 1
            if isinstance(value, list):
                if len(value) > self._at_most:
                    return self._at_most + 1
                pending += value
            elif isinstance(value, dict):
                count += OBJECT_VALUES - 1
                pending += value.values()
        return count
