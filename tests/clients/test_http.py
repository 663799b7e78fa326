"""Stock clients over HTTP: plain queries get JSON, and persisted ones are sent once."""

from __future__ import annotations

import json

import pytest

from graphql_api.documents.manifest import read_manifest
from graphql_api.schema import build_schema
from graphql_api.tables import TABLES
from tests.clients.http.node import run
from tests.clients.program import LISTS
from tests.server.running import Running

pytestmark = pytest.mark.timeout(300)


@pytest.mark.usefixtures("http_packages")
@pytest.mark.parametrize("client", ["apollo", "urql"])
async def test_stock_client_gets_json_and_sends_a_persisted_document_once(
    server: Running, client: str
) -> None:
    results = json.loads(await run(f"{client}.js", f"{server.http}/graphql"))
    for query in results:
        assert [feed["table"] for feed in query["data"]["feeds"]] == [
            table.name for table in TABLES
        ]
        for request in query["requests"]:
            assert request["type"].startswith(
                ("application/json", "application/graphql-response+json")
            )
    plain, first, second, by_get = (
        [(request["method"], request["has_document"]) for request in query["requests"]]
        for query in results
    )
    assert plain == [("POST", True)]
    assert first == [("POST", False), ("POST", True)]
    assert second == [("POST", False)]
    assert by_get == [("GET", False)]


@pytest.mark.usefixtures("typed_documents")
def test_what_codegen_writes_is_a_manifest() -> None:
    texts = read_manifest(LISTS / "src/gql/persisted-documents.json", build_schema(TABLES).validate)
    assert any("subscription" in text for text in texts.values())
