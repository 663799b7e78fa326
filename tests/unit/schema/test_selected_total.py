"""The total of a page is counted if it is asked for, however that is said."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from graphql import FieldNode, FragmentDefinitionNode, OperationDefinitionNode, parse

from graphql_api.schema.root_fields import _selects
from tests.for_each import for_each


@for_each(
    ("selection", "is_asked_for"),
    [
        ("{ items { id } }", False),
        ("{ items { total } }", False),
        ("{ total: cursor }", False),
        ("{ items { id } total }", True),
        ("{ count: total @include(if: $is) }", True),
        ("{ ... { ...F } } } fragment F on Page { ... on Page { total }", True),
        ("{ ...F } } fragment F on Page { cursor } fragment G on Page { total", False),
    ],
)
def test_total_is_asked_for_by_its_name_below_the_page(selection: str, is_asked_for: bool) -> None:
    document = parse(f"{{ rows {selection} }}")
    operation = document.definitions[0]
    assert isinstance(operation, OperationDefinitionNode)
    field = operation.selection_set.selections[0]
    assert isinstance(field, FieldNode)
    fragments = {
        each.name.value: each
        for each in document.definitions
        if isinstance(each, FragmentDefinitionNode)
    }
    info: Any = SimpleNamespace(_raw_info=SimpleNamespace(field_nodes=[field], fragments=fragments))
    assert _selects(info, "total") is is_asked_for
