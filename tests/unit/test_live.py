from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest
from starlette.applications import Starlette

from graphql_api.live import live_routes
from graphql_api.schema.page_table import page_tables
from graphql_api.tables import TABLES

FILES = {
    "/live": "text/html; charset=utf-8",
    "/live/live.css": "text/css; charset=utf-8",
    "/live/declared.mjs": "text/javascript; charset=utf-8",
    "/live/main.mjs": "text/javascript; charset=utf-8",
}


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    app = httpx.ASGITransport(Starlette(routes=live_routes(page_tables(TABLES), graphiql=True)))
    async with httpx.AsyncClient(transport=app, base_url="http://test") as client:
        yield client


@pytest.mark.parametrize("path", FILES)
async def test_file_is_what_it_is_and_may_load_from_here_alone(
    client: httpx.AsyncClient, path: str
) -> None:
    response = await client.get(path)
    assert response.status_code == 200
    assert response.headers["content-type"] == FILES[path]
    assert response.headers["x-content-type-options"] == "nosniff"
    policy = response.headers["content-security-policy"].split("; ")
    assert "default-src 'none'" in policy
    assert "script-src 'self'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in response.headers["content-security-policy"]
    assert "http:" not in response.headers["content-security-policy"]


@pytest.mark.parametrize("path", ["/live/__init__.py", "/live/index.html", "/live/nothing.mjs"])
async def test_nothing_else_is_served(client: httpx.AsyncClient, path: str) -> None:
    assert (await client.get(path)).status_code == 404
