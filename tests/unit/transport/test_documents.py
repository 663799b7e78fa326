"""Parsed documents are remembered within bounds."""

from __future__ import annotations

import pytest
from graphql import GraphQLSyntaxError

from graphql_api.transport.documents import Documents


def text(name: str) -> str:
    return f"{{ {name:_<6} }}"  # ten characters


def test_document_is_parsed_once() -> None:
    documents = Documents()
    assert documents.parse("{ a }") is documents.parse("{ a }")


def test_texts_that_were_used_longest_ago_are_forgotten() -> None:
    documents = Documents(max_chars=100)
    first = documents.parse(text("a0"))
    second = documents.parse(text("a1"))
    for i in range(2, 10):
        documents.parse(text(f"a{i}"))
    assert documents.parse(text("a0")) is first
    documents.parse(text("b"))
    assert len(documents) == 10
    assert documents.parse(text("a0")) is first
    assert documents.parse(text("a1")) is not second


def test_long_document_pushes_out_nothing() -> None:
    documents = Documents(max_chars=100)
    documents.parse(text("a"))
    documents.parse("{ a b c d e f }")
    assert len(documents) == 1


@pytest.mark.parametrize(
    "wrong", ["", "{", "{ a b c d }", "{ a " * 1000, "{ a(b: " + "[" * 10_000], ids=len
)
def test_wrong_document_is_not_remembered(wrong: str) -> None:
    documents = Documents(max_tokens=5)
    with pytest.raises(GraphQLSyntaxError):
        documents.parse(wrong)
    assert len(documents) == 0


SUBSCRIPTION = "subscription ($s: String, $i: Boolean, $w: F) {{ {} }}"


@pytest.mark.parametrize(
    ("selection", "expected"),
    [
        ("x(since: $s, includeInitial: $i, where: $w)", {"s", "i"}),
        ("x(since: $s, where: {a: $w})", {"s"}),
        ("x(since: $s) { y(since: $s) }", set()),
        ("x(since: $s, where: $s)", set()),
        ("x(since: $s) { y @include(if: $i) }", {"s"}),
        ("x(includeInitial: $i) @include(if: $i)", set()),
        ("x(since: [$s])", set()),
        ("... on Subscription { x(since: $s) }", set()),
        ("...F } fragment F on Subscription { x(since: $s)", set()),
        ("x(since: $s) { ...F } } fragment F on X { y(a: $s)", set()),
        ("x", set()),
    ],
)
def test_variables_that_only_say_where_events_begin(selection: str, expected: set[str]) -> None:
    document = Documents().parse(SUBSCRIPTION.format(selection))
    assert document.resumption_variables == expected
