"""How GraphiQL is served: from its build, by which headers, and while there is none."""

from __future__ import annotations

import asyncio
import os
from base64 import b64encode
from collections.abc import AsyncIterator
from hashlib import sha256
from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette

from graphql_api.graphiql import routes
from graphql_api.graphiql.routes import graphiql_routes
from graphql_api.static_files import StaticFile

FILES = {
    "index.html": "<title>the built page</title>",
    "graphiql/index-1a2b.js": "import './editor.js'",
    "graphiql/index-3c4d.css": "body {}",
    "graphiql/codicon-5e6f.ttf": "a font",
}
TYPES = {
    "index-1a2b.js": "text/javascript; charset=utf-8",
    "index-3c4d.css": "text/css; charset=utf-8",
    "codicon-5e6f.ttf": "font/ttf",
}


@pytest.fixture
def build(tmp_path: Path) -> Path:
    """A directory beside which other files are, and in which no build is yet."""
    (tmp_path / "secret.txt").write_text("a secret")
    return tmp_path / "dist"


def make(build: Path) -> None:
    for name, content in FILES.items():
        file = build / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content)


@pytest.fixture
async def http(build: Path) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(Starlette(routes=graphiql_routes(["{ a }"], build)))
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        yield client


async def test_page_says_that_there_is_no_build_until_there_is_one(
    http: httpx.AsyncClient, build: Path
) -> None:
    before = await http.get("/graphiql")
    assert "GraphiQL is not built yet" in before.text
    assert 'href="live"' in before.text
    assert (await http.get("/graphiql/index-1a2b.js")).status_code == 404
    make(build)
    after = await http.get("/graphiql")
    assert after.text == FILES["index.html"]
    assert (await http.get("/graphiql/index-1a2b.js")).status_code == 200


async def test_tabs_of_the_tables_are_served_beside_the_files(http: httpx.AsyncClient) -> None:
    response = await http.get("/graphiql/tabs.json")
    assert response.json() == ["{ a }"]
    assert response.headers["content-type"].startswith("application/json")
    assert response.headers["cache-control"] == "no-cache"


async def test_page_is_asked_for_each_time_and_its_files_once(
    http: httpx.AsyncClient, build: Path
) -> None:
    make(build)
    page = await http.get("/graphiql")
    assert page.headers["cache-control"] == "no-cache"
    assert "etag" not in page.headers, "two builds may have the same size and time"
    for name, media_type in TYPES.items():
        response = await http.get(f"/graphiql/{name}")
        assert response.status_code == 200
        assert response.headers["content-type"] == media_type
        assert response.headers["cache-control"] == "public, max-age=31536000, immutable"
        etag = response.headers["etag"]
        again = await http.get(f"/graphiql/{name}", headers={"If-None-Match": etag})
        assert again.status_code == 304


async def test_files_are_compressed_for_clients_that_can_read_that(
    http: httpx.AsyncClient, build: Path
) -> None:
    make(build)
    large = build / "graphiql/editor-7a8b.js"
    large.write_text("let x = 1;\n" * 100_000)
    url = f"/graphiql/{large.name}"
    sizes = {}
    for encoding in ("identity", "gzip"):
        response = await http.get(url, headers={"Accept-Encoding": encoding})
        assert response.text == large.read_text()
        assert response.headers.get("content-encoding", "identity") == encoding
        assert response.headers["vary"] == "Accept-Encoding"
        assert response.headers["cache-control"].endswith("immutable")
        sizes[encoding] = response.num_bytes_downloaded
    assert sizes["gzip"] < sizes["identity"] / 10


async def test_file_is_read_and_compressed_once_however_many_ask_at_once(
    http: httpx.AsyncClient, build: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(build)
    made: list[Path] = []

    def read_counted(path: Path) -> StaticFile:
        made.append(path)
        return really_read(path)

    really_read = routes._read
    monkeypatch.setattr(routes, "_read", read_counted)
    await asyncio.gather(*(http.get("/graphiql/index-1a2b.js") for _ in range(10)))
    await http.get("/graphiql/index-1a2b.js")
    assert len(made) == 1
    (build / "graphiql/index-1a2b.js").write_text("another build")
    assert (await http.get("/graphiql/index-1a2b.js")).text == "another build"
    assert len(made) == 2


async def test_fifo_in_the_build_is_not_waited_for(http: httpx.AsyncClient, build: Path) -> None:
    make(build)
    os.mkfifo(build / "graphiql/fifo.js")
    assert (await http.get("/graphiql/fifo.js")).status_code == 404


@pytest.mark.parametrize("path", ["/graphiql", "/graphiql/index-1a2b.js", "/graphiql/no-such.js"])
async def test_every_response_lets_the_browser_load_from_here_only(
    http: httpx.AsyncClient, build: Path, path: str
) -> None:
    make(build)
    headers = (await http.get(path)).headers
    policy = dict(part.split(" ", 1) for part in headers["content-security-policy"].split("; "))
    assert policy["default-src"] == "'self'"
    assert "script-src" not in policy
    assert {policy[name] for name in ("object-src", "base-uri", "frame-ancestors")} == {"'none'"}
    assert "http" not in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"


async def test_page_without_a_build_runs_its_own_script_and_loads_nothing(
    http: httpx.AsyncClient,
) -> None:
    page = await http.get("/graphiql")
    policy = page.headers["content-security-policy"]
    for kind in ("style", "script"):
        inside = page.text.partition(f"<{kind}>")[2].partition(f"</{kind}>")[0]
        digest = b64encode(sha256(inside.encode()).digest()).decode()
        assert f"; {kind}-src 'sha256-{digest}';" in policy
    assert policy.startswith("default-src 'none'; ")
    assert "http" not in policy
    assert "unsafe" not in policy


async def test_pages_link_to_live_only_if_it_is_there(build: Path) -> None:
    app = Starlette(routes=graphiql_routes([], build, has_live=False))
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as http:
        assert "/live" not in (await http.get("/graphiql")).text
        make(build)
        assert "data-live" not in (await http.get("/graphiql")).text


@pytest.mark.parametrize(
    "path",
    [
        "/graphiql/..",
        "/graphiql/%2e%2e",
        "/graphiql/..%2f..%2fsecret.txt",
        "/graphiql/%2e%2e/%2e%2e/secret.txt",
        "/graphiql/..%2findex.html",
        "/graphiql/%00",
        f"/graphiql/{'a' * 5000}",
    ],
)
async def test_nothing_beside_the_build_is_served(
    http: httpx.AsyncClient, build: Path, path: str
) -> None:
    make(build)
    response = await http.get(path)
    assert response.status_code == 404
    assert "secret" not in response.text
