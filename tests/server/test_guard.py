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


async def test_request_of_another_site_is_refused(server: Running) -> None:
    asked: list[tuple[dict[str, str], int]] = [
        ({}, 200),
        ({"Host": "localhost"}, 200),
        ({"Host": "attacker.example"}, 403),
        ({"Host": "127.0.0.1.attacker.example"}, 403),
        ({"Origin": "https://attacker.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Host": "localhost:1", "Origin": "http://localhost:1"}, 200),
        ({"Host": "localhost:1", "Origin": "http://localhost:2"}, 403),
    ]
    async with httpx.AsyncClient(trust_env=False) as http:
        for headers, status in asked:
            response = await http.post(f"{server.http}/graphql", json=QUERY, headers=headers)
            assert response.status_code == status, headers
            if status == 403:
                assert "--allow-" in response.text or "names no site" in response.text, headers


async def test_socket_of_another_site_is_refused(server: Running) -> None:
    for origin in ("https://attacker.example", "null"):
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


APP = "https://app.example.org"


async def test_page_of_an_allowed_origin_may_query_over_http(starbelly: DatabaseURL) -> None:
    settings = settings_for(starbelly, allow_origin=["https://App.example.org:443"])
    preflight = {
        "Origin": APP,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "apollo-require-preflight,authorization,content-type",
    }
    async with running(settings) as server, httpx.AsyncClient(trust_env=False) as http:
        url = f"{server.http}/graphql"
        response = await http.options(url, headers=preflight)
        assert response.status_code == 200
        assert response.headers["Access-Control-Allow-Origin"] == APP
        assert response.headers["Access-Control-Allow-Methods"] == "GET, POST, PUT, DELETE"
        assert "Access-Control-Allow-Credentials" not in response.headers
        assert "Origin" in response.headers["Vary"]

        for origin, allowed in ((APP, APP), (server.http, None), (None, None)):
            headers = {} if origin is None else {"Origin": origin}
            response = await http.post(url, json=QUERY, headers=headers)
            assert response.status_code == 200
            assert response.headers.get("Access-Control-Allow-Origin") == allowed
            assert "Origin" in response.headers["Vary"]

        for changed in (
            {"Origin": "https://attacker.example"},
            {"Access-Control-Request-Method": "PATCH"},
        ):
            response = await http.options(url, headers=preflight | changed)
            assert response.status_code in {400, 403}


async def test_without_an_allowed_origin_no_page_may_read(server: Running) -> None:
    async with httpx.AsyncClient(trust_env=False) as http:
        preflight = {"Origin": server.http, "Access-Control-Request-Method": "POST"}
        response = await http.options(f"{server.http}/graphql", headers=preflight)
    assert response.status_code == 405
    assert "Access-Control-Allow-Origin" not in response.headers


async def test_probe_is_answered_under_any_host(server: Running) -> None:
    page = {"Host": "10.1.2.3:8000", "Origin": "http://10.1.2.3:8000"}
    async with httpx.AsyncClient(trust_env=False) as http:
        for path in ("/healthz", "/readyz"):
            response = await http.get(f"{server.http}{path}", headers={"Host": "10.1.2.3:8000"})
            assert response.status_code in {200, 503}
            assert (await http.get(f"{server.http}{path}", headers=page)).status_code == 403


@pytest.mark.parametrize(
    ("pages", "front_page"),
    [
        ({}, "graphiql"),
        ({"graphiql": False}, "live"),
        ({"graphiql": False, "live": False}, "graphql"),
    ],
)
async def test_root_leads_to_a_page_that_there_is_also_below_the_path_of_a_proxy(
    pages: dict[str, bool], front_page: str, starbelly: DatabaseURL
) -> None:
    async with (
        running(settings_for(starbelly, **pages)) as server,
        httpx.AsyncClient(trust_env=False) as http,
    ):
        response = await http.get(server.http)
        assert response.headers["location"] == front_page
        page = await http.get(f"{server.http}/{front_page}")
    assert page.status_code == (400 if front_page == "graphql" else 200)


async def test_query_over_http_is_answered(server: Running) -> None:
    query = "{ policies { items { name } total status } }"
    async with httpx.AsyncClient(trust_env=False) as http:
        response = await http.post(f"{server.http}/graphql", json={"query": query})
    page = response.json()["data"]["policies"]
    assert page["items"] == [{"name": "Broad Crawl"}, {"name": "Deep Crawl"}]
    assert (page["total"], page["status"]) == (2, "READY")
