"""Validation of documents, without leaving reference cycles for the garbage collector.

Visitors of graphql-core refer to themselves by the methods that they have looked up, and to the
document's tree by their context. A tree that only Python's search for cycles can free is tens of
thousands of objects, and such a search holds up every client. (Fragments stay for that search: the
visitor of their variables is graphql-core's own.)

Source: graphql/language/visitor.py of graphql-core 3.3, `Visitor.get_enter_leave_for_kind`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias, cast

from graphql import (
    ASTValidationRule,
    DocumentNode,
    GraphQLError,
    GraphQLSchema,
    ValidationContext,
)
from strawberry.schema.schema import validate_document

Rules: TypeAlias = tuple[type[ASTValidationRule], ...]


def validate(schema: GraphQLSchema, document: DocumentNode, rules: Rules) -> list[GraphQLError]:
    """What the rules, and Strawberry's own, find wrong with a document."""
    used: list[object] = []
    noted = cast("Rules", tuple(_noted(rule, used) for rule in rules))
    try:
        return validate_document(schema, document, noted)
    finally:
        for each in used:
            vars(each).clear()


def _noted(
    rule: type[ASTValidationRule], used: list[object]
) -> Callable[[ValidationContext], ASTValidationRule]:
    def make(context: ValidationContext) -> ASTValidationRule:
        visitor = rule(context)
        used.extend((context, visitor))
        return visitor

    return make
