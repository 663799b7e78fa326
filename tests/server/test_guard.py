"""Loopback is not a fence: who may talk to the server, over HTTP and WebSocket."""

from __future__ import annotations

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus
from websockets.typing import Origin, Subprotocol

from graphql_api.rethink.url import DatabaseURL
from tests.server.running import Running, running, settings_for

QUERY = {"query": "{ feeds { table } }"}


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Host": "localhost"}, 200),
        ({"Host": "attacker.example"}, 403),
        ({"Host": "127.0.0.1.attacker.example"}, 403),
        ({"Origin": "https://attacker.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Host": "localhost:1", "Origin": "http://localhost:1"}, 200),
        ({"Host": "localhost:1", "Origin": "http://localhost:2"}, 403),
    ],
)
async def test_request_of_another_site_is_refused(
    server: Running, headers: dict[str, str], status: int
) -> None:
    async with httpx.AsyncClient(trust_env=False) as http:
        response = await http.post(f"{server.http}/graphql", json=QUERY, headers=headers)
    assert response.status_code == status
    if status == 403:
        assert "--allow-" in response.text or "names no site" in response.text


@pytest.mark.parametrize("origin", ["https://attacker.example", "null"])
async def test_socket_of_another_site_is_refused(server: Running, origin: str) -> None:
    with pytest.raises(InvalidStatus) as caught:
        async with connect(
            server.ws,
            origin=Origin(origin),
            subprotocols=[Subprotocol("graphql-transport-ws")],
            proxy=None,
        ):
            pass
    assert caught.value.response.status_code == 403


async def test_allowed_host_and_origin_are_answered(starbelly: DatabaseURL) -> None:
    settings = settings_for(
        starbelly, allow_host=["api.example.org"], allow_origin=["https://app.example.org"]
    )
    headers = {"Host": "api.example.org", "Origin": "https://app.example.org"}
    async with running(settings) as server, httpx.AsyncClient(trust_env=False) as http:
        response = await http.post(f"{server.http}/graphql", json=QUERY, headers=headers)
        assert response.status_code == 200


async def test_root_leads_to_graphiql(server: Running) -> None:
    async with httpx.AsyncClient(trust_env=False) as http:
        response = await http.get(server.http)
        assert response.headers["location"] == "/graphiql"
        page = await http.get(f"{server.http}/graphiql")
    assert page.status_code == 200
    assert "GraphiQL" in page.text
    assert 'new URL("/graphql"' in page.text


async def test_query_over_http_is_answered(server: Running) -> None:
    query = "{ policies { items { name } total status } }"
    async with httpx.AsyncClient(trust_env=False) as http:
        response = await http.post(f"{server.http}/graphql", json={"query": query})
    page = response.json()["data"]["policies"]
    assert page["items"] == [{"name": "Broad Crawl"}, {"name": "Deep Crawl"}]
    assert (page["total"], page["status"]) == (2, "READY")
