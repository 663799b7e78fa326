"""Variables of many values, coerced in turns when the executor has been built.

graphql-core coerces all variables of an operation in one go while it builds the executor: 10 000
values of a filter take 15 ms, and those of several clients come one after the other. Here the
executor is built without them, and reads them before it executes anything.

What is wrong with them is found by graphql-core beside the event loop, so that errors are exactly
its own.

Sources: graphql/execution/values.py of graphql-core 3.3, `coerce_variable_values`;
graphql/utilities/coerce_input_value.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, Self

from graphql import (
    DocumentNode,
    Executor,
    GraphQLError,
    GraphQLInputType,
    GraphQLSchema,
    Node,
    OperationDefinitionNode,
    Undefined,
    get_nullable_type,
    get_operation_ast,
    is_input_object_type,
    is_leaf_type,
    is_list_type,
    is_required_input_field,
)
from graphql.execution.get_variable_signature import get_variable_signature
from graphql.execution.values import VariableValues, VariableValueSource, get_variable_values
from graphql.utilities.coerce_input_value import coerce_default_value, coerce_input_value

from graphql_api.turns import Turns

MANY_VALUES = 500
"""Values; one takes some two microseconds."""

_MAX_ERRORS = 50
"""How many errors are reported: graphql-core's own default."""


def are_many(given: Mapping[str, Any]) -> bool:
    """Whether variables hold more than `MANY_VALUES` values."""
    left = MANY_VALUES - len(given)
    pending = [*given.values()]
    while pending and left >= 0:
        value = pending.pop()
        if isinstance(value, list | dict):
            left -= len(value)
            if left >= 0:
                pending += value.values() if isinstance(value, dict) else value
    return left < 0


class LaterVariables:
    """The variables of one operation, which its executor does not have yet.

    Attributes:
        document: The document, its operation without variables: to build the executor of.
        kind: What the operation is.
    """

    def __init__(
        self,
        schema: GraphQLSchema,
        document: DocumentNode,
        operation: OperationDefinitionNode,
        given: dict[str, Any],
    ) -> None:
        self._schema = schema
        self._operation = operation
        self._given = given
        self.kind = operation.operation
        bare = OperationDefinitionNode(**_members(operation) | {"variable_definitions": ()})
        definitions = (bare if each is operation else each for each in document.definitions)
        self.document = DocumentNode(**_members(document) | {"definitions": tuple(definitions)})

    @classmethod
    def of(
        cls,
        schema: GraphQLSchema,
        document: DocumentNode,
        operation_name: str | None,
        given: dict[str, Any] | None,
    ) -> Self | None:
        """The variables; None if they are so few that graphql-core coerces them at once.

        Args:
            schema: What the document is for.
            document: A valid document.
            operation_name: Which of its operations; may be absent if there is one.
            given: The values, as JSON has them.
        """
        if not given or not are_many(given):
            return None
        operation = get_operation_ast(document, operation_name)
        return None if operation is None else cls(schema, document, operation, given)

    async def read(self, executor: Executor[Any]) -> list[GraphQLError]:
        """Coerce the variables in turns, and give them to their executor.

        Returns:
            What is wrong with them; if anything, the executor does not have them.
        """
        context = executor.context_value
        values: VariableValues | list[GraphQLError] | None = await self._values(context.turns)
        if values is None:
            values = await context.apart(
                partial(
                    get_variable_values,
                    self._schema,
                    self._operation.variable_definitions or (),
                    self._given,
                    _MAX_ERRORS,
                    executor.hide_suggestions,
                )
            )
        if isinstance(values, list):
            return values
        executor.operation = self._operation
        executor.variable_values = values
        return []

    async def _values(self, turns: Turns) -> VariableValues | None:
        """The coerced variables; None, if something is wrong with them."""
        values = VariableValues({}, {})
        for definition in self._operation.variable_definitions or ():
            signature = get_variable_signature(self._schema, definition)
            name = definition.variable.name.value
            if isinstance(signature, GraphQLError):
                return None
            if name not in self._given:
                absent = get_variable_values(self._schema, [definition], {})
                if isinstance(absent, list):
                    return None
                values.sources.update(absent.sources)
                values.coerced.update(absent.coerced)
                continue
            value = self._given[name]
            coerced = await _coerced(value, signature.type, turns)
            if coerced is Undefined:
                return None
            values.sources[name] = VariableValueSource(signature, value)
            values.coerced[name] = coerced
        await turns.take()
        return values


def _members(node: Node) -> dict[str, Any]:
    return {key: getattr(node, key) for key in node.keys}


async def _coerced(value: Any, type_: GraphQLInputType, turns: Turns) -> Any:
    """What `coerce_input_value` makes of a value, in turns; a value of JSON is not deep."""
    inner: Any = get_nullable_type(type_)
    if is_list_type(inner) and isinstance(value, list):
        return await _coerced_list(value, inner.of_type, turns)
    if is_input_object_type(inner) and isinstance(value, dict) and not inner.is_one_of:
        made: dict[str, Any] = {}
        if not value.keys() <= inner.fields.keys():
            return Undefined
        for name, member in inner.fields.items():
            if name in value:
                coerced = await _coerced(value[name], member.type, turns)
            elif is_required_input_field(member):
                return Undefined
            elif (coerced := coerce_default_value(member)) is Undefined:
                continue
            if coerced is Undefined:
                return Undefined
            made[member.out_name or name] = coerced
        return inner.out_type(made)
    return coerce_input_value(value, type_)


async def _coerced_list(value: list[Any], item_type: GraphQLInputType, turns: Turns) -> Any:
    are_leaves = is_leaf_type(get_nullable_type(item_type))
    made: list[Any] = []
    for item in value:
        if are_leaves:
            coerced = coerce_input_value(item, item_type)
        else:
            coerced = await _coerced(item, item_type, turns)
        if coerced is Undefined:
            return Undefined
        made.append(coerced)
        if turns.is_over():
            await turns.pause()
    return made
