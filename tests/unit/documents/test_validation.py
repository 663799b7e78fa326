"""Validation finds what graphql-core finds, and leaves nothing of a document to be searched for."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest
from graphql import (
    GraphQLSyntaxError,
    Location,
    Node,
    Token,
    TypeInfo,
    ValidationContext,
    Visitor,
    get_introspection_query,
    parse,
    specified_rules,
)
from strawberry.schema.schema import validate_document

from graphql_api.documents.documents import Documents
from graphql_api.documents.validation import validate
from graphql_api.schema.errors import drop_frames
from graphql_api.schema.schema import build_schema
from graphql_api.tables import TABLES
from tests.cycles import no_search
from tests.for_each import for_each

SCHEMA = build_schema(TABLES)._schema
DOCUMENTS = {
    "valid": "{ policies { total } }",
    "unknown fields": "{ policies { total totl items { nme } } }",
    "a circle of fragments": (
        "query ($a: ID, $b: [ID!]) { policy(id: 5) { ...F } } fragment F on Policy { id ...F }"
    ),
    "an unused fragment": (
        "fragment Unused on Policy { id } { schedules(limit: true, limit: 1) { total } }"
    ),
    "variables in fragments": (
        "query ($a: ID!) { ...F } fragment F on Query { policy(id: $a) { ...G } } "
        "fragment G on Policy { name problems { path(a: $b) } }"
    ),
    "values that do not fit": (
        'mutation { updatePolicy(id: "a", ifUpdatedAt: "x", '
        "input: {name: 5, limits: {maxItems: 99999999999}}) { id } }"
    ),
    "a default that does not fit": "query ($a: Int = 9999999999) { policies(limit: $a) { total } }",
    "too many errors": "{ " + " ".join(f"f{number}" for number in range(200)) + " }",
    "too many unused fragments": "{ __typename } "
    + " ".join(f"fragment F{number} on Policy {{ id }}" for number in range(200)),
    "too many errors at values": "{ "
    + " ".join(f"a{number}: policies(limit: 99999999999) {{ total }}" for number in range(200))
    + " }",
    "introspection": get_introspection_query(),
}
DEEP = "{ ...F0 } " + " ".join(
    f"fragment F{number} on Query {{ ...F{number + 1} }}" for number in range(1200)
)
"""A document that the limit of levels refuses before its validation."""


@pytest.fixture(autouse=True)
def no_search_for_cycles() -> Iterator[None]:
    with no_search():
        yield


@for_each("name", DOCUMENTS)
def test_errors_are_those_of_graphql_core(name: str) -> None:
    text = DOCUMENTS[name]
    expected = validate_document(SCHEMA, parse(text), tuple(specified_rules))
    found = validate(SCHEMA, parse(text), tuple(specified_rules))
    assert [error.formatted for error in found] == [error.formatted for error in expected]


@for_each("text", [*DOCUMENTS.values(), DEEP])
def test_document_is_freed_without_a_search_for_cycles(text: str) -> None:
    before = parts_of_trees()
    node = Documents(max_chars=0).parse(text).node
    errors = validate(SCHEMA, node, tuple(specified_rules))
    assert parts_of_trees() > before
    del node, errors
    assert parts_of_trees() == before


@for_each(
    "text",
    ["{ a ( }", "{ a " * 3000, "{ a } " + "b " * 20, "{ " + "a " * 300 + "'", "{ " + "a " * 600],
)
def test_text_that_is_no_document_is_freed_without_a_search_for_cycles(text: str) -> None:
    before = parts_of_trees()
    with pytest.raises(GraphQLSyntaxError) as refused:
        Documents(max_tokens=500 if len(text) < 2000 else 10_000).parse(text)
    drop_frames(refused.value)
    del refused
    assert parts_of_trees() == before


def parts_of_trees() -> int:
    """How many parts of documents, and of what validates them, are in memory."""
    kinds = (Token, Location, Node, Visitor, TypeInfo, ValidationContext)
    return sum(isinstance(each, kinds) for each in gc.get_objects())
