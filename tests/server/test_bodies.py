"""Stored bodies as downloads, by links that a browser can follow."""

from __future__ import annotations

import resource
import zlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urljoin

import httpx
import pytest

from graphql_api import app
from graphql_api.auth.api_token import new_token
from graphql_api.auth.token_file import add_token, remove_token
from graphql_api.machine import Machine
from graphql_api.rethink.url import DatabaseURL
from graphql_api.scopes import Scope
from tests.server.client import WAIT_S, Client, connected
from tests.server.results import Crawler, crawling
from tests.server.running import Running, running, settings_for

KEY = "a key that all servers of a test share"
PAGE = b"<script>alert(1)</script>" * 4000
LINK = """query ($jobId: ID!) {
    jobResponses(jobId: $jobId) { items { sequence bodyUrl } }
}"""


@pytest.fixture
async def crawler(starbelly: DatabaseURL) -> AsyncIterator[Crawler]:
    async with crawling(starbelly) as crawler:
        page = await crawler.body(PAGE, is_compressed=True)
        image = await crawler.body(bytes(range(256)) * 1000, is_compressed=False)
        damaged = await crawler.body(b"no gzip", is_compressed=False)
        await crawler.respond(1, body_id=page)
        await crawler.respond(2, body_id=image, content_type="image/png\r\nX: y")
        await crawler.respond(3)
        await crawler.respond(4, body_id=await crawler.missing_body())
        await crawler.respond(5, body_id=damaged)
        await crawler.mark_as_compressed(damaged)
        yield crawler


@pytest.fixture
async def server(starbelly: DatabaseURL) -> AsyncIterator[Running]:
    async with running(settings_for(starbelly, link_key=KEY)) as server:
        yield server


@pytest.fixture
async def http(server: Running) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=server.http, trust_env=False, timeout=WAIT_S) as http:
        yield http


async def links(client: Client) -> dict[int, str | None]:
    payload = await client.execute(LINK, jobId="j1")
    items = payload["data"]["jobResponses"]["items"]
    return {item["sequence"]: item["bodyUrl"] for item in items}


async def test_body_is_a_download_that_no_browser_shows(
    crawler: Crawler, client: Client, http: httpx.AsyncClient
) -> None:
    found = await links(client)
    assert found[3] is None
    link = found[1]
    assert link is not None
    for accept, encoding in (("gzip", "gzip"), ("br;q=1, gzip;q=0", None), ("identity", None)):
        response = await http.get(link, headers={"accept-encoding": accept})
        assert response.status_code == 200
        assert response.content == PAGE
        assert response.headers.get("content-encoding") == encoding
        assert response.headers["content-disposition"].startswith("attachment")
        assert response.headers["x-content-type-options"] == "nosniff"
        assert response.headers["content-security-policy"].startswith("sandbox")
        assert response.headers["content-type"] == "text/html"
    raw = await http.get(str(found[2]))
    assert raw.content == bytes(range(256)) * 1000
    assert raw.headers["content-type"] == "application/octet-stream"
    head = await http.head(link, headers={"accept-encoding": "gzip"})
    assert (head.status_code, head.content) == (200, b"")


async def test_link_is_for_one_sequence_and_cannot_be_altered(
    crawler: Crawler, client: Client, http: httpx.AsyncClient
) -> None:
    link = str((await links(client))[1])
    for altered in (
        link.replace("responses/1/", "responses/2/"),
        link.replace("expires=", "expires=9"),
        link.replace("grant=", "grant=0"),
        link[:-1] + ("A" if link[-1] != "A" else "B"),
        link.split("signature", maxsplit=1)[0] + "signature=",
    ):
        assert (await http.get(altered)).status_code == 403


async def test_what_is_not_there_is_not_found(
    crawler: Crawler, client: Client, http: httpx.AsyncClient
) -> None:
    found = await links(client)
    assert (await http.get(str(found[4]))).status_code == 404
    for path in ("3", "99", "-1", "x", "9" * 40, "1.5"):
        assert (await http.get(f"responses/{path}/body")).status_code == 404
    plain = {"accept-encoding": "identity"}
    assert (await http.get(str(found[5]), headers=plain)).status_code == 500
    assert (await http.post(str(found[1]))).status_code == 405
    await crawler.delete_job()  # its responses are left
    assert (await http.get(str(found[1]))).status_code == 404


