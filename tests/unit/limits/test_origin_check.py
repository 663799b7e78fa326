from __future__ import annotations

from typing import Any

import pytest

from graphql_api.errors import ConfigurationError
from graphql_api.limits.origin_check import Authority, Origin, OriginCheck, OriginCheckMiddleware
from tests.for_each import for_each

GUARD = OriginCheck.of(
    bound_hosts=["192.168.7.5"],
    allow_hosts=["api.example.org", "2001:db8::1"],
    allow_origins=["https://app.example.org", "http://localhost:5173/", "app://desktop"],
)


@for_each(
    "host",
    [
        "localhost",
        "localhost:8000",
        "LocalHost:8000",
        "localhost.",
        "localhost.:8000",
        "live.localhost:8000",
        "127.0.0.1",
        "127.0.0.1:8000",
        "127.0.0.1.:8000",
        "127.9.9.9",
        "[::1]",
        "[::1]:8000",
        "[0:0:0:0:0:0:0:1]:8000",
        "[::ffff:127.0.0.1]:8000",
        "[::ffff:7f00:1]",
        "api.example.org",
        "API.example.ORG.:443",
        "[2001:db8::1]:8000",
        "[2001:DB8:0::1]",
        "192.168.7.5:8000",
    ],
)
def test_host_is_allowed(host: str) -> None:
    assert GUARD.refusal([host], []) is None


@for_each(
    "host",
    [
        "evil.example",
        "evil.example:8000",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "notlocalhost",
        "evil-localhost",
        "www.api.example.org",
        "api.example.org.evil.example",
        "0.0.0.0:8000",
        "[::]:8000",
        "128.0.0.1",
        "192.168.7.6",
        "[::ffff:10.0.0.1]",
        "[2001:db8::2]",
        # Forms of 127.0.0.1 that no browser sends, since it rewrites them.
        "127.1",
        "2130706433",
        "0x7f.0.0.1",
        "0177.0.0.1",
        "127.0.0.01",
    ],
)
def test_host_of_somebody_else_is_refused(host: str) -> None:
    refusal = GUARD.refusal([host], [])
    assert refusal is not None
    assert refusal.status == 403
    assert "--allow-host" in refusal.reason


@for_each(
    "hosts",
    [
        [],
        [""],
        ["."],
        [":8000"],
        ["localhost", "localhost"],
        ["localhost", "evil.example"],
        ["localhost, evil.example"],
        ["localhost:8000:8000"],
        ["localhost:65536"],
        ["localhost:http"],
        ["localhost:-1"],
        ["user@localhost"],
        ["evil.example/localhost"],
        ["localhost/"],
        ["localhost\n"],
        ["local host"],
        ["::1"],
        ["[::1"],
        ["[localhost]"],
        ["[::1%25lo]"],
        ["[127.0.0.1]"],
        ["löcalhost"],
        ["a" * 254],
    ],
)
def test_request_without_one_valid_host_is_malformed(hosts: list[str]) -> None:
    refusal = GUARD.refusal(hosts, [])
    assert refusal is not None
    assert refusal.status == 400


@for_each(
    ("host", "origin"),
    [
        ("localhost:8000", "http://localhost:8000"),
        ("LOCALHOST:8000", "HTTP://localhost:8000"),
        ("localhost.:8000", "http://localhost.:8000"),
        ("127.0.0.1:8000", "http://127.0.0.1:8000"),
        ("[::1]:8000", "http://[::1]:8000"),
        ("localhost", "http://localhost"),
        ("localhost:80", "http://localhost"),
        # A proxy ends TLS; the browser names no port in Host nor in Origin.
        ("api.example.org", "https://api.example.org"),
        ("api.example.org:443", "https://api.example.org"),
        # Allowed by name.
        ("localhost:8000", "https://app.example.org"),
        ("localhost:8000", "https://APP.example.org:443"),
        ("localhost:8000", "http://localhost:5173"),
        ("localhost:8000", "app://desktop"),
    ],
)
def test_origin_is_allowed(host: str, origin: str) -> None:
    assert GUARD.refusal([host], [origin]) is None


@for_each(
    ("host", "origin"),
    [
        ("localhost:8000", "http://evil.example"),
        ("localhost:8000", "https://evil.example:8000"),
        ("localhost:8000", "http://localhost:8001"),
        ("localhost:8000", "http://localhost"),
        ("localhost", "http://localhost:8000"),
        ("localhost:443", "http://localhost"),
        ("localhost:8000", "http://127.0.0.1:8000"),
        ("localhost:8000", "http://live.localhost:8000"),
        ("localhost:8000", "http://localhost.evil.example:8000"),
        ("localhost:8000", "http://app.example.org"),
        ("localhost:8000", "https://app.example.org:8443"),
        ("localhost:8000", "https://www.app.example.org"),
        ("localhost:8000", "chrome-extension://localhost:8000"),
        ("localhost:8000", "app://desktop2"),
    ],
)
def test_origin_of_another_site_is_refused(host: str, origin: str) -> None:
    refusal = GUARD.refusal([host], [origin])
    assert refusal is not None
    assert refusal.status == 403
    assert f"--allow-origin {origin}" in refusal.reason


