"""How much a document may ask for: levels, aliases, comparisons, and cost. Pure.

What validation itself would take too long for is refused before it: levels, aliases and comparisons
are counted on the syntax tree alone. The cost is counted afterwards, of one operation with its
variables, since the size of a page is often one.

A **level** is a selection set inside another, be it a field's or a fragment's. An **alias** counts
as often as its fragment is spread. **Comparisons** are what validation needs to see whether equally
named fields can be merged: it compares each with each, and what is selected below them, too. The
**cost** of an operation is an upper bound of the fields that are resolved for it, of a subscription
for each event: a field is 1, and what is below a field with the argument `limit` counts as many
times as that says. A list inside a document counts once. What is asked of the schema counts as
often as that has fields.

Source: the GraphQL specification, 5.3.2 "Field Selection Merging".
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLCompositeType,
    GraphQLError,
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

LIMIT_EXCEEDED = "LIMIT_EXCEEDED"

_PAGE_SIZE = "limit"
_INTROSPECTION_TYPES = {"__schema": "__Schema", "__type": "__Type"}


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentLimits:
    """What one document, or one operation of it, may have at most.

    Attributes:
        max_depth: Levels; the introspection of clients such as GraphiQL has 18.
        max_aliases: Aliases.
        max_comparisons: Comparisons; each takes some microseconds.
        max_cost: Fields that may be resolved.
    """

    max_depth: int = 30
    max_aliases: int = 100
    max_comparisons: int = 20_000
    max_cost: int = 100_000


def limit_exceeded(message: str, limit: int) -> GraphQLError:
    """The error of a client that wants more than `limit`; the message says of what."""
    return GraphQLError(message, extensions={"code": LIMIT_EXCEEDED, "limit": limit})


def check_shape(document: DocumentNode, limits: DocumentLimits) -> GraphQLError | None:
    """The error of a document that would take too long to validate; it need not be valid."""
    measuring = _Measuring(document, limits.max_depth)
    try:
        shapes = [
            measuring.shape(definition.selection_set, 1)
            for definition in document.definitions
            if isinstance(definition, OperationDefinitionNode | FragmentDefinitionNode)
        ]
    except _TooDeepError:
        text = f"the document has more than {limits.max_depth} levels of selections"
        return limit_exceeded(text, limits.max_depth)
    if any(shape.aliases > limits.max_aliases for shape in shapes):
        text = f"the document has more than {limits.max_aliases} aliases"
        return limit_exceeded(text, limits.max_aliases)
    if _Comparing(document).takes_more_than(limits.max_comparisons):
        text = (
            f"the document selects the same fields so often that more than "
            f"{limits.max_comparisons} comparisons would be needed: select each once"
        )
        return limit_exceeded(text, limits.max_comparisons)
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
    cost = _Cost(schema, document, operation, variables).of(operation.selection_set, root)
    if cost <= limits.max_cost:
        return None
    text = (
        f"this operation could resolve {cost} fields, and {limits.max_cost} are allowed: "
        "ask for smaller pages, or for fewer fields"
    )
    return limit_exceeded(text, limits.max_cost)


class _TooDeepError(Exception):
    """There are more levels than are allowed."""


class _Shape(NamedTuple):
    levels: int
    aliases: int


class _Measuring:
    """Measures a syntax tree; never descends deeper than is allowed, nor twice into a fragment."""

    def __init__(self, document: DocumentNode, max_depth: int) -> None:
        self._fragments = _fragments(document)
        self._shapes: dict[str, _Shape] = {}
        self._max_depth = max_depth

    def shape(self, selection_set: SelectionSetNode, depth: int) -> _Shape:
        """The shape of a selection set that is on the level `depth`.

        Raises:
            _TooDeepError: It reaches too deep; so does every circle of fragments.
        """
        if depth > self._max_depth:
            raise _TooDeepError
        levels = aliases = 0
        for selection in selection_set.selections:
            if isinstance(selection, FieldNode) and selection.alias is not None:
                aliases += 1
            if isinstance(selection, FragmentSpreadNode):
                inner = self._shape_of_fragment(selection.name.value, depth + 1)
            elif isinstance(selection, FieldNode | InlineFragmentNode):
                if selection.selection_set is None:
                    continue
                inner = self.shape(selection.selection_set, depth + 1)
            levels = max(levels, inner.levels)
            aliases += inner.aliases
        return _Shape(levels + 1, aliases)

    def _shape_of_fragment(self, name: str, depth: int) -> _Shape:
        fragment = self._fragments.get(name)
        if fragment is None:
            return _Shape(0, 0)  # which validation tells
        shape = self._shapes.get(name)
        if shape is None:
            shape = self._shapes[name] = self.shape(fragment.selection_set, depth)
        elif depth + shape.levels - 1 > self._max_depth:
            raise _TooDeepError
        return shape


class _Comparing:
    """Counts what validation compares, in a document without circles of fragments."""

    def __init__(self, document: DocumentNode) -> None:
        self._document = document
        self._fragments = _fragments(document)

    def takes_more_than(self, limit: int) -> bool:
        """Whether validation looks at more pairs than that; each selection counts as one, too."""
        pending: list[Sequence[SelectionSetNode]] = [
            (definition.selection_set,)
            for definition in self._document.definitions
            if isinstance(definition, OperationDefinitionNode | FragmentDefinitionNode)
        ]
        done: set[tuple[int, ...]] = set()
        while pending:
            merged = pending.pop()
            key = tuple(map(id, merged))
            if key in done:
                continue
            done.add(key)
            fields, seen = self._selected(merged, limit)
            limit -= seen
            for nodes in fields.values():
                limit -= _pairs(len(nodes))
                below = [node.selection_set for node in nodes if node.selection_set]
                pending += ((selection_set,) for selection_set in below)
                if len(below) > 1:
                    pending.append(below)
            if limit < 0:
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
    """How many pairs so many make."""
    return number * (number - 1) // 2


class _Cost:
    """Counts what a valid operation may resolve."""

    def __init__(
        self,
        schema: GraphQLSchema,
        document: DocumentNode,
        operation: OperationDefinitionNode,
        variables: Mapping[str, Any],
    ) -> None:
        self._schema = schema
        self._fragments = _fragments(document)
        self._cost_of_fragment: dict[str, int] = {}
        self._variables = {**dict(_defaults(operation)), **variables}

    def of(self, selection_set: SelectionSetNode, parent: GraphQLCompositeType) -> int:
        """The cost of a selection set on a type."""
        cost = 0
        for selection in selection_set.selections:
            if isinstance(selection, FragmentSpreadNode):
                cost += self._of_fragment(selection.name.value)
            elif isinstance(selection, FieldNode):
                cost += 1 + self._below(selection, parent)
            elif isinstance(selection, InlineFragmentNode):
                condition = selection.type_condition
                inner = parent if condition is None else self._type(condition.name.value)
                cost += self.of(selection.selection_set, inner)
        return cost

    def _below(self, field: FieldNode, parent: GraphQLCompositeType) -> int:
        if field.selection_set is None or not isinstance(
            parent, GraphQLObjectType | GraphQLInterfaceType
        ):
            return 0
        definition = parent.fields.get(field.name.value)
        if definition is None:
            return self._of_introspection(field.name.value, field.selection_set)
        inner = get_named_type(definition.type)
        assert is_composite_type(inner), "the document is valid"
        times = 1
        if _PAGE_SIZE in definition.args:
            times = self._page_size(field, definition.args[_PAGE_SIZE].default_value)
        return times * self.of(field.selection_set, inner)

    def _page_size(self, field: FieldNode, default: object) -> int:
        size = default
        for argument in field.arguments or ():
            if argument.name.value == _PAGE_SIZE:
                value = argument.value
                if isinstance(value, VariableNode):
                    size = self._variables.get(value.name.value, default)
                    if isinstance(size, float) and size.is_integer():
                        size = int(size)  # JSON has no integers: GraphQL takes 3.0 for 3
                elif isinstance(value, IntValueNode):
                    size = _int(value)
        # What is no number is an error when the operation is executed; a negative one too.
        return max(size, 0) if isinstance(size, int) else 1

    def _of_fragment(self, name: str) -> int:
        known = self._cost_of_fragment.get(name)
        if known is None:
            fragment = self._fragments[name]
            inner = self._type(fragment.type_condition.name.value)
            known = self._cost_of_fragment[name] = self.of(fragment.selection_set, inner)
        return known

    def _of_introspection(self, name: str, selection_set: SelectionSetNode) -> int:
        """The cost of what is below `__schema` or `__type`.

        No list in it is much longer than the schema has fields; lists of lists validation forbids.
        """
        fields = sum(len(getattr(found, "fields", ())) for found in self._schema.type_map.values())
        return fields * self.of(selection_set, self._type(_INTROSPECTION_TYPES[name]))

    def _type(self, name: str) -> GraphQLCompositeType:
        found = self._schema.get_type(name)
        assert is_composite_type(found), "the document is valid"
        return found


def _fragments(document: DocumentNode) -> dict[str, FragmentDefinitionNode]:
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
