"""Validation finds what graphql-core finds, and leaves nothing of a document to be searched for."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest
from graphql import Location, Node, Token, parse, specified_rules
from strawberry.schema.schema import validate_document

from graphql_api.documents.documents import Documents
from graphql_api.documents.validation import validate
from graphql_api.schema.schema import build_schema
from graphql_api.tables import TABLES

SCHEMA = build_schema(TABLES)._schema
DOCUMENTS = [
    "{ policies { total } }",
    "{ policies { total totl items { nme } } }",
    "query ($a: ID, $b: [ID!]) { policy(id: 5) { ...F } } fragment F on Policy { id ...F }",
    "fragment Unused on Policy { id } { schedules(limit: true, limit: 1) { total } }",
]


@pytest.fixture(autouse=True)
def no_search_for_cycles() -> Iterator[None]:
    gc.disable()
    yield
    gc.enable()


@pytest.mark.parametrize("text", DOCUMENTS)
def test_errors_are_those_of_graphql_core(text: str) -> None:
    expected = validate_document(SCHEMA, parse(text), tuple(specified_rules))
    found = validate(SCHEMA, parse(text), tuple(specified_rules))
    assert [error.formatted for error in found] == [error.formatted for error in expected]


# graphql-core's visitor of a fragment's variables cannot be reached, and keeps the fragment.
@pytest.mark.parametrize("text", [text for text in DOCUMENTS if "fragment" not in text])
def test_document_is_freed_without_a_search_for_cycles(text: str) -> None:
    before = parts_of_trees()
    node = Documents(max_chars=0).parse(text).node
    validate(SCHEMA, node, tuple(specified_rules))
    assert parts_of_trees() > before
    del node
    assert parts_of_trees() == before


def parts_of_trees() -> int:
    """How many tokens, places and nodes of documents are in memory."""
    return sum(isinstance(each, Token | Location | Node) for each in gc.get_objects())
