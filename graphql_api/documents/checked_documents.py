"""A Strawberry extension that parses and validates each document once, and checks its limits."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

from graphql import (
    GraphQLError,
    GraphQLSchema,
    NoSchemaIntrospectionCustomRule,
    get_operation_ast,
    specified_rules,
)
from strawberry.extensions import SchemaExtension
from strawberry.types import ExecutionContext

from graphql_api.documents.document_limits import DocumentLimits, check_cost, check_shape
from graphql_api.documents.documents import Documents, ParsedDocument
from graphql_api.documents.validation import Rules, validate
from graphql_api.schema.number_rule import ReadableNumbers


class CheckedDocuments(SchemaExtension):
    """Takes a document from the cache, and refuses one that is over a limit.

    Args:
        documents: The parsed ones.
        limits: What each may ask for.
        introspection: Whether clients may ask for the schema.
    """

    def __init__(
        self, documents: Documents, limits: DocumentLimits, *, introspection: bool = True
    ) -> None:
        self._documents = documents
        self._limits = limits
        self._introspection = introspection
        self._document: ParsedDocument | None = None

    def on_parse(self) -> Iterator[None]:
        """Use the syntax tree that is there already."""
        context = self.execution_context
        if context.query:
            with suppress(GraphQLError):  # Strawberry finds it too, and knows what to do with it
                self._document = self._documents.parse(context.query)
                context.graphql_document = self._document.node
        yield

    def on_validate(self) -> Iterator[None]:
        """Refuse what would take too long to validate, what is not valid, and what costs too much.

        All of it here: what is found when Strawberry's own validation is over counts no more.
        """
        context = self.execution_context
        context.validation_rules = _all_rules(context.validation_rules, self._introspection)
        context.pre_execution_errors = self._errors(context)
        yield

    def _errors(self, context: ExecutionContext) -> list[GraphQLError]:
        node = context.graphql_document
        assert node is not None, "validation comes after parsing"
        document = self._document or ParsedDocument(context.query or "", node)
        schema = context.schema._schema  # noqa: SLF001 - there is no other way to it
        errors = check_document(document, schema, self._limits, context.validation_rules)
        if errors:
            return [*errors]
        operation = get_operation_ast(node, context.operation_name)
        assert operation is not None, "Strawberry has looked"
        error = check_cost(schema, node, operation, context.variables or {}, self._limits)
        return [] if error is None else [error]


def check_document(
    document: ParsedDocument,
    schema: GraphQLSchema,
    limits: DocumentLimits,
    rules: Rules,
) -> list[GraphQLError]:
    """The errors of a document by itself; they are found once, and noted there."""
    if document.checked_by != rules:
        error = check_shape(document.node, limits)
        found = [error] if error is not None else validate(schema, document.node, rules)
        document.errors = found
        document.checked_by = rules
    return document.errors


def default_rules(*, introspection: bool) -> Rules:
    """The rules by which documents are checked, if no other extension adds any."""
    return _all_rules(tuple(specified_rules), introspection)


def _all_rules(rules: Rules, introspection: bool) -> Rules:
    ours: Rules = (*rules, ReadableNumbers)
    return ours if introspection else (*ours, NoSchemaIntrospectionCustomRule)
