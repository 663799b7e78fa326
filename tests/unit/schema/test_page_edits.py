"""What the page is sent of mutations: what they take, and what of it people change there."""

from __future__ import annotations

from copy import copy
from dataclasses import replace
from typing import Any

import pytest

from graphql_api.schema.columns import Editing
from graphql_api.schema.declaration import TableDeclaration
from graphql_api.schema.page_edits import page_edits
from graphql_api.tables import TABLES
from graphql_api.tables.policy import POLICIES
from graphql_api.tables.policy_mutations import PolicyMutation
from tests.for_each import for_each

WRITTEN = [table for table in TABLES if table.mutation is not None]


@for_each("table", WRITTEN)
def test_every_written_table_is_deleted_by_its_mutation(table: TableDeclaration[Any]) -> None:
    assert page_edits(table)["remove"]["name"].startswith("delete")


def test_kinds_of_values_are_those_of_the_input() -> None:
    edits = {table.name: page_edits(table) for table in TABLES}
    assert [(field["kind"], field["isOptional"]) for field in edits["policy"]["fields"]] == [
        ("whole", True),
        ("decimal", True),
        ("decimal", True),
    ]
    assert [field["kind"] for field in edits["schedule"]["fields"]] == ["switch"]
    assert [field["isOptional"] for field in edits["rate_limit"]["fields"]] == [False]


@for_each("path", ["limits.max_pages", "nothing", "id.x"])
def test_value_that_no_mutation_takes_is_not_declared(path: str) -> None:
    wrong = POLICIES.written_by(PolicyMutation)
    wrong.people = replace(POLICIES.people, editing=Editing(fields=((path, "x"),)))
    with pytest.raises(ValueError, match=path):
        page_edits(wrong)


def test_table_without_mutations_has_none() -> None:
    read_only = copy(POLICIES)
    read_only.people = replace(POLICIES.people, editing=None)
    edits = page_edits(read_only)
    assert (edits["update"], edits["remove"], edits["fields"]) == (None, None, [])
