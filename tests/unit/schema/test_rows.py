"""Rows are values: what is served of a document, and nothing else."""

from __future__ import annotations

import copy
from typing import Any

from graphql_api.schema.changes import changed_fields
from graphql_api.tables import TABLES
from tests.for_each import for_each
from tests.unit.schema.documents import DOCUMENTS, FIELDS, GEOMETRY, KEYS, Document, with_value

DECODERS = {table.name: table for table in TABLES}


def decode(table: str, document: Document) -> Any:
    return DECODERS[table].decode(document[KEYS[table]], document)


@for_each("table", DOCUMENTS)
def test_equal_documents_make_equal_rows(table: str) -> None:
    assert decode(table, DOCUMENTS[table]) == decode(table, copy.deepcopy(DOCUMENTS[table]))


def test_every_served_field_makes_a_difference_and_is_named() -> None:
    for field in FIELDS:
        before = decode(field.table, DOCUMENTS[field.table])
        after = decode(field.table, with_value(field, GEOMETRY))
        assert before != after, field
        served = field.path.split(".")[0].split("[")[0]
        assert served in changed_fields(before, after), field


def test_password_of_a_user_is_not_in_the_row() -> None:
    for table, document in DOCUMENTS.items():
        assert "hunter2" not in repr(decode(table, document))
        assert b"hunter2" not in DECODERS[table].packing.pack(decode(table, document))


def test_changes_of_what_is_not_served_are_no_difference() -> None:
    before = DOCUMENTS["domain_login"]
    after = copy.deepcopy(before)
    after["users"][0]["password"] = "another"
    after["users"][0]["unknown"] = 1
    after["unknown"] = [1]
    after["login_url"] = after["login_url"].replace("hunter2", "another")
    assert decode("domain_login", before) == decode("domain_login", after)


@for_each(
    ("password", "has_password", "invalid"),
    [
        ("secret", True, ()),
        ("", False, ()),
        (None, False, ()),
        (5, False, ("users[0].hasPassword",)),
    ],
)
def test_client_sees_whether_there_is_a_password(
    password: object, has_password: bool, invalid: tuple[str, ...]
) -> None:
    row = decode("domain_login", {"domain": "d", "users": [{"password": password}]})
    assert row.users[0].has_password is has_password
    assert row.invalid_fields == invalid


def test_times_that_are_served_alike_are_equal() -> None:
    def policy(epoch_time: float) -> Any:
        created_at = {"$reql_type$": "TIME", "epoch_time": epoch_time, "timezone": "+02:00"}
        return decode("policy", {"id": "p", "created_at": created_at})

    assert policy(0.0011) == policy(0.0012)
    assert policy(0.001) != policy(0.002)
