"""Limits on a document: levels, aliases, comparisons, and cost. Pure.

What validation itself would take too long for is refused before it: levels, aliases and comparisons
are counted on the syntax tree alone. The cost is counted afterwards, of one operation with its
variables, since the size of a page is often one.

A **level** is a selection set inside another, be it a field's or a fragment's. An **alias** counts
as often as its fragment is spread. **Comparisons** are what validation needs to see whether equally
named fields can be merged: it compares each with each, and what is selected below them, too. The
**cost** of an operation is an upper bound of the fields that are resolved for it, of a subscription
for each event: a field is 1, and what is below a field with the argument `limit` or `first` counts
as many times as that says. A list inside a document counts once. The **values** of arguments are
counted in the same way: see `value_count`.

Introspection has limits of its own, which no setting changes: what is below `__schema` and
`__type` counts for them, and of the settings' limits for that of aliases alone. Tools ask for the
whole schema by one query, which selects some 230 fields on 18 levels without an alias, its
fragments written out: GraphiQL, Apollo, GraphQL Code Generator, graphql-inspector. It passes
whatever these settings are.

Source: the GraphQL specification, 5.3.2 "Field Selection Merging".
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    GraphQLSchema,
    InlineFragmentNode,
    OperationDefinitionNode,
    OperationType,
    SelectionNode,
    SelectionSetNode,
)

from graphql_api.documents.operation_cost import INTROSPECTION_TYPES, CostCount, fragments
from graphql_api.settings.documents import DocumentSettings

LIMIT_EXCEEDED = "LIMIT_EXCEEDED"

MAX_INTROSPECTION_LEVELS = 30
MAX_INTROSPECTION_COMPARISONS = 20_000
MAX_INTROSPECTION_FIELDS = 500
"""How many fields an operation may select below `__schema` and `__type`, its fragments written out.
graphql-core lets `fields`, `interfaces` and the like stand at most twice inside each other."""


class DocumentLimits(DocumentSettings):
    """The limits on one document, and on each of its operations.

    Attributes:
        max_event_fields: How many fields one event of a subscription may resolve, if that is less
            than `max_operation_fields`: an event is executed in one go, of which each field takes
            some microseconds.
    """

    max_event_fields: int = 10_000


def limit_exceeded(message: str, limit: int) -> GraphQLError:
    """The error of a client that wants more than `limit`; the message says of what."""
    return GraphQLError(message, extensions={"code": LIMIT_EXCEEDED, "limit": limit})


def check_shape(document: DocumentNode, limits: DocumentLimits) -> GraphQLError | None:
    """The error of a document that would take too long to validate; it need not be valid."""
    measuring = _Measuring(document, limits.max_document_levels)
    try:
        shapes = [
            measuring.shape(definition.selection_set, 1, is_introspection=is_introspection)
            for definition, is_introspection in _definitions(document)
        ]
    except _TooDeepError as error:
        if error.is_introspection:
            return _introspection_exceeded("levels of selections", MAX_INTROSPECTION_LEVELS)
        text = (
            f"the document has more than {limits.max_document_levels} levels of selections: "
            "ask for what is deeper by an operation of its own"
        )
        return limit_exceeded(text, limits.max_document_levels)
    if any(shape.aliases > limits.max_document_aliases for shape in shapes):
        text = (
            f"the document has more than {limits.max_document_aliases} aliases: ask for many rows "
            "by a filter such as `ids`, or send several operations"
        )
        return limit_exceeded(text, limits.max_document_aliases)
    comparing = _Comparing(document)
    if comparing.takes_more_than(limits.max_document_comparisons, MAX_INTROSPECTION_COMPARISONS):
        if comparing.left >= 0:
            return _introspection_exceeded("comparisons", MAX_INTROSPECTION_COMPARISONS)
        text = (
            f"the document selects the same fields so often that more than "
            f"{limits.max_document_comparisons} comparisons would be needed: select each once"
        )
        return limit_exceeded(text, limits.max_document_comparisons)
    return None


def check_cost(
    schema: GraphQLSchema,
    document: DocumentNode,
    operation: OperationDefinitionNode,
    variables: Mapping[str, Any],
    limits: DocumentLimits,
) -> GraphQLError | None:
    """The error of an operation that costs too much; its document is valid."""
    root = schema.get_root_type(operation.operation)
    assert root is not None, "the document is valid"
    counting = CostCount(schema, document, operation, variables, limits.max_operation_values)
    cost = counting.of(operation.selection_set, root)
    if cost.introspection > MAX_INTROSPECTION_FIELDS:
        return _introspection_exceeded(
            "fields, its fragments written out", MAX_INTROSPECTION_FIELDS
        )
    if cost.values > limits.max_operation_values:
        text = (
            f"the arguments of this operation hold more than {limits.max_operation_values} values, "
            "those of variables counted wherever they are used: send several operations with fewer "
            "values"
        )
        return limit_exceeded(text, limits.max_operation_values)
    of_what, max_cost = "operation", limits.max_operation_fields
    if operation.operation is OperationType.SUBSCRIPTION and limits.max_event_fields < max_cost:
        of_what, max_cost = "subscription, for each event,", limits.max_event_fields
    if cost.fields <= max_cost:
        return None
    text = (
        f"this {of_what} could resolve {cost.fields} fields, and {max_cost} are allowed: "
        "ask for smaller pages, or for fewer fields"
    )
    return limit_exceeded(text, max_cost)


def _introspection_exceeded(what: str, limit: int) -> GraphQLError:
    text = (
        f"introspection may have {limit} {what}: send the standard introspection query in a "
        "request of its own, or use the file schema.graphql"
    )
    return limit_exceeded(text, limit)


def _definitions(
    document: DocumentNode,
) -> Iterator[tuple[OperationDefinitionNode | FragmentDefinitionNode, bool]]:
    """The operations and fragments of a document, and whether each is of introspection."""
    for definition in document.definitions:
        if isinstance(definition, OperationDefinitionNode):
            yield definition, False
        elif isinstance(definition, FragmentDefinitionNode):
            yield definition, definition.type_condition.name.value.startswith("__")


class _TooDeepError(Exception):
    """There are more levels than are allowed."""

    def __init__(self, *, is_introspection: bool) -> None:
        super().__init__()
        self.is_introspection = is_introspection


class _Shape(NamedTuple):
    levels: int
    aliases: int


class _Measuring:
    """Measures a syntax tree; never descends deeper than is allowed, nor twice into a fragment."""

    def __init__(self, document: DocumentNode, max_depth: int) -> None:
        self._fragments = fragments(document)
        self._shapes: dict[tuple[str, bool], _Shape] = {}
        self._max_depth = max_depth

    def shape(
        self, selection_set: SelectionSetNode, depth: int, *, is_introspection: bool
    ) -> _Shape:
        """The shape of a selection set that is on the level `depth`.

        The levels of introspection inside it do not count for it: they have a limit of their own,
        and begin once on the way down, so that no circle of fragments is without an end.

        Raises:
            _TooDeepError: It reaches too deep; so does every circle of fragments.
        """
        if depth > (MAX_INTROSPECTION_LEVELS if is_introspection else self._max_depth):
            raise _TooDeepError(is_introspection=is_introspection)
        levels = aliases = 0
        for selection in selection_set.selections:
            if isinstance(selection, FieldNode) and selection.alias is not None:
                aliases += 1
            if isinstance(selection, FragmentSpreadNode):
                inner = self._shape_of_fragment(
                    selection.name.value, depth + 1, is_introspection=is_introspection
                )
            elif selection.selection_set is None:  # type: ignore[attr-defined]
                continue
            elif not is_introspection and _is_introspection(selection):
                below = self.shape(selection.selection_set, 1, is_introspection=True)  # type: ignore[attr-defined]
                inner = _Shape(0, below.aliases)
            else:
                inner = self.shape(
                    selection.selection_set,  # type: ignore[attr-defined]
                    depth + 1,
                    is_introspection=is_introspection,
                )
            levels = max(levels, inner.levels)
            aliases += inner.aliases
        return _Shape(levels + 1, aliases)

    def _shape_of_fragment(self, name: str, depth: int, *, is_introspection: bool) -> _Shape:
        fragment = self._fragments.get(name)
        if fragment is None:
            return _Shape(0, 0)  # which validation reports
        max_depth = MAX_INTROSPECTION_LEVELS if is_introspection else self._max_depth
        shape = self._shapes.get((name, is_introspection))
        if shape is None:
            shape = self.shape(fragment.selection_set, depth, is_introspection=is_introspection)
            self._shapes[name, is_introspection] = shape
        elif depth + shape.levels - 1 > max_depth:
            raise _TooDeepError(is_introspection=is_introspection)
        return shape


def _is_introspection(selection: SelectionNode) -> bool:
    return isinstance(selection, FieldNode) and selection.name.value in INTROSPECTION_TYPES


class _Comparing:
    """Counts what validation compares, in a document without circles of fragments."""

    def __init__(self, document: DocumentNode) -> None:
        self._document = document
        self._fragments = fragments(document)
        self.left = 0
        """How many comparisons are left of those allowed, without introspection's."""

    def takes_more_than(self, limit: int, introspection_limit: int) -> bool:
        """Whether validation looks at more pairs than that; each selection counts as one, too."""
        self.left = limit
        introspection_left = introspection_limit
        pending: list[tuple[Sequence[SelectionSetNode], bool]] = [
            ((definition.selection_set,), is_introspection)
            for definition, is_introspection in _definitions(self._document)
        ]
        done: set[tuple[int, ...]] = set()
        while pending:
            merged, is_introspection = pending.pop()
            key = tuple(map(id, merged))
            if key in done:
                continue
            done.add(key)
            fields, taken = self._selected(
                merged, introspection_left if is_introspection else self.left
            )
            for nodes in fields.values():
                taken += _pairs(len(nodes))
                below = [node.selection_set for node in nodes if node.selection_set]
                inside = is_introspection or _is_introspection(nodes[0])
                pending += (((selection_set,), inside) for selection_set in below)
                if len(below) > 1:
                    pending.append((below, inside))
            if is_introspection:
                introspection_left -= taken
            else:
                self.left -= taken
            if min(self.left, introspection_left) < 0:
                return True
        return False

    def _selected(
        self, merged: Sequence[SelectionSetNode], limit: int
    ) -> tuple[Mapping[str, list[FieldNode]], int]:
        """The fields of selection sets, by their names in the response, each fragment once.

        And what that took: the selections, and the pairs of fragments; it ends beyond the limit.
        """
        fields: defaultdict[str, list[FieldNode]] = defaultdict(list)
        spread: set[str] = set()
        pending = [*merged]
        seen = 0
        while pending and seen <= limit:
            for selection in pending.pop().selections:
                seen += 1
                if isinstance(selection, FieldNode):
                    fields[(selection.alias or selection.name).value].append(selection)
                elif isinstance(selection, InlineFragmentNode):
                    pending.append(selection.selection_set)
                elif isinstance(selection, FragmentSpreadNode):
                    fragment = self._fragments.get(selection.name.value)
                    if fragment is not None and selection.name.value not in spread:
                        spread.add(selection.name.value)
                        pending.append(fragment.selection_set)
        return fields, seen + _pairs(len(spread))


def _pairs(number: int) -> int:
    """How many pairs a number of things makes."""
    return number * (number - 1) // 2
