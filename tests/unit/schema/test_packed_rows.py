"""Rows as the bytes that a history keeps."""

from __future__ import annotations

from typing import Any

from graphql_api.schema import TableDeclaration
from graphql_api.schema.changes import changed_fields
from graphql_api.schema.filters import NOTHING, conditions_of
from graphql_api.tables import TABLES
from graphql_api.tables.policy_rules import check_policy
from tests.for_each import for_each
from tests.unit.schema.bookmark import BOOKMARKS
from tests.unit.schema.documents import DOCUMENTS, FIELDS, GEOMETRY, Document, with_value

DECODERS: dict[str, Any] = {table.name: table for table in TABLES}
ODD = [("policy", {"id": "é\0😀", "limits": {"max_cost": 1e300, "max_items": -1}})]


def decode(table: str, document: Document) -> Any:
    return DECODERS[table].decode("p", document)


def repacked(table: str, row: Any) -> Any:
    packing = DECODERS[table].packing
    return packing.unpack(packing.pack(row))


@for_each(("table", "document"), [*DOCUMENTS.items(), *ODD])
def test_row_survives_packing(table: str, document: Document) -> None:
    row = decode(table, document)
    again = repacked(table, row)
    assert again == row
    assert repr(again) == repr(row)
    assert changed_fields(row, again) == []


def test_row_of_each_unfit_value_survives_packing() -> None:
    for field in FIELDS:
        values: list[Any] = [GEOMETRY, None, [], {}, -0.0, 5]
        for value in values:
            row = decode(field.table, with_value(field, value))
            again = repacked(field.table, row)
            assert again == row, (field, value)
            assert repr(again) == repr(row), (field, value)


def test_row_of_a_table_with_one_served_field_survives_packing() -> None:
    row = BOOKMARKS.decode("a", {"id": "a", "name": "b"})
    packing = BOOKMARKS.packing
    assert packing.unpack(packing.pack(row)) == row
    assert packing.facets(row).name == "b"


def test_what_a_row_hides_survives_packing() -> None:
    document = {name: value for name, value in DOCUMENTS["policy"].items() if name != "proxy_rules"}
    row = decode("policy", document)
    assert row.hidden
    again = repacked("policy", row)
    assert again.hidden == row.hidden
    problems = row.judged_by(check_policy)
    assert problems
    assert again.judged_by(check_policy) == problems


@for_each("table", TABLES)
def test_filters_look_only_at_the_facets_of_a_row(table: TableDeclaration[Any]) -> None:
    document = DOCUMENTS.get(table.name, {table.primary_key: "key"})
    row = table.decode(document[table.primary_key], document)
    facets = table.packing.facets(row)
    assert NOTHING.matches(facets) is False
    for member in conditions_of(table.filter_type):
        for value in ([row.id, "crawl"], "", "no such", True, False):
            # Members are lists or scalars; with one of the wrong kind there is no filter.
            try:
                where = table.filter_type(**{member: value}).condition()
                assert where is not None
                expected = where.matches(row)
            except (TypeError, AttributeError):
                continue
            assert where.matches(facets) is expected, (member, value)


def test_encoding_of_a_row_is_as_documented_and_changes_only_with_its_format() -> None:
    """What this expects may change only together with `decoding`, or the documented format."""
    document = {
        "id": "p",
        "name": "é",
        "created_at": {"$reql_type$": "TIME", "epoch_time": 1.5, "timezone": "+02:00"},
        "limits": {"max_cost": 10, "max_items": 3},
        "url_rules": [{"pattern": "x", "match": "MATCHES", "action": "ADD", "amount": 1}],
        "proxy_rules": [],
        "user_agents": 5,
    }
    packing = DECODERS["policy"].packing
    assert packing.pack(decode("policy", document)).decode() == (
        '["é",1500,null,null,null,[10.0,null,3],[],[],null,null,[["x","MATCHES","ADD",1.0]],null,'
        '["userAgents"],"p"]'
    )
    formats = {table.name: DECODERS[table.name].packing.format for table in TABLES}
    assert formats == {
        "job": "1.1.f566e1f3c1be",
        "policy": "1.1.2445ee70dc5b",
        "schedule": "1.1.2d8cc4c8a3fd",
        "domain_login": "1.1.7f9c7a225a67",
        "captcha_solver": "1.1.a32982ece2d4",
        "rate_limit": "1.1.0ee92d410ca1",
    }
