"""Documents that ask for too much, over real sockets: a clear error, and the server stays well."""

from __future__ import annotations

from typing import Any
from unittest.mock import patch

import httpx
import pytest
from graphql import get_introspection_query

from graphql_api.documents.persisted import document_id
from graphql_api.rethink.url import DatabaseURL
from tests.for_each import for_each
from tests.server.client import Client, GraphQLErrors, connected
from tests.server.running import Running, running, settings_for


async def refusals(server: Running, client: Client, query: str) -> list[dict[str, Any]]:
    """The first error of a document: over HTTP, and over the socket."""
    async with httpx.AsyncClient() as http:
        answer = await http.post(
            f"{server.http}/graphql",
            json={"query": query},
            headers={"accept": "application/graphql-response+json"},
        )
    assert answer.status_code == 400
    assert answer.json().keys() == {"errors"}
    with pytest.raises(GraphQLErrors) as raised:
        await client.execute(query)
    return [answer.json()["errors"][0], raised.value.errors[0]]


def nested(depth: int) -> str:
    return "{ policies { items " + "{ a " * depth + "}" * depth + " } }"


def aliases(number: int, field: str) -> str:
    return "{ " + " ".join(f"a{n}: {field}" for n in range(number)) + " }"


ATTACKS = {
    "10 000 aliases": ("GRAPHQL_PARSE_FAILED", aliases(10_000, "__typename")),
    "3 000 aliases": ("LIMIT_EXCEEDED", aliases(3_000, "__typename")),
    "aliases by fragments": (
        "LIMIT_EXCEEDED",
        "{ ...A ...A ...A ...A } fragment A on Query { ...B ...B ...B ...B ...B } "
        + ("fragment B on Query " + aliases(6, "__typename")),
    ),
    "depth 1 000": ("GRAPHQL_PARSE_FAILED", nested(1_000)),
    "depth 40": ("LIMIT_EXCEEDED", nested(40)),
    "circular fragments": (
        "LIMIT_EXCEEDED",
        "{ ...A } fragment A on Query { ...B } fragment B on Query { ...A }",
    ),
    "nested introspection": (
        "GRAPHQL_VALIDATION_FAILED",
        "{ __schema { types { " + "fields { type { " * 6 + "name " + "} } " * 6 + "} } }",
    ),
    "introspection again and again": (
        "LIMIT_EXCEEDED",
        aliases(100, "__schema { types { name fields { name type { name } } } }"),
    ),
    "pages of pages": (
        "LIMIT_EXCEEDED",
        aliases(50, "policies(limit: 1000) { items { id name createdAt updatedAt } }"),
    ),
    "one field again and again": ("LIMIT_EXCEEDED", "{ " + "feeds { table } " * 2_000 + "}"),
    "fragments of one field": (
        "LIMIT_EXCEEDED",
        "{ "
        + " ".join(f"...F{n}" for n in range(300))
        + " }"
        + " ".join(f"fragment F{n} on Query {{ feeds {{ table }} }}" for n in range(300)),
    ),
}


@for_each(("code", "attack"), ATTACKS.values())
async def test_what_asks_for_too_much_is_refused_and_the_next_one_is_served(
    code: str, attack: str, server: Running, client: Client
) -> None:
    for error in await refusals(server, client, attack):
        assert error["extensions"]["code"] == code
    assert (await client.execute("{ policies { total } }"))["data"] == {"policies": {"total": 2}}


async def test_naming_a_document_by_its_sha256_spares_it_no_limit(
    server: Running, client: Client
) -> None:
    _, attack = ATTACKS["one field again and again"]
    with patch("graphql_api.schema.schema.validate") as validate:
        async with httpx.AsyncClient() as http:
            answer = await http.post(
                f"{server.http}/graphql",
                json={"query": attack, "documentId": f"sha256:{document_id(attack)}"},
            )
    assert answer.json()["errors"][0]["extensions"]["code"] == "LIMIT_EXCEEDED"
    assert not validate.called
    assert "data" in await client.execute("{ __typename }")


async def test_each_limit_is_a_setting(starbelly: DatabaseURL) -> None:
    settings = settings_for(
        starbelly,
        max_document_tokens=50,
        max_document_levels=3,
        max_document_aliases=2,
        max_document_comparisons=10,
        max_operation_fields=20,
        max_page_rows=10,
        introspection=False,
        suggestions=False,
    )
    expected = {
        "{ " + "a " * 60 + "}": "Syntax Error: Document contains more than 50 tokens. Parsing "
        "aborted.",
        "{ policies(limit: 1) { items { limits { maxCost } } } }": "the document has more than 3 "
        "levels of selections: ask for what is deeper by an operation of its own",
        "{ a: __typename b: __typename c: __typename }": "the document has more than 2 aliases: "
        "ask for many rows by a filter such as `ids`, or send several operations",
        "{ policies { total total total total } }": "the document selects the same fields so often "
        "that more than 10 comparisons would be needed: select each once",
        "{ policies(limit: 10) { items { id } } }": "this operation could resolve 21 fields, and "
        "20 are allowed: ask for smaller pages, or for fewer fields",
        "{ policis { total } }": "Cannot query field 'policis' on type 'Query'.",
    }
    async with running(settings) as server, connected(server.ws) as client:
        for query, message in expected.items():
            for error in await refusals(server, client, query):
                assert error["message"] == message
        for error in await refusals(server, client, "{ __schema { description } }"):
            assert "introspection has been disabled" in error["message"]
        result = await client.execute("{ policies(limit: 11) { total } }")
        assert result["errors"][0]["message"] == "limit must be from 0 to 10, not 11"
        assert "data" in await client.execute("{ __typename }")


async def test_graphiql_can_ask_for_the_schema(client: Client) -> None:
    text = get_introspection_query(input_value_deprecation=True, schema_description=True)
    assert "errors" not in await client.execute(text)
