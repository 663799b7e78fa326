"""The result of an operation whose client may do nothing of it, made before its variables are read.

graphql-core coerces variables before it calls a resolver, where scopes are checked. For a client
without the scope that is work for nothing, and as much of it as the client likes.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from graphql import (
    DocumentNode,
    ExecutionResult,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    GraphQLObjectType,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionSetNode,
    get_operation_ast,
    is_non_null_type,
)
from strawberry.extensions import SchemaExtension
from strawberry.schema.schema_converter import GraphQLCoreConverter

from graphql_api.errors import ForbiddenError
from graphql_api.schema.scopes import needed_scopes, require
from graphql_api.scopes import Scope


class ForbidEarly(SchemaExtension):
    """Gives the result of an operation without executing it, if the client may do nothing of it."""

    def on_execute(self) -> Iterator[None]:
        """Look at the scopes before anything else is done."""
        context = self.execution_context
        node = context.graphql_document
        assert node is not None, "it has been validated"
        operation = get_operation_ast(node, context.operation_name)
        assert operation is not None, "Strawberry has looked"
        root = context.schema._schema.get_root_type(operation.operation)  # noqa: SLF001 - no other way
        assert root is not None, "the document is valid"
        context.result = forbidden_result(root, node, operation, context.context.scopes)
        yield


def forbidden_result(
    root: GraphQLObjectType,
    document: DocumentNode,
    operation: OperationDefinitionNode,
    granted: frozenset[Scope],
) -> ExecutionResult | None:
    """The result of an operation for a client that lacks a scope for each of its fields.

    Args:
        root: The root type of the operation.
        document: A valid document.
        operation: One of its operations.
        granted: What the client may do.

    Returns:
        The result, with the error of each field; None if the client may read one of the fields, or
        if variables decide which fields there are.
    """
    fragments = {
        definition.name.value: definition
        for definition in document.definitions
        if isinstance(definition, FragmentDefinitionNode)
    }
    errors: dict[str, GraphQLError] = {}
    data: dict[str, Any] = {}
    for node in _fields(operation.selection_set, fragments):
        definition = None if node is None else root.fields.get(node.name.value)
        if node is None or definition is None:
            return None
        name = (node.alias or node.name).value
        if name in errors:
            continue
        field = definition.extensions[GraphQLCoreConverter.DEFINITION_BACKREF]
        try:
            require(needed_scopes(field), node.name.value, granted)
        except ForbiddenError as error:
            errors[name] = GraphQLError(
                str(error), node, path=[name], extensions={"code": error.code}
            )
        else:
            return None
        if is_non_null_type(definition.type):
            return ExecutionResult(None, [errors[name]])
        data[name] = None
    return ExecutionResult(data, [*errors.values()])


def _fields(
    selection_set: SelectionSetNode, fragments: dict[str, FragmentDefinitionNode]
) -> Iterator[FieldNode | None]:
    """The fields of a selection on the root type, in their order; None for what depends."""
    for selection in selection_set.selections:
        if selection.directives:
            yield None
        elif isinstance(selection, FieldNode):
            yield selection
        elif isinstance(selection, InlineFragmentNode):
            yield from _fields(selection.selection_set, fragments)
        elif isinstance(selection, FragmentSpreadNode):
            yield from _fields(fragments[selection.name.value].selection_set, fragments)