async def test_link_of_one_server_is_valid_on_another_with_the_same_key(
    crawler: Crawler, client: Client, starbelly: DatabaseURL
) -> None:
    link = str((await links(client))[1])
    for key, status in ((KEY, 200), ("another key of which there are many", 403), (None, 403)):
        async with (
            running(settings_for(starbelly, link_key=key)) as other,
            httpx.AsyncClient(base_url=other.http, trust_env=False) as http,
        ):
            assert (await http.get(link)).status_code == status


async def test_link_ends_with_its_token(
    crawler: Crawler, starbelly: DatabaseURL, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = datetime.now(UTC)
    monkeypatch.setattr(app, "Machine", lambda: Machine(now=lambda: now))
    file = tmp_path / "tokens.json"
    file.write_text('{"tokens": []}')

    def make(name: str, *scopes: Scope, lives_s: float | None = None) -> str:
        expires = None if lives_s is None else now + timedelta(seconds=lives_s)
        token, kept = new_token(name, scopes, created=now, expires=expires)
        add_token(file, kept)
        return token

    reader, writer = make("reader", Scope.READ), make("writer", Scope.WRITE)
    other = make("other", Scope.READ, lives_s=60)
    async with (
        running(settings_for(starbelly, tokens=file)) as server,
        httpx.AsyncClient(base_url=server.http, trust_env=False, timeout=WAIT_S) as http,
    ):
        found = {}
        for token in (reader, other):
            async with connected(server.ws, {"authorization": f"Bearer {token}"}) as client:
                found[token] = str((await links(client))[1])
        assert (await http.get(found[reader])).status_code == 200
        assert (await http.get("responses/1/body")).status_code == 401
        for token, status in ((writer, 403), (reader, 200), ("wrong", 401)):
            headers = {"authorization": f"Bearer {token}"}
            assert (await http.get("responses/1/body", headers=headers)).status_code == status
        expires = {
            token: int(link.split("expires=")[1].split("&")[0]) for token, link in found.items()
        }
        assert expires[reader] - expires[other] > 500
        remove_token(file, "reader")
        while (await http.get(found[reader])).status_code == 200:
            pass  # the file is looked at in a moment
        assert (await http.get(found[other])).status_code == 200


def bomb(megabytes: int) -> bytes:
    """So much of nothing, as gzip has it: the same block again and again, and no checksum."""
    deflate = zlib.compressobj(wbits=31)
    begin = deflate.compress(b"") + deflate.flush(zlib.Z_FULL_FLUSH)
    return begin + (deflate.compress(bytes(10**6)) + deflate.flush(zlib.Z_FULL_FLUSH)) * megabytes


def resident_mb() -> float:
    """What this process, in which the server runs, has in memory."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 1e6


async def test_bodies_that_are_not_taken_do_not_fill_the_memory(
    crawler: Crawler, client: Client, server: Running, http: httpx.AsyncClient
) -> None:
    key = await crawler.stored(bomb(megabytes=300), is_compressed=True)
    await crawler.respond(10, body_id=key)
    link = str((await links(client))[10])
    before_mb = resident_mb()
    async with http.stream("GET", link, headers={"accept-encoding": "identity"}) as response:
        taken = 0
        async for part in response.aiter_raw():
            taken += len(part)
            if taken > 5_000_000:
                break
        assert resident_mb() - before_mb < 100
    assert urljoin(server.http + "/graphql", link) == f"{server.http}/{link}"


async def test_bodies_take_no_more_of_the_processor_than_their_client_may(
    crawler: Crawler, starbelly: DatabaseURL
) -> None:
    settings = settings_for(
        starbelly, max_cpu_per_connection=1e-9, cpu_burst_s=1e-9, max_cpu_wait_s=0
    )
    async with running(settings) as server:
        for _ in range(2):
            async with httpx.AsyncClient(base_url=server.http, trust_env=False) as http:
                assert (await http.get("/responses/1/body")).content == PAGE
                second = await http.get("/responses/1/body")
                assert (second.status_code, second.headers["retry-after"]) == (429, "1")
