"""Whatever a document holds, its row is served, without a GraphQL error."""

from __future__ import annotations

import json
from typing import Any

import pytest
from graphql import get_named_type

from graphql_api.schema import build_schema
from graphql_api.schema.document import graphql_name
from graphql_api.tables import TABLES
from tests.for_each import for_each
from tests.unit.schema.documents import (
    DOCUMENTS,
    FIELDS,
    FITTING,
    GEOMETRY,
    KEYS,
    ODD_VALUES,
    POISON_TIME,
    Field,
    stored_key,
    with_value,
    without,
)
from tests.unit.schema.harness import everything, serve

SCHEMA = build_schema(TABLES)
PAGES = {table.name: graphql_name(table.plural) for table in TABLES}
DECODERS = {table.name: table for table in TABLES}


def decode(table: str, document: dict[str, Any]) -> Any:
    return DECODERS[table].decode("p", document)


def list_query(table: str) -> str:
    core = SCHEMA._schema
    assert core.query_type is not None
    field = core.query_type.fields[PAGES[table]]
    return f"{{ {PAGES[table]} {everything(get_named_type(field.type), core)} }}"


def test_fields_listed_here_are_all_that_are_stored() -> None:
    def places(value: object, place: tuple[str | int, ...] = ()) -> set[tuple[str | int, ...]]:
        if isinstance(value, dict) and "$reql_type$" not in value:
            inner = [places(item, (*place, name)) for name, item in value.items()]
        elif isinstance(value, list):
            inner = [places(item, (*place, 0)) for item in value]
        else:
            inner = []
        return set().union({place}, *inner)

    for table, document in DOCUMENTS.items():
        listed = {
            tuple(0 if isinstance(step, int) else step for step in field.place)
            for field in FIELDS
            if field.table == table
        }
        assert listed == places(document) - {(), (KEYS[table],)}


@for_each("table", DOCUMENTS)
def test_ordinary_document_has_no_invalid_fields(table: str) -> None:
    assert decode(table, DOCUMENTS[table]).invalid_fields == ()


@for_each("field", FIELDS)
def test_value_that_does_not_fit_is_listed_with_its_path(field: Field) -> None:
    for name, value in ODD_VALUES.items():
        row = decode(field.table, with_value(field, value))
        if field.kind == "list" and isinstance(value, list):
            assert all(path.startswith(f"{field.path}[0]") for path in row.invalid_fields), name
        elif field.kind == "counts" and isinstance(value, dict) and "odd" in value:
            assert row.invalid_fields == (f"{field.path}.odd",)
        elif name in FITTING.get(field.kind, ()):
            assert row.invalid_fields == (), name
        else:
            assert row.invalid_fields == (field.path,), name


@for_each("field", FIELDS)
def test_missing_and_null_fields_are_valid(field: Field) -> None:
    assert decode(field.table, without(field)).invalid_fields == ()
    # Of a list, null is an item that does not fit.
    invalid = (field.path,) if isinstance(field.place[-1], int) else ()
    assert decode(field.table, with_value(field, None)).invalid_fields == invalid


@pytest.mark.parametrize("each", [4, pytest.param(1, marks=pytest.mark.long)])
@for_each("table", DOCUMENTS)
async def test_every_odd_document_is_served_without_an_error(table: str, each: int) -> None:
    documents: list[dict[str, Any]] = [{KEYS[table]: stored_key(table, "empty")}]
    fields = [field for field in FIELDS if field.table == table]
    for number, field in enumerate(fields):
        for name, value in list(ODD_VALUES.items())[number % each :: each]:
            if field.path == "completedAt" and name == "a time":
                continue  # a job that has ended so long ago is not held
            key = stored_key(table, f"{len(documents):04}")
            documents.append({**with_value(field, value), KEYS[table]: key})
    async with serve({**dict.fromkeys(DOCUMENTS, ()), table: documents}) as server:
        served = 0
        for offset in range(0, len(documents), 1000):
            query = list_query(table).replace(
                PAGES[table], f"{PAGES[table]}(offset: {offset}, limit: 1000)", 1
            )
            page = (await server.data(query))[PAGES[table]]
            assert page["total"] == len(documents)
            served += len(page["items"])
            json.dumps(page, ensure_ascii=False, allow_nan=False).encode()
        assert served == len(documents)


def test_empty_document_has_empty_lists_and_nulls() -> None:
    policy = decode("policy", {"id": "p"})
    assert policy.id == "p"
    assert policy.name is None
    assert policy.limits is None
    assert policy.url_rules == policy.user_agents == policy.invalid_fields == ()


def test_all_that_is_wrong_with_a_document_is_listed() -> None:
    document = {
        "id": "p",
        "name": 5,
        "created_at": POISON_TIME,
        "limits": {"max_cost": "much", "max_items": 2**31},
        "mime_type_rules": [{"save": True}, GEOMETRY, {"save": "yes"}],
        "user_agents": "Starbelly",
    }
    row = decode("policy", document)
    assert list(row.invalid_fields) == [
        "name",
        "createdAt",
        "limits.maxCost",
        "limits.maxItems",
        "mimeTypeRules[1]",
        "mimeTypeRules[2].save",
        "userAgents",
    ]
    assert [rule.save for rule in row.mime_type_rules] == [True, None]
