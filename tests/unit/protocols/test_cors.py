"""What the answer says to a browser, by the headers of its request."""

from __future__ import annotations

from graphql_api.limits.origin_check import Origin
from graphql_api.protocols.cors import CrossOrigin
from tests.for_each import for_each

APP = b"https://app.example.org"


def cross_origin(*origins: str) -> CrossOrigin:
    parsed = [Origin.parse(text) for text in origins]
    return CrossOrigin(frozenset(origin for origin in parsed if origin is not None))


ALLOWED = cross_origin("https://App.example.org:443")


@for_each(
    "headers",
    [
        [],
        [(b"origin", b"null")],
        [(b"origin", b"https://app.example.org.attacker.example")],
        [(b"origin", b"http://app.example.org")],
        [(b"origin", APP), (b"origin", APP)],
    ],
)
def test_other_origins_get_no_headers(headers: list[tuple[bytes, bytes]]) -> None:
    assert ALLOWED.headers(headers) == [(b"vary", b"Origin")]
    asked = (b"access-control-request-method", b"POST")
    assert ALLOWED.preflight("OPTIONS", [*headers, asked]) is None
    assert CrossOrigin().headers(headers) == []


def test_allowed_origin_gets_its_own_text_back() -> None:
    headers = dict(ALLOWED.headers([(b"origin", APP)]))
    assert headers[b"access-control-allow-origin"] == APP
    assert b"Retry-After" in headers[b"access-control-expose-headers"]


def test_preflight_allows_whatever_header_is_asked_for() -> None:
    preflight = ALLOWED.preflight(
        "OPTIONS",
        [
            (b"origin", APP),
            (b"access-control-request-method", b"POST"),
            (b"access-control-request-headers", b"traceparent,X-Other"),
            (b"access-control-request-headers", b"baggage, in valid, ,\xff"),
            (b"access-control-request-private-network", b"true"),
        ],
    )
    assert preflight is not None
    assert preflight.status == 200
    headers = dict(preflight.headers)
    assert headers[b"access-control-allow-headers"] == b"traceparent, x-other, baggage"
    assert headers[b"access-control-allow-private-network"] == b"true"
    assert headers[b"access-control-allow-methods"] == b"GET, POST, PUT, DELETE"


def test_options_that_is_no_preflight_is_passed_on() -> None:
    assert ALLOWED.preflight("OPTIONS", [(b"origin", APP)]) is None
    asked = (b"access-control-request-method", b"POST")
    assert ALLOWED.preflight("GET", [(b"origin", APP), asked]) is None