@for_each(
    "origins",
    [
        ["null"],
        [""],
        ["*"],
        ["localhost:8000"],
        ["http://"],
        ["file://"],
        ["http://localhost:8000/"],
        ["http://localhost:8000/path"],
        ["http://user@localhost:8000"],
        ["http://localhost:8000 http://localhost:8000"],
        ["http://localhost:8000", "http://localhost:8000"],
        ["http://localhost:8000\n"],
    ],
)
def test_origin_that_names_no_site_is_refused(origins: list[str]) -> None:
    refusal = GUARD.refusal(["localhost:8000"], origins)
    assert refusal is not None
    assert refusal.status == 403
    assert "\n" not in refusal.reason


def test_rebound_name_is_refused_though_it_is_of_the_same_origin() -> None:
    refusal = GUARD.refusal(["evil.example:8000"], ["http://evil.example:8000"])
    assert refusal is not None
    assert "--allow-host evil.example" in refusal.reason


@for_each("wildcard", ["0.0.0.0", "::"])
def test_wildcard_is_no_host(wildcard: str) -> None:
    guard = OriginCheck.of(bound_hosts=[wildcard], allow_hosts=[], allow_origins=[])
    assert guard.hosts == frozenset()


def test_bound_name_is_a_host() -> None:
    guard = OriginCheck.of(bound_hosts=["Crawler.example.org"], allow_hosts=[], allow_origins=[])
    assert guard.refusal(["crawler.example.org:8000"], []) is None


def test_bound_address_of_a_link_is_a_host() -> None:
    guard = OriginCheck.of(bound_hosts=["fe80::1%eth0"], allow_hosts=[], allow_origins=[])
    assert guard.refusal(["[fe80::1]:8000"], []) is None


@for_each("name", ["", "*", "http://api.example.org", "api.example.org:443", "a b", "[::1"])
def test_setting_that_is_no_host_is_a_configuration_error(name: str) -> None:
    with pytest.raises(ConfigurationError, match="--allow-host"):
        OriginCheck.of(bound_hosts=["localhost"], allow_hosts=[name], allow_origins=[])


@for_each("origin", ["", "*", "null", "app.example.org", "https://app.example.org/x"])
def test_setting_that_is_no_origin_is_a_configuration_error(origin: str) -> None:
    with pytest.raises(ConfigurationError, match="--allow-origin"):
        OriginCheck.of(bound_hosts=["localhost"], allow_hosts=[], allow_origins=[origin])


def test_parsed_forms_are_normal() -> None:
    assert Authority.parse("[0:0::1]:80") == Authority("::1", 80)
    assert Origin.parse("HTTPS://Example.org") == Origin("https", "example.org", 443)


@for_each(
    ("text", "sent"),
    [
        ("HTTPS://Example.org:443", "https://example.org"),
        ("http://localhost:5173", "http://localhost:5173"),
        ("http://[0::1]:8080", "http://[::1]:8080"),
        ("app://desktop", "app://desktop"),
    ],
)
def test_origin_is_written_as_browsers_do(text: str, sent: str) -> None:
    assert str(Origin.parse(text)) == sent


async def _answers(scope: dict[str, Any]) -> list[dict[str, Any]]:
    """What is sent for a connection: by the guard, or `passed` by the application behind it."""
    sent: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "passed"})

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        raise AssertionError("the guard decides without reading")

    await OriginCheckMiddleware(app, GUARD, probes=["/healthz"])(scope, receive, send)
    return sent


def _headers(host: bytes) -> dict[str, Any]:
    return {"path": "/graphql", "headers": [(b"accept", b"*/*"), (b"host", host)]}


async def test_allowed_connections_pass() -> None:
    for scope_type in ("http", "websocket"):
        scope = {"type": scope_type} | _headers(b"localhost:8000")
        assert await _answers(scope) == [{"type": "passed"}]


async def test_probe_passes_under_any_host_unless_a_web_page_asks() -> None:
    probe = {"type": "http", "path": "/healthz", "headers": [(b"host", b"10.1.2.3:8000")]}
    assert await _answers(probe) == [{"type": "passed"}]
    assert await _answers(probe | {"headers": []}) == [{"type": "passed"}]
    page = probe | {"headers": [(b"host", b"localhost"), (b"origin", b"http://evil.example")]}
    assert (await _answers(page))[0]["status"] == 403
    assert await _answers(probe | {"type": "websocket"}) == [{"type": "websocket.close"}]


async def test_lifespan_passes() -> None:
    assert await _answers({"type": "lifespan"}) == [{"type": "passed"}]


@for_each(
    ("scope", "prefix"),
    [
        ({"type": "http"}, "http.response"),
        (
            {"type": "websocket", "extensions": {"websocket.http.response": {}}},
            "websocket.http.response",
        ),
    ],
)
async def test_refusal_says_why(scope: dict[str, Any], prefix: str) -> None:
    start, body = await _answers(scope | _headers(b"evil.example"))
    assert (start["type"], start["status"]) == (f"{prefix}.start", 403)
    assert body["type"] == f"{prefix}.body"
    assert body["body"] == b"host evil.example is refused; --allow-host evil.example allows it\n"
    assert (b"content-length", b"%d" % len(body["body"])) in start["headers"]


async def test_socket_is_refused_where_the_server_cannot_say_why() -> None:
    scope = {"type": "websocket"} | _headers(b"evil.example")
    assert await _answers(scope) == [{"type": "websocket.close"}]
