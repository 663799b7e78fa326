from __future__ import annotations

from unittest.mock import patch

import strawberry

from graphql_api.documents.checked_documents import CheckedDocuments
from graphql_api.documents.document_limits import LIMIT_EXCEEDED, DocumentLimits
from graphql_api.documents.documents import Documents
from tests.for_each import for_each


@strawberry.type
class Query:
    @strawberry.field
    def hello(self) -> str:
        return "world"


def schema(
    documents: Documents | None = None, *, introspection: bool = True, **limits: int
) -> strawberry.Schema:
    known = Documents() if documents is None else documents
    allowed = DocumentLimits.model_validate(limits)
    return strawberry.Schema(
        query=Query,
        extensions=[lambda: CheckedDocuments(known, allowed, introspection=introspection)],
    )


async def codes(made: strawberry.Schema, text: str) -> list[str | None]:
    """The codes of what a document is refused for."""
    result = await made.execute(text)
    return [(error.extensions or {}).get("code") for error in result.errors or []]


async def test_a_document_is_parsed_and_validated_once() -> None:
    made = schema()
    first = await made.execute("{ hello }")
    with (
        patch("graphql_api.documents.documents.Parser") as parser,
        patch("graphql_api.documents.checked_documents.validate") as validate,
    ):
        second = await made.execute("{ hello }")
    assert first.data == second.data == {"hello": "world"}
    assert not parser.called
    assert not validate.called


async def test_a_document_that_is_not_valid_is_refused_again_and_again() -> None:
    made = schema()
    for _ in range(2):
        result = await made.execute("{ goodbye }")
        assert result.data is None
        assert "Cannot query field" in (result.errors or [])[0].message


async def test_limits_come_before_validation_and_cost_after_it() -> None:
    many = "{ " + " ".join(f"a{n}: hello" for n in range(101)) + " }"
    with patch("graphql_api.documents.checked_documents.validate") as validate:
        assert await codes(schema(), many) == [LIMIT_EXCEEDED]
    assert not validate.called
    assert await codes(schema(max_operation_fields=1), "{ a: hello b: hello }") == [LIMIT_EXCEEDED]
    assert await codes(schema(max_operation_fields=2), "{ a: hello b: hello }") == []


async def test_the_cost_of_a_known_document_is_counted_each_time() -> None:
    made = schema(max_operation_fields=1)
    for _ in range(2):
        assert await codes(made, "{ a: hello b: hello }") == [LIMIT_EXCEEDED]


@for_each("introspection", [True, False])
async def test_introspection_can_be_refused(*, introspection: bool) -> None:
    documents = Documents()
    assert await codes(schema(documents), "{ __schema { description } }") == []
    # What one schema has found valid is not so by the rules of another.
    result = await schema(documents, introspection=introspection).execute(
        "{ __schema { description } }"
    )
    assert bool(result.errors) is not introspection
    assert await codes(schema(documents, introspection=introspection), "{ __typename }") == []


@for_each(
    ("number", "is_readable"),
    [
        *(("5", True), ("-0", True), ("1.5e300", True), ("1e-999999", True), ("9" * 400, True)),
        *(("9" * 401, False), ("-" + "9" * 5000, False), ("1e309", False), ("-1e999999999", False)),
        *(("1." + "9" * 5000, True), ("9" * 5000 + ".5", False)),
    ],
)
async def test_number_of_a_document_has_a_value(number: str, is_readable: bool) -> None:
    for query in (
        f"{{ hello @include(if: {number}) }}",
        f"query ($a: Float = {number}) {{ hello @skip(if: $a) }}",
        f"{{ hello(a: [{{b: {number}}}]) }}",
    ):
        result = await schema().execute(query)
        messages = [error.message for error in result.errors or []]
        found = [m for m in messages if "digits" in m or "range of Float" in m]
        assert bool(found) != is_readable
        assert messages
