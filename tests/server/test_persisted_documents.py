"""Persisted documents through the whole server: over HTTP and WebSocket, by both wire forms."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

from graphql_api.rethink.url import DatabaseURL
from graphql_api.tables import TABLES as DECLARED
from tests.server.client import Client, GraphQLErrors, Operation, connected
from tests.server.operations import POLICIES
from tests.server.running import Running, running, settings_for

QUERY = "query Feeds { feeds { table } }"
TABLES = {"data": {"feeds": [{"table": table.name} for table in DECLARED]}}
WATCH = "subscription Watch { policyChanges(includeInitial: false) { __typename } }"
INTROSPECTION = "{ __schema { queryType { name } } }"


def hashed(text: str) -> str:
    return sha256(text.encode()).hexdigest()


def by_id(text: str) -> dict[str, Any]:
    return {"documentId": f"sha256:{hashed(text)}"}


def by_apollo(text: str) -> dict[str, Any]:
    return {"extensions": {"persistedQuery": {"version": 1, "sha256Hash": hashed(text)}}}


WAYS = pytest.mark.parametrize("named", [by_id, by_apollo])


@asynccontextmanager
async def requesting(server: Running) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=server.http, trust_env=False) as http:
        yield http


@pytest.fixture
async def http(server: Running) -> AsyncIterator[httpx.AsyncClient]:
    async with requesting(server) as http:
        yield http


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    file = tmp_path / "persisted-documents.json"
    file.write_text(json.dumps({hashed(text): text for text in (QUERY, WATCH)}))
    return file


def code(answer: dict[str, Any]) -> object:
    assert "data" not in answer
    (error,) = answer["errors"]
    return error["extensions"]["code"]


async def over_websocket(client: Client, payload: dict[str, Any]) -> dict[str, Any]:
    """The first result of an operation whose payload is this; then it is ended."""
    operation = Operation(client, str(uuid4()))
    client._operations[operation.id] = operation
    await client.send({"type": "subscribe", "id": operation.id, "payload": payload})
    try:
        return await operation.next()
    except GraphQLErrors as error:
        return {"errors": error.errors}
    finally:
        await operation.complete()


@WAYS
async def test_document_that_was_sent_with_its_sha256_is_known_by_it_everywhere(
    http: httpx.AsyncClient, client: Client, named: Any
) -> None:
    assert (
        code((await http.post("/graphql", json=named(QUERY))).json()) == "PERSISTED_QUERY_NOT_FOUND"
    )
    assert (await http.post("/graphql", json=named(QUERY) | {"query": QUERY})).json() == TABLES
    assert (await http.post("/graphql", json=named(QUERY))).json() == TABLES
    url = {
        name: json.dumps(value) if name == "extensions" else value
        for name, value in named(QUERY).items()
    }
    assert (await http.get("/graphql", params=url)).json() == TABLES
    assert await over_websocket(client, named(QUERY)) == TABLES


async def test_document_may_be_registered_over_websocket(
    http: httpx.AsyncClient, client: Client
) -> None:
    missing = await over_websocket(client, by_apollo(WATCH))
    assert code(missing) == "PERSISTED_QUERY_NOT_FOUND"
    sent = await over_websocket(client, by_apollo(WATCH) | {"query": WATCH})
    assert sent == {"data": {"policyChanges": {"__typename": "FeedState"}}}
    assert await over_websocket(client, by_id(WATCH)) == sent
    refused = await http.post("/graphql", json=by_id(WATCH), headers={"accept": "application/json"})
    assert refused.status_code == 406, "it is known, and a subscription"


async def test_missing_document_has_the_status_of_its_media_type(http: httpx.AsyncClient) -> None:
    for accept, status in (("application/json", 200), ("application/graphql-response+json", 400)):
        response = await http.post("/graphql", json=by_id(QUERY), headers={"accept": accept})
        assert response.status_code == status
        assert response.json()["errors"][0]["message"] == "PersistedQueryNotFound"


async def test_wrong_sha256_and_invalid_documents_are_not_remembered(
    http: httpx.AsyncClient,
) -> None:
    wrong = await http.post("/graphql", json=by_apollo(WATCH) | {"query": QUERY})
    assert code(wrong.json()) == "PERSISTED_QUERY_HASH_MISMATCH"
    invalid = "{ nothing }"
    answer = await http.post("/graphql", json=by_apollo(invalid) | {"query": invalid})
    assert code(answer.json()) == "GRAPHQL_VALIDATION_FAILED"
    for text in (QUERY, WATCH, invalid):
        assert (
            code((await http.post("/graphql", json=by_id(text))).json())
            == "PERSISTED_QUERY_NOT_FOUND"
        )


async def test_documents_of_the_manifest_are_known_from_the_start(
    starbelly: DatabaseURL, manifest: Path
) -> None:
    async with (
        running(settings_for(starbelly, persisted_documents=manifest)) as server,
        requesting(server) as http,
        connected(server.ws) as client,
    ):
        assert (await http.post("/graphql", json=by_id(QUERY))).json() == TABLES
        assert "errors" not in await over_websocket(client, by_apollo(WATCH))
        assert "data" in (await http.post("/graphql", json={"query": INTROSPECTION})).json()


async def test_with_only_the_manifest_nothing_else_is_executed(
    starbelly: DatabaseURL, manifest: Path
) -> None:
    settings = settings_for(starbelly, persisted_documents=manifest, only_persisted_documents=True)
    async with (
        running(settings) as server,
        requesting(server) as http,
        connected(server.ws) as client,
    ):
        for known in (by_id(QUERY), by_apollo(QUERY), {"query": QUERY}):
            assert (await http.post("/graphql", json=known)).json() == TABLES
        assert "errors" not in await over_websocket(client, by_id(WATCH))
        for other in (INTROSPECTION, POLICIES.subscription):
            for named in ({}, by_id(other), by_apollo(other)):
                request = {"query": other} | named
                answer = (await http.post("/graphql", json=request)).json()
                assert code(answer) == "PERSISTED_DOCUMENT_REQUIRED"
                answer = await over_websocket(client, request)
                assert code(answer) == "PERSISTED_DOCUMENT_REQUIRED"
            assert code((await http.post("/graphql", json=by_id(other))).json()) == (
                "PERSISTED_QUERY_NOT_FOUND"
            )
