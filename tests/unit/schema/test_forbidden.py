"""A client that lacks a scope costs nothing: its variables are not even read."""

from __future__ import annotations

from typing import Any

from graphql_api.scopes import Scope
from tests.for_each import for_each
from tests.unit.schema.harness import serve

READER = frozenset({Scope.READ})
TABLES: dict[str, list[Any]] = {"policy": [], "schedule": [], "domain_login": []}
WRONG = {"input": {"name": ["not", "a", "text"]}}


@for_each(
    "document",
    [
        "mutation($input: CreatePolicyInput!) { createPolicy(input: $input) { id } }",
        "mutation($input: CreatePolicyInput!) { a: createPolicy(input: $input) { id } }",
        (
            "mutation($input: CreatePolicyInput!) "
            "{ ... on Mutation { createPolicy(input: $input) { id } } }"
        ),
        (
            "mutation($input: CreatePolicyInput!) { ...F }"
            " fragment F on Mutation { createPolicy(input: $input) { id } }"
        ),
    ],
)
async def test_operation_out_of_scope_is_refused_before_its_variables_are_read(
    document: str,
) -> None:
    async with serve(TABLES, scopes=READER) as server:
        result = await server.execute(document, **WRONG)
    assert result.errors is not None
    (error,) = result.errors
    assert error.extensions == {"code": "FORBIDDEN"}
    assert error.message == "createPolicy needs the scope write"
    assert error.path is not None
    assert result.data == {error.path[0]: None}


async def test_every_field_out_of_scope_is_named() -> None:
    async with serve(TABLES, scopes=READER) as server:
        result = await server.execute(
            'mutation { a: deletePolicy(id: "p") b: deleteSchedule(id: "s") }'
        )
    assert result.data == {"a": None, "b": None}
    assert [error.path for error in result.errors or ()] == [["a"], ["b"]]


async def test_field_that_must_have_a_value_leaves_none_to_the_others() -> None:
    async with serve(TABLES, scopes=READER) as server:
        result = await server.execute("{ domainLogins { total } }")
        assert result.data is None
        assert [error.path for error in result.errors or ()] == [["domainLogins"]]


@for_each(
    "document",
    [
        "query($w: DomainLoginFilter) { policies { total } domainLogins(where: $w) { total } }",
        (
            "query($w: DomainLoginFilter, $no: Boolean!) {"
            " policies { total } domainLogins(where: $w) @skip(if: $no) { total } }"
        ),
    ],
)
async def test_operation_with_one_field_in_scope_is_executed(document: str) -> None:
    async with serve(TABLES, scopes=READER) as server:
        result = await server.execute(document, w={}, no=True)
        if "@skip" in document:
            assert result.errors is None
        else:
            assert [error.path for error in result.errors or ()] == [["domainLogins"]]


async def test_subscription_out_of_scope_is_refused_before_its_variables_are_read() -> None:
    async with serve(TABLES, scopes=frozenset({Scope.WRITE})) as server:
        document = "subscription($w: PolicyFilter) { policyChanges(where: $w) { __typename } }"
        async with server.subscribe(document, w={"ids": 5}) as results:
            result = await anext(results)
    assert result.errors is not None
    assert [error.extensions for error in result.errors] == [{"code": "FORBIDDEN"}]
