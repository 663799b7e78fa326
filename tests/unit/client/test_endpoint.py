from __future__ import annotations

import pytest

from graphql_api.client.endpoint import Endpoint
from graphql_api.errors import ConfigurationError
from tests.for_each import for_each


@for_each(
    ("text", "url", "shown", "address"),
    [
        (
            "http://127.0.0.1:8000/graphql",
            "ws://127.0.0.1:8000/graphql",
            "http://127.0.0.1:8000/graphql",
            "127.0.0.1:8000",
        ),
        ("localhost", "ws://localhost/graphql", "http://localhost/graphql", "localhost:80"),
        (
            "crawler.example:8000",
            "ws://crawler.example:8000/graphql",
            "http://crawler.example:8000/graphql",
            "crawler.example:8000",
        ),
        ("[::1]:8000", "ws://[::1]:8000/graphql", "http://[::1]:8000/graphql", "[::1]:8000"),
        (
            "https://api.example.org",
            "wss://api.example.org/graphql",
            "https://api.example.org/graphql",
            "api.example.org:443",
        ),
        (
            "wss://api.example.org/crawler/?key=x",
            "wss://api.example.org/crawler/?key=x",
            "https://api.example.org/crawler/",
            "api.example.org:443",
        ),
        (
            "WS://Example.org/",
            "ws://Example.org/graphql",
            "http://Example.org/graphql",
            "example.org:80",
        ),
    ],
)
def test_urls_and_addresses_lead_to_the_socket(
    text: str, url: str, shown: str, address: str
) -> None:
    endpoint = Endpoint.parse(text)
    assert (endpoint.url, endpoint.shown, endpoint.address) == (url, shown, address)


@for_each(
    "text",
    [
        "",
        "http://",
        "ftp://example.org",
        "rethinkdb://example.org",
        "http://example.org:port/",
        "http://exam ple.org/",
        "http://example.org/\n",
        "http://[::1/",
        "https://admin:swordfish@example.org/",
        "admin:swordfish@example.org",
    ],
)
def test_what_is_no_url_is_refused_without_repeating_it(text: str) -> None:
    with pytest.raises(ConfigurationError, match=r"^url: ") as raised:
        Endpoint.parse(text)
    assert "swordfish" not in str(raised.value)


@for_each(
    ("text", "expected"),
    [("localhost:1", True), ("127.0.0.2", True), ("[::1]:1", True), ("10.0.0.1", False)],
)
def test_loopback_is_known(text: str, expected: bool) -> None:
    assert Endpoint.parse(text).is_loopback is expected
