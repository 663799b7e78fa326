"""What is selected and filtered by is what `schema.graphql` has."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from graphql import (
    GraphQLInputObjectType,
    GraphQLObjectType,
    GraphQLOutputType,
    build_schema,
    get_named_type,
    parse,
    validate,
)

from graphql_api.client.table import Row
from graphql_api.watch.table import Table
from graphql_api.watch.tables import TABLES
from graphql_api.watch.where import Kind
from tests.for_each import for_each

SCHEMA = build_schema((Path(__file__).parents[3] / "schema.graphql").read_text("utf-8"))
EACH = pytest.mark.parametrize("table", TABLES.values(), ids=TABLES.keys())


def object_type(name: str) -> GraphQLObjectType:
    type_ = SCHEMA.type_map[name]
    assert isinstance(type_, GraphQLObjectType)
    return type_


@EACH
def test_document_is_valid(table: Table) -> None:
    assert validate(SCHEMA, parse(table.document)) == []


@EACH
def test_every_field_of_a_row_is_selected(table: Table) -> None:
    version = object_type(f"{table.type_name}Version").fields
    assert set(table.fields) == set(version)
    for name, field in version.items():
        inner = table.fields[name]
        assert set(inner.replace("{", "").replace("}", "").split()) == _names(field.type)


def _names(type_: GraphQLOutputType) -> set[str]:
    inner = get_named_type(type_)
    if not isinstance(inner, GraphQLObjectType):
        return set()
    return set(inner.fields).union(*(_names(field.type) for field in inner.fields.values()))


@EACH
def test_names_are_those_of_the_schema(table: Table) -> None:
    assert table.entity in object_type(f"{table.type_name}Added").fields
    assert table.deleted_key in object_type(f"{table.type_name}Deleted").fields
    assert table.name_field in table.fields


@EACH
def test_every_member_of_the_filter_has_its_condition(table: Table) -> None:
    filter_ = SCHEMA.type_map[f"{table.type_name}Filter"]
    assert isinstance(filter_, GraphQLInputObjectType)
    types = {name: str(field.type) for name, field in filter_.fields.items()}
    assert {condition.member for condition in table.conditions.values()} == set(types)
    for condition in table.conditions.values():
        is_list = types[condition.member].startswith("[")
        assert is_list == (condition.kind is Kind.ANY_OF)
        assert (types[condition.member] == "Boolean") == (condition.kind is Kind.YES_OR_NO)


def cells(table: str, row: Row) -> list[str]:
    return [column.cell(row) for column in TABLES[table].columns if not column.is_optional]


@for_each(
    ("table", "row", "expected"),
    [
        (
            "policies",
            {
                "robotsTxt": {"usage": "OBEY"},
                "limits": {"maxItems": 5, "maxCost": 1.5, "maxDuration": 60.0},
            },
            ["OBEY", "5 items, cost 1.5, 60 s"],
        ),
        (
            "schedules",
            {"numUnits": 1, "timeUnit": "HOURS", "enabled": True, "jobCount": 3, "tags": ["a"]},
            ["1 hour", "enabled", "3", "a"],
        ),
        (
            "schedules",
            {"numUnits": 6, "timeUnit": "DAYS", "enabled": False},
            ["6 days", "disabled", "", ""],
        ),
        (
            "logins",
            {
                "loginUrl": "https://a/",
                "users": [{"username": "u", "working": True}, {"username": "v", "working": False}],
            },
            ["https://a/", "u, v (does not work)"],
        ),
    ],
)
def test_columns_tell_what_counts(table: str, row: Row, expected: list[str]) -> None:
    assert cells(table, row) == expected


@EACH
@for_each("value", [None, 5, True, "x", [], [5], [None], {}, {"a": []}])
def test_no_value_is_too_odd_to_be_shown(table: Table, value: Any) -> None:
    row = dict.fromkeys([*table.fields, "id"], value)
    assert all(isinstance(column.cell(row), str) for column in table.columns)
    assert isinstance(table.name_of(row), str)
