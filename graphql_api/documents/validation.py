"""Validation of documents, without leaving reference cycles for the garbage collector.

Visitors of graphql-core refer to themselves by the methods that they have looked up, and to the
document's tree by their context. A tree that only Python's search for cycles can free is tens of
thousands of objects, and such a search holds up every client. So this is graphql-core's `validate`,
which empties all visitors that it has made, in whichever way validation ends.

Sources: `validate` in graphql/validation/validate.py of graphql-core 3.3, `get_variable_usages` in
its validation_context.py, `Visitor.get_enter_leave_for_kind` in graphql/language/visitor.py;
`validate_document` in strawberry/schema/schema.py of 0.341.
"""

from __future__ import annotations

from typing import Final, TypeAlias

from graphql import (
    ASTValidationRule,
    DocumentNode,
    FragmentDefinitionNode,
    GraphQLError,
    GraphQLSchema,
    OperationDefinitionNode,
    ParallelVisitor,
    TypeInfo,
    TypeInfoVisitor,
    ValidationContext,
    Visitor,
    visit,
)
from graphql.validation.validate import query_document_keys_to_validate
from graphql.validation.validation_context import VariableUsage, VariableUsageVisitor
from strawberry.schema.validation_rules.maybe_null import MaybeNullValidationRule
from strawberry.schema.validation_rules.one_of import OneOfInputValidationRule

from graphql_api.schema.errors import drop_frames

Rules: TypeAlias = tuple[type[ASTValidationRule], ...]

MAX_ERRORS: Final = 100
"""How many errors are found before validation stops; one more says so."""

_TOO_MANY: Final = "Too many validation errors, error limit reached. Validation aborted."
_TOO_DEEP: Final = "Validation aborted."


def validate(schema: GraphQLSchema, document: DocumentNode, rules: Rules) -> list[GraphQLError]:
    """The errors that the rules, and Strawberry's own, find in a document of limited levels."""
    errors: list[GraphQLError] = []
    types = TypeInfo(schema)
    context = _Context(schema, document, types, _Report(errors))
    all_rules = (*rules, MaybeNullValidationRule, OneOfInputValidationRule)
    visitors: list[Visitor] = [rule(context) for rule in all_rules]
    together = ParallelVisitor(visitors)
    visitor = TypeInfoVisitor(types, together)
    try:
        visit(document, visitor, query_document_keys_to_validate)
    except _TooManyErrors:
        errors.append(GraphQLError(_TOO_MANY))
    except RecursionError:
        errors.append(GraphQLError(_TOO_DEEP))
    except GraphQLError as error:  # graphql-core ends a validation that takes too much work
        errors.append(GraphQLError(error.message))
    finally:
        for each in (*context.used, *visitors, together, visitor, context, types):
            vars(each).clear()
    for found in errors:
        drop_frames(found)
    return errors


class _TooManyErrors(Exception):  # noqa: N818 - it is how validation ends, and no error
    """Enough is wrong with the document."""


class _Report:
    """Collects the errors of a document, up to a number."""

    def __init__(self, errors: list[GraphQLError]) -> None:
        self._errors = errors

    def __call__(self, error: GraphQLError) -> None:
        if len(self._errors) >= MAX_ERRORS:
            raise _TooManyErrors
        self._errors.append(error)


class _Context(ValidationContext):
    """A context that knows all visitors that it makes.

    Attributes:
        used: The visitors.
    """

    def __init__(
        self, schema: GraphQLSchema, document: DocumentNode, types: TypeInfo, report: _Report
    ) -> None:
        super().__init__(schema, document, types, report)
        self.used: list[Visitor] = []

    def get_variable_usages(
        self, node: OperationDefinitionNode | FragmentDefinitionNode
    ) -> list[VariableUsage]:
        """The uses of variables below an operation or a fragment."""
        usages = self._variable_usages.get(node)
        if usages is None:
            fragment = node if isinstance(node, FragmentDefinitionNode) else None
            finding = VariableUsageVisitor(self._type_info, fragment)
            visitor = TypeInfoVisitor(self._type_info, finding)
            self.used += (finding, visitor)
            visit(node, visitor)
            usages = self._variable_usages[node] = finding.usages
        return usages
