"""Rate limits: what is served of them, and what mutations write, as Starbelly's own API would."""

from __future__ import annotations

import base64
from hashlib import blake2b
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from graphql_api.schema.document import stored_value
from graphql_api.tables.rate_limit import RATE_LIMITS, token_of
from tests.for_each import for_each
from tests.properties import examples
from tests.unit.schema.harness import Server, serve

SET = """
    mutation($domain: String, $delay: Float!) {
      setRateLimit(domain: $domain, delayS: $delay) {
        id name domain delayS isGlobal invalidFields
      }
    }
"""
DELETE = "mutation($domain: String!) { deleteRateLimit(domain: $domain) }"
PAGE = "{ rateLimits { items { id name domain delayS isGlobal invalidFields } } }"

LABEL = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,10}[a-z0-9])?", fullmatch=True).filter(
    lambda label: not label.startswith("xn--")
)
DOMAIN = st.lists(LABEL, min_size=2, max_size=4).map(".".join)


def token(domain: str | None) -> bytes:
    """Starbelly's `get_domain_token`."""
    return bytes(16) if domain is None else blake2b(domain.encode("ascii"), digest_size=16).digest()


def binary(value: bytes) -> dict[str, str]:
    return {"$reql_type$": "BINARY", "data": base64.b64encode(value).decode()}


GLOBAL = {"token": binary(bytes(16)), "name": "Global Limit", "delay": 5.0, "type": "global"}


def stored(server: Server) -> list[Any]:
    return server.store.documents("rate_limit")


@given(st.none() | DOMAIN, st.floats(min_value=0, exclude_min=True, allow_infinity=False))
@examples(50)
async def test_limit_is_stored_as_starbelly_stores_it_and_deleted_by_its_domain(
    domain: str | None, delay: float
) -> None:
    async with serve({"rate_limit": [GLOBAL]}) as server:
        row = (await server.data(SET, domain=domain, delay=delay))["setRateLimit"]
        assert row == {
            "id": token(domain).hex(),
            "name": domain or "Global Limit",
            "domain": domain,
            "delayS": delay,
            "isGlobal": domain is None,
            "invalidFields": [],
        }
        if domain is None:
            assert stored(server) == [{**GLOBAL, "delay": delay}]
            return
        written = {"token": binary(token(domain)), "name": f"domain:{domain}", "delay": delay}
        assert stored(server) == [GLOBAL, written]
        again = (await server.data(SET, domain=domain, delay=delay * 0.5 or 1.0))["setRateLimit"]
        assert again == row | {"delayS": delay * 0.5 or 1.0}
        assert len(stored(server)) == 2
        assert await server.data(DELETE, domain=domain) == {"deleteRateLimit": row["id"]}
        assert stored(server) == [GLOBAL]


async def problems(server: Server, **variables: Any) -> list[tuple[str, str]]:
    result = await server.execute(SET, **variables)
    assert result.errors is not None
    (error,) = result.errors
    assert error.extensions is not None
    assert error.extensions["code"] == "BAD_USER_INPUT"
    return [(problem["path"][-1], problem["message"]) for problem in error.extensions["problems"]]


async def test_domain_that_no_url_has_as_its_host_is_refused_with_the_one_that_is_meant() -> None:
    async with serve({"rate_limit": []}) as server:
        for domain, better in [
            ("Example.com", "example.com"),
            ("https://example.com/", "example.com"),
            ("example.com:80", "example.com"),
            ("*.example.com", "example.com"),
            (" example.com", "example.com"),
            ("example com", None),
            ("a..b", None),
            ("bücher.example", None),
            ("xn--bcher-kva.example", None),
            ("domain:example.com", None),
            ("\ud800", None),
        ]:
            ((place, message),) = await problems(server, domain=domain, delay=1)
            assert place == "domain"
            assert message.startswith("Domain never matches: ")
            assert better is None or message.endswith(f": write {better}"), message
        for blank in ("", " "):
            assert await problems(server, domain=blank, delay=1) == [
                ("domain", "Domain is required: leave it out for the global limit")
            ]
        assert stored(server) == []


async def test_delay_that_is_none_is_refused() -> None:
    async with serve({"rate_limit": [GLOBAL]}) as server:
        for delay in (0, -0.0, -1):
            assert await problems(server, delay=delay) == [("delayS", "Delay must be above 0")]
        both = await problems(server, domain="A", delay=0)
        assert [place for place, _ in both] == ["domain", "delayS"]
        result = await server.execute("mutation { setRateLimit(delayS: 1e999) { id } }")
        assert result.errors is not None
        assert stored(server) == [GLOBAL]


async def test_limit_that_is_not_there_is_said_so_and_the_global_one_cannot_be_named() -> None:
    async with serve({"rate_limit": [GLOBAL]}) as server:
        for domain in ("example.com", "", "Global Limit", "\ud800"):
            result = await server.execute(DELETE, domain=domain)
            assert result.errors is not None
            assert (result.errors[0].extensions or {})["code"] == "NOT_FOUND"
        assert stored(server) == [GLOBAL]


async def test_missing_global_limit_is_made_again() -> None:
    async with serve({"rate_limit": []}) as server:
        await server.data(SET, delay=2.5)
        assert stored(server) == [{**GLOBAL, "delay": 2.5}]


async def test_what_starbelly_or_others_have_stored_is_served_as_it_applies() -> None:
    documents = [
        {"token": binary(token("b.example")), "name": "domain:b.example", "delay": 1},
        {"token": binary(token("a.example")), "name": "a.example", "delay": 2, "type": "x"},
        {"token": binary(token("c.example")), "name": "domain:other.example", "delay": 0.5},
        {"token": binary(b"\x00"), "name": 5, "delay": "1"},
        {**GLOBAL, "name": "Global Rate Limit"},
    ]
    async with serve({"rate_limit": documents}) as server:
        items = (await server.data(PAGE))["rateLimits"]["items"]
        found = [(row["name"], row["domain"], row["delayS"], row["isGlobal"]) for row in items]
        assert found[:3] == [
            ("Global Rate Limit", None, 5.0, True),
            ("a.example", "a.example", 2.0, False),
            ("b.example", "b.example", 1.0, False),
        ]
        assert sorted(found[3:], key=str) == [
            ("other.example", None, 0.5, False),
            (None, None, None, False),
        ]
        (odd,) = (row for row in items if row["id"] == "00")
        assert odd["invalidFields"] == ["name", "delayS"]
        for where, total in [
            ({"isGlobal": True}, 1),
            ({"domains": ["a.example", "c.example"]}, 1),
            ({"domainContains": "EXAMPLE"}, 2),
            ({"ids": ["00" * 16, token("a.example").hex()]}, 2),
            ({"ids": [token("a.example").hex().upper()]}, 0),
        ]:
            query = "query($where: RateLimitFilter) { rateLimits(where: $where) { total } }"
            assert (await server.data(query, where=where))["rateLimits"] == {"total": total}, where


@for_each("domain", ["127.0.0.1", "::1", "localhost", "a_b.example"])
async def test_hosts_of_every_form_have_limits(domain: str) -> None:
    async with serve({"rate_limit": []}) as server:
        row = (await server.data(SET, domain=domain, delay=1))["setRateLimit"]
        assert row["domain"] == domain


def test_limit_whose_name_is_no_text_has_no_domain() -> None:
    half = "\ud800"
    document = {"token": stored_value(token_of(half)), "name": f"domain:{half}", "delay": 1.0}
    row = RATE_LIMITS.decode(token_of(half).hex(), document)
    assert (row.name, row.domain, row.invalid_fields) == (None, None, ("name",))
