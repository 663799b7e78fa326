"""Static files: compressed once, each encoding with an ETag of its own."""

from __future__ import annotations

import gzip
from collections.abc import AsyncIterator

import httpx
import pytest
from starlette.applications import Starlette
from starlette.routing import Route

from graphql_api.static_files import StaticFile, accepts_gzip, page_headers, redirect
from tests.for_each import for_each

LARGE = b"let x = 1;\n" * 1000
SMALL = b"x"
HEADERS = page_headers("default-src 'self'", "no-cache")


@pytest.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    routes = [
        Route("/large", StaticFile(LARGE, "text/javascript", HEADERS).respond),
        Route("/small", StaticFile(SMALL, "text/javascript", HEADERS).respond),
        redirect("/", "large", HEADERS),
    ]
    transport = httpx.ASGITransport(Starlette(routes=routes))
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        yield client


async def get(http: httpx.AsyncClient, path: str, encodings: str, etag: str = "") -> httpx.Response:
    headers = {"Accept-Encoding": encodings} | ({"If-None-Match": etag} if etag else {})
    return await http.get(path, headers=headers)


async def test_file_is_compressed_when_it_is_made_and_never_again(
    http: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gzip, "compress", lambda *_, **__: pytest.fail("it is compressed again"))
    for _ in range(3):
        response = await get(http, "/large", "br, gzip")
        assert response.content == LARGE
        assert response.headers["content-encoding"] == "gzip"
        assert response.num_bytes_downloaded < len(LARGE) / 10
        assert int(response.headers["content-length"]) == response.num_bytes_downloaded
        plain = await get(http, "/large", "identity")
        assert plain.content == LARGE
        assert "content-encoding" not in plain.headers
        assert int(plain.headers["content-length"]) == len(LARGE)


async def test_file_that_does_not_shrink_has_one_form(http: httpx.AsyncClient) -> None:
    response = await get(http, "/small", "gzip")
    assert response.content == SMALL
    assert "content-encoding" not in response.headers
    assert "vary" not in response.headers


async def test_each_encoding_has_its_own_etag_and_a_cache_may_keep_both(
    http: httpx.AsyncClient,
) -> None:
    etags = {}
    for encoding in ("gzip", "identity"):
        response = await get(http, "/large", encoding)
        assert response.headers["vary"] == "Accept-Encoding"
        etags[encoding] = response.headers["etag"]
    assert etags["gzip"] != etags["identity"]
    for encoding, etag in etags.items():
        for known in (etag, f"W/{etag}", f'"another", {etag}', "*"):
            response = await get(http, "/large", encoding, known)
            assert (response.status_code, response.content) == (304, b"")
            assert response.headers["etag"] == etag
            assert response.headers["vary"] == "Accept-Encoding"
            assert response.headers["cache-control"] == "no-cache"
        assert (await get(http, "/large", encoding, '"another"')).status_code == 200
    assert (await get(http, "/large", "gzip", etags["identity"])).status_code == 200


async def test_second_line_of_a_header_counts(http: httpx.AsyncClient) -> None:
    encodings = [("accept-encoding", "br"), ("accept-encoding", "gzip")]
    response = await http.get("/large", headers=encodings)
    assert response.headers["content-encoding"] == "gzip"
    etags = [("if-none-match", '"another"'), ("if-none-match", response.headers["etag"])]
    assert (await http.get("/large", headers=encodings + etags)).status_code == 304


async def test_etag_is_of_the_content_alone() -> None:
    one, two, other = (StaticFile(text, "text/css", {}) for text in (LARGE, LARGE, LARGE[1:]))
    assert one._digest == two._digest != other._digest


async def test_only_get_and_head_are_answered(http: httpx.AsyncClient) -> None:
    head = await http.head("/large")
    assert head.status_code == 200
    assert head.headers["etag"]
    assert (await http.post("/large")).status_code == 405


@pytest.mark.parametrize("path", ["/large", "/small", "/"])
async def test_every_response_has_the_headers_of_its_page(
    http: httpx.AsyncClient, path: str
) -> None:
    headers = (await http.get(path)).headers
    assert headers["content-security-policy"] == (
        "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"


@for_each(
    ("header", "accepted"),
    [
        ("gzip", True),
        ("x-gzip", True),
        ("br, GZIP;q=0.5", True),
        ("gzip ; q=1.0, br", True),
        ("*", True),
        ("br;q=1, *;q=0.1", True),
        ("", False),
        ("identity", False),
        ("br", False),
        ("gzip;q=0", False),
        ("gzip;q=0.000, br", False),
        ("gzip;q=0, *", False),
        ("*;q=0", False),
        ("gzipped", False),
        ("notgzip", False),
        ("gzip;q=.", False),
    ],
)
def test_gzip_is_sent_to_those_who_accept_it(header: str, accepted: bool) -> None:
    assert accepts_gzip(header) is accepted
