"""The ready-made tabs of GraphiQL fit the schema, and leave out nothing that it can send."""

from __future__ import annotations

from pathlib import Path

import pytest
from graphql import (
    FieldNode,
    GraphQLSchema,
    GraphQLUnionType,
    InlineFragmentNode,
    OperationDefinitionNode,
    OperationType,
    SelectionSetNode,
    build_schema,
    get_named_type,
    parse,
    validate,
)

from graphql_api.schema import export
from graphql_api.schema.graphiql_tabs import changes_tab, log_tab
from graphql_api.tables import LOGS, TABLES

EXAMPLES = Path(__file__).parents[3] / "graphql_api/graphiql/page/tabs"
TABS = [
    *map(changes_tab, TABLES),
    *map(log_tab, LOGS),
    *(file.read_text(encoding="utf-8") for file in sorted(EXAMPLES.glob("*.graphql"))),
]
MAX_LINE = 52
"""How many characters of a comment a tab shows on a screen of usual width."""


@pytest.fixture(scope="module")
def schema() -> GraphQLSchema:
    return build_schema(export(TABLES, LOGS))


def root_fields(operation: OperationType) -> dict[str, FieldNode]:
    """The fields of one kind of operation that tabs select, by name."""
    return {
        field.name.value: field
        for tab in TABS
        for definition in parse(tab).definitions
        if isinstance(definition, OperationDefinitionNode) and definition.operation is operation
        for field in definition.selection_set.selections
        if isinstance(field, FieldNode)
    }


@pytest.mark.parametrize("tab", TABS)
def test_tab_is_valid_and_named(tab: str, schema: GraphQLSchema) -> None:
    assert validate(schema, parse(tab)) == []
    (operation,) = (
        definition
        for definition in parse(tab).definitions
        if isinstance(definition, OperationDefinitionNode)
    )
    assert operation.name is not None, "its name is the tab's title"
    assert max(len(line) for line in tab.splitlines() if line.startswith("#")) <= MAX_LINE


def test_every_subscription_has_a_tab_with_every_member_of_its_union(schema: GraphQLSchema) -> None:
    assert schema.subscription_type is not None
    tabs = root_fields(OperationType.SUBSCRIPTION)
    subscriptions = {
        name: field
        for name, field in schema.subscription_type.fields.items()
        if not name.startswith("live")  # a live page is selected as the query's page is
    }
    assert tabs.keys() == subscriptions.keys()
    for name, field in subscriptions.items():
        union = get_named_type(field.type)
        selections = selected(tabs[name].selection_set)
        assert "__typename" in field_names(selections)
        if not isinstance(union, GraphQLUnionType):  # an insert-only table has one event
            assert "cursor" in field_names(selections)
            for event in selections:
                if isinstance(event, FieldNode) and event.selection_set is not None:
                    row = get_named_type(union.fields[event.name.value].type)
                    assert field_names(selected(event.selection_set)) == row.fields.keys() - {"id"}
            continue
        members = {
            selection.type_condition.name.value: field_names(selected(selection.selection_set))
            for selection in selections
            if isinstance(selection, InlineFragmentNode) and selection.type_condition
        }
        assert members.keys() == {member.name for member in union.types}
        assert all("cursor" in names for names in members.values()), "or it could not be resumed"


def test_query_shows_how_its_table_stands() -> None:
    (page,) = root_fields(OperationType.QUERY).values()
    assert {"status", "cursor", "total", "items"} <= field_names(selected(page.selection_set))


def test_a_mutation_has_a_tab() -> None:
    assert len(root_fields(OperationType.MUTATION)) == 1


def selected(selection_set: SelectionSetNode | None) -> tuple[object, ...]:
    assert selection_set is not None
    return tuple(selection_set.selections)


def field_names(selections: tuple[object, ...]) -> set[str]:
    return {selection.name.value for selection in selections if isinstance(selection, FieldNode)}
