"""A table of attacks, each over real sockets, and what those may do who are let in."""

from __future__ import annotations

import asyncio
import errno
import json
import logging
import os
import re
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.typing import Origin, Subprotocol

from graphql_api.auth.api_token import new_token
from graphql_api.auth.authenticator import Authenticator
from graphql_api.auth.principal import Verifier
from graphql_api.auth.token_file import add_token, remove_token
from graphql_api.limits.refusal_log import RefusalLog
from graphql_api.rethink.url import DatabaseURL
from graphql_api.scopes import ALL_SCOPES, Scope
from graphql_api.watched_file import WatchedFile
from tests.server.client import WAIT_S, GraphQLErrors, connected
from tests.server.database import Writer
from tests.server.operations import DOMAIN_LOGINS, POLICIES, Replica
from tests.server.running import Running, running, settings_for, until_ready
from tests.unit.auth.signing import claims, jwk, jwks, private_key, public_pem, signed
from tests.unit.auth.test_jwt import forged, hmac_forged
from tests.unit.schema.documents import POLICY
from tests.unit.server.test_websocket_protocol import FakeLoop

QUERY = "{ policies { total } }"


@dataclass(frozen=True)
class Guarded:
    """A server with access control, and what an operator has at hand."""

    server: Running
    tokens: Path

    def token(self, name: str, *scopes: Scope, lifetime_s: float | None = None) -> str:
        """A new API token."""
        now = datetime.now(UTC)
        expires = None if lifetime_s is None else now + timedelta(seconds=lifetime_s)
        secret, token = new_token(name, scopes, created=now, expires=expires)
        add_token(self.tokens, token)
        return secret


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> FakeLoop:
    """The clock by which access control goes, in seconds since 1970: it stands still by itself.

    A test asks for it before it asks for the server.
    """
    clock = FakeLoop()
    clock.now_s = float(int(time.time()))

    def made(verifiers: Sequence[WatchedFile[Verifier]], **_: object) -> Authenticator:
        refusals = RefusalLog(clock=clock.time)
        return Authenticator(
            verifiers, clock=clock.time, call_later=clock.call_later, refusals=refusals
        )

    monkeypatch.setattr("graphql_api.access.Authenticator", made)
    return clock


@pytest.fixture
async def guarded(starbelly: DatabaseURL, tmp_path: Path) -> AsyncIterator[Guarded]:
    tokens, keys = tmp_path / "tokens.json", tmp_path / "jwks.json"
    keys.write_bytes(jwks(jwk("RS256", kid="r"), jwk("ES256", kid="e")))
    tokens.write_text('{"tokens": []}')
    settings = settings_for(
        starbelly, tokens=tokens, jwt_jwks=keys, jwt_issuer="https://id.example", jwt_audience="us"
    )
    async with running(settings) as server:
        yield Guarded(server, tokens)


def good(**more: Any) -> str:
    """A JWT that is as it should be, but for what is given."""
    return signed(**{"aud": "us", "iss": "https://id.example", "kid": "e", **more})


def good_claims() -> dict[str, object]:
    return claims(aud="us", iss="https://id.example")


def bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


async def over_http(
    guarded: Guarded, query: str = QUERY, *, path: str = "/graphql", **options: Any
) -> httpx.Response:
    async with httpx.AsyncClient(trust_env=False) as http:
        return await http.post(f"{guarded.server.http}{path}", json={"query": query}, **options)


async def close_of(guarded: Guarded, init: Any = None, **options: Any) -> tuple[int | None, str]:
    """How a socket is closed that must not be acknowledged."""
    url = options.pop("url", guarded.server.ws)
    async with connect(
        url, subprotocols=[Subprotocol("graphql-transport-ws")], proxy=None, **options
    ) as socket:
        await socket.send(json.dumps({"type": "connection_init", "payload": init}))
        await socket.send(json.dumps({"type": "subscribe", "id": "a", "payload": {"query": QUERY}}))
        with pytest.raises(ConnectionClosed):
            async with asyncio.timeout(WAIT_S):
                pytest.fail(f"received {await socket.recv()!r}")
        return socket.close_code, str(socket.close_reason)


# Attacks.

ATTACKS: dict[str, Callable[[], str]] = {
    "rubbish": lambda: "rubbish",
    "an API token that was never made": lambda: "gqlapi_" + "A" * 43,
    "expired": lambda: good(exp=int(time.time()) - 1),
    "without expiry": lambda: good(exp=None),
    "not valid yet": lambda: good(nbf=int(time.time()) + 3600),
    "issued in the future": lambda: good(iat=int(time.time()) + 3600),
    "for another audience": lambda: good(aud="them"),
    "of another issuer": lambda: good(iss="https://evil.example"),
    "alg none": lambda: forged({"alg": "none"}, good_claims()),
    "alg none in capitals, signed": lambda: forged(
        {"alg": "NONE", "kid": "e"}, good_claims(), b"x"
    ),
    "signed with the RSA public key as a secret": lambda: hmac_forged(public_pem("RS256"), kid="r"),
    "signed with the EC public key as a secret": lambda: hmac_forged(public_pem("ES256")),
    "kid that leads to an empty file": lambda: hmac_forged(b"", kid="../../../../dev/null"),
    "kid that is no text": lambda: forged({"alg": "ES256", "kid": ["e"]}, good_claims(), b"x"),
    "kid of another key": lambda: good(kid="r"),
    "kid of no key": lambda: good(kid="x"),
    "own key in the header": lambda: jwt.encode(
        good_claims(), private_key("ES384"), "ES384", headers={"jwk": jwk("ES384")}
    ),
    "payload exchanged": lambda: ".".join(
        (
            good().split(".")[0],
            forged({}, {**good_claims(), "scope": "write"}).split(".")[1],
            good().split(".")[2],
        )
    ),
    "header nested deeply": lambda: "W1tb" * 2000 + ".e30.AA",
    "long": lambda: "x" * 8_000,
}


async def test_forged_token_opens_nothing(
    guarded: Guarded, caplog: pytest.LogCaptureFixture
) -> None:
    said = {"message": "the token is not valid", "extensions": {"code": "UNAUTHENTICATED"}}
    closed = (4403, "Forbidden: the token is not valid")
    for name, attack in ATTACKS.items():
        token = attack()
        response = await over_http(guarded, headers=bearer(token))
        assert response.status_code == 401, name
        assert response.headers["www-authenticate"] == 'Bearer error="invalid_token"'
        assert response.json() == {"errors": [said]}
        assert await close_of(guarded, bearer(token)) == closed, name
        assert await close_of(guarded, additional_headers=bearer(token)) == closed, name
        assert token not in caplog.text, name
    assert not [record for record in caplog.records if record.exc_info]


async def test_without_a_token_nothing_is_open(guarded: Guarded) -> None:
    ways: list[dict[str, Any]] = [
        {},
        {"path": "/graphql?query={__typename}"},
        {"headers": {"cookie": "a=b"}},
    ]
    for options in ways:
        response = await over_http(guarded, **options)
        assert response.status_code == 401
        assert response.headers["www-authenticate"] == "Bearer"
        assert response.json()["errors"][0]["extensions"] == {"code": "UNAUTHENTICATED"}
    reason = 'Forbidden: credentials are needed; send authorization: "Bearer <token>"'
    inits: list[Any] = [None, {}, {"token": "x"}, {"since": {}}]
    for init in inits:
        assert await close_of(guarded, init) == (4403, reason)
    code, reason = await close_of(guarded, {"authorization": 5})
    assert code == 4403
    assert "malformed" in reason


async def test_introspection_needs_a_token_too(guarded: Guarded) -> None:
    assert (await over_http(guarded, "{ __schema { queryType { name } } }")).status_code == 401


async def test_good_token_in_the_url_is_not_taken(guarded: Guarded) -> None:
    token = guarded.token("ci", Scope.READ)
    for path in (f"/graphql?token={token}", f"/graphql?access_token={token}"):
        response = await over_http(guarded, path=path)
        assert response.status_code == 401
        assert "token in the URL is not taken" in response.json()["errors"][0]["message"]
        url = guarded.server.ws.replace("/graphql", path)
        code, reason = await close_of(guarded, url=url)
        assert code == 4403
        assert "token in the URL is not taken" in reason


async def test_page_of_another_site_gets_no_socket_even_with_a_token(guarded: Guarded) -> None:
    token = guarded.token("ci", Scope.READ)
    for origin in ("https://evil.example", "null"):
        with pytest.raises(InvalidStatus) as caught:
            await close_of(guarded, origin=Origin(origin), additional_headers=bearer(token))
        assert caught.value.response.status_code == 403
        headers = {**bearer(token), "origin": origin}
        assert (await over_http(guarded, headers=headers)).status_code == 403


async def test_handshake_whose_headers_are_too_long_is_answered(guarded: Guarded) -> None:
    with pytest.raises(InvalidStatus) as caught:
        await close_of(guarded, additional_headers=bearer("x" * 9_000))
    assert caught.value.response.status_code == 431


async def test_operation_before_the_credentials_is_not_executed(guarded: Guarded) -> None:
    async with connect(
        guarded.server.ws, subprotocols=[Subprotocol("graphql-transport-ws")], proxy=None
    ) as socket:
        message = {"type": "subscribe", "id": "a", "payload": {"query": QUERY}}
        await socket.send(json.dumps(message))
        with pytest.raises(ConnectionClosed):
            await socket.recv()
        assert socket.close_code == 4401


async def test_refusals_are_logged_at_a_limited_rate(
    clock: FakeLoop, guarded: Guarded, caplog: pytest.LogCaptureFixture
) -> None:
    def lines() -> list[str]:
        return [record.message for record in caplog.records if "refused by" in record.message]

    for _ in range(20):
        await over_http(guarded, headers=bearer("s3cret"))
    assert [line.partition(", ")[0] for line in lines()] == ["refused by access control: 1"]
    clock.advance(60)
    while len(lines()) < 2:  # the server looks every second what there is to say
        async with httpx.AsyncClient(trust_env=False) as http:
            await http.get(f"{guarded.server.http}/healthz")
    _, second = lines()
    assert second.startswith("refused by access control: 19, the last from 127.0.0.1")
    assert "s3cret" not in caplog.text


async def test_token_and_password_are_in_no_log_at_any_level(
    guarded: Guarded, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    for name in ("uvicorn.error", "websockets", "asyncio", "graphql_api"):
        caplog.set_level(logging.DEBUG, logger=name)
    token = good(scope="read write logins")
    write = """mutation { setDomainLogin(domain: "a.example", input: {
      loginUrl: "https://a.example/", users: [{ username: "u", password: "swordfish" }]
    }) { domain } }"""
    secrets = (token, token[-20:], "swordfish")
    caplog.clear()
    async with connected(guarded.server.ws, headers=bearer(token)) as client:
        assert "errors" not in await client.execute(write)
    async with connected(guarded.server.ws, bearer(token)) as client:
        assert "errors" not in await client.execute(write)
    await over_http(guarded, write, headers=bearer(token))
    of_server = [record for record in caplog.records if not record.name.endswith("client")]
    assert of_server
    for record in of_server:
        assert not any(secret in record.getMessage() for secret in secrets), record


# Those who are let in.


@pytest.mark.parametrize("kind", ["API token", "ES256", "RS256"])
async def test_good_token_is_taken_wherever_it_may_be(kind: str, guarded: Guarded) -> None:
    token = (
        guarded.token("ci", Scope.READ)
        if kind == "API token"
        else signed(kind, aud="us", iss="https://id.example")
    )
    if kind == "API token":
        await noticed(guarded, token)
    response = await over_http(guarded, headers=bearer(token))
    assert response.json() == {"data": {"policies": {"total": 2}}}
    for init, headers in (
        (bearer(token), {}),
        ({"Authorization": f"bearer {token}"}, {}),
        (None, bearer(token)),
        (bearer(token), bearer("old")),
    ):
        async with connected(guarded.server.ws, init, headers=headers) as client:
            assert (await client.execute(QUERY))["data"] == {"policies": {"total": 2}}


async def noticed(guarded: Guarded, token: str, status: int = 200) -> None:
    """Wait until the server has read its token file again."""
    while (await over_http(guarded, headers=bearer(token))).status_code != status:
        pass  # each question is a round trip to the server, in which it can get on


async def test_field_out_of_scope_is_an_error_of_its_operation_and_the_socket_lives_on(
    guarded: Guarded,
) -> None:
    async with connected(guarded.server.ws, bearer(good(scope="read"))) as client:
        policies = await client.subscribe(POLICIES.subscription)
        await policies.until_status("READY")
        logins = await client.subscribe(DOMAIN_LOGINS.subscription)
        with pytest.raises(GraphQLErrors) as caught:
            await logins.next()
        (error,) = caught.value.errors
        assert error["path"] == ["domainLoginChanges"]
        assert error["extensions"] == {"code": "FORBIDDEN"}
        assert error["message"] == "domainLoginChanges needs the scope logins"
        result = await client.execute(DOMAIN_LOGINS.query)
        assert result["data"] is None
        assert result["errors"][0]["extensions"] == {"code": "FORBIDDEN"}
        assert (await client.execute(QUERY))["data"] == {"policies": {"total": 2}}
    response = await over_http(guarded, DOMAIN_LOGINS.query, headers=bearer(good(scope="read")))
    assert response.status_code == 200
    assert response.json()["errors"][0]["path"] == ["domainLogins"]


async def test_those_with_different_scopes_share_no_results(guarded: Guarded) -> None:
    everything = good(scope=" ".join(scope.value for scope in ALL_SCOPES))
    for token, allowed in ((everything, True), (good(scope="read"), False), (everything, True)):
        async with connected(guarded.server.ws, bearer(token)) as client:
            logins = await client.subscribe(DOMAIN_LOGINS.subscription)
            if allowed:
                await logins.until_status("READY")
            else:
                with pytest.raises(GraphQLErrors):
                    await logins.next()


async def test_probes_and_pages_need_no_token(guarded: Guarded) -> None:
    await until_ready(guarded.server)
    async with httpx.AsyncClient(trust_env=False) as http:
        for path in ("/", "/healthz", "/readyz", "/graphiql", "/live"):
            response = await http.get(f"{guarded.server.http}{path}", follow_redirects=True)
            assert response.status_code == 200, path


async def test_metrics_need_a_token(guarded: Guarded) -> None:
    async with httpx.AsyncClient(trust_env=False) as http:
        for headers, status in ((bearer("rubbish"), 401), ({}, 401), (bearer(good(scope="")), 200)):
            response = await http.get(f"{guarded.server.http}/metrics", headers=headers)
            assert response.status_code == status
            assert ("graphql_api_sockets" in response.text) == (status == 200)


@pytest.mark.parametrize(
    ("scope", "tables"),
    [
        ("", set()),
        ("write", set()),
        ("logins", set()),
        ("write logins", set()),
        ("read", {"job", "policy", "schedule", "rate_limit"}),
        ("read write", {"job", "policy", "schedule", "rate_limit"}),
        (
            "read logins",
            {"job", "policy", "schedule", "domain_login", "captcha_solver", "rate_limit"},
        ),
    ],
)
async def test_metrics_and_feeds_tell_of_a_table_to_those_alone_who_may_read_it(
    guarded: Guarded, scope: str, tables: set[str]
) -> None:
    await until_ready(guarded.server)
    headers = bearer(good(scope=scope))
    async with httpx.AsyncClient(trust_env=False) as http:
        metrics = (await http.get(f"{guarded.server.http}/metrics", headers=headers)).text
    for name in ("status", "documents", "changes_total", "history_bytes", "subscriptions"):
        shown = re.findall(rf'^graphql_api_feed_{name}\{{.*table="(\w+)"', metrics, re.MULTILINE)
        assert set(shown) == tables, name
    assert ("domain_login" in metrics) == ("domain_login" in tables)
    assert "process_resident_memory_bytes" in metrics
    answer = (await over_http(guarded, "{ feeds { table documents } }", headers=headers)).json()
    feeds = (answer["data"] or {"feeds": []})["feeds"]
    assert {feed["table"] for feed in feeds} == tables


# Until it ends.


@asynccontextmanager
async def subscribed(guarded: Guarded, token: str, replica: Replica) -> AsyncIterator[Any]:
    """A connection of somebody who goes on where they were."""
    since = {"since": {"a": replica.cursor}} if replica.cursor else {}
    async with connected(guarded.server.ws, {**bearer(token), **since}) as client:
        operation = await client.subscribe(replica.watch.subscription, "a")
        while replica.status != "READY" or not replica.cursor:
            replica.apply(await operation.change())
        yield client


async def test_connection_ends_when_its_token_expires_and_the_next_one_goes_on(
    clock: FakeLoop, guarded: Guarded, writer: Writer
) -> None:
    replica = Replica(POLICIES)
    async with subscribed(guarded, good(exp=clock.now_s + 60), replica) as client:
        clock.advance(59)
        assert (await client.execute(QUERY))["data"] == {"policies": {"total": 2}}
        clock.advance(1)
        async with asyncio.timeout(WAIT_S):
            await client.socket.wait_closed()
        assert client.socket.close_code == 4403
        assert client.socket.close_reason == "Forbidden: the token has expired"
    await writer.insert("policy", POLICY | {"id": "new", "name": "new"})
    since = {"since": {"a": replica.cursor}}
    token = good(exp=clock.now_s + 60)
    async with connected(guarded.server.ws, {**bearer(token), **since}) as client:
        operation = await client.subscribe(POLICIES.subscription, "a")
        while "new" not in replica.rows:
            replica.apply(await operation.change())
    assert replica.snapshots == 1, "it went on by its cursor"


async def test_event_stream_ends_when_its_token_expires(clock: FakeLoop, guarded: Guarded) -> None:
    headers = {**bearer(good(exp=clock.now_s + 60)), "accept": "text/event-stream"}
    body = {"query": POLICIES.subscription}
    url = f"{guarded.server.http}/graphql"
    text = ""
    async with (
        httpx.AsyncClient(trust_env=False) as http,
        http.stream("POST", url, json=body, headers=headers) as response,
        asyncio.timeout(WAIT_S),
    ):
        async for part in response.aiter_text():
            text += part
            if "READY" in text:
                clock.advance(60)
    assert "event: complete" not in text, "the client comes again"
    assert (await over_http(guarded, POLICIES.subscription, headers=headers)).status_code == 401


async def test_revoked_token_ends_its_connections_and_no_others(
    guarded: Guarded, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    revoked, kept = guarded.token("a", Scope.READ), guarded.token("b", Scope.READ)
    await noticed(guarded, kept)
    async with (
        connected(guarded.server.ws, bearer(revoked)) as one,
        connected(guarded.server.ws, bearer(revoked)) as two,
        connected(guarded.server.ws, bearer(kept)) as other,
    ):
        await one.subscribe(POLICIES.subscription)
        remove_token(guarded.tokens, "a")
        for client in (one, two):
            async with asyncio.timeout(WAIT_S):
                await client.socket.wait_closed()
            assert client.socket.close_code == 4403
            assert client.socket.close_reason == "Forbidden: the token has been revoked"
        assert (await other.execute(QUERY))["data"] == {"policies": {"total": 2}}
    assert (await over_http(guarded, headers=bearer(revoked))).status_code == 401
    assert revoked not in caplog.text
    assert "ended 2 connections whose tokens have been revoked" in caplog.text


async def test_broken_token_file_keeps_everybody(
    guarded: Guarded, caplog: pytest.LogCaptureFixture
) -> None:
    token = guarded.token("a", Scope.READ)
    await noticed(guarded, token)
    async with connected(guarded.server.ws, bearer(token)) as client:
        draft = guarded.tokens.with_name("draft")
        draft.write_bytes(guarded.tokens.read_bytes()[:-20])
        draft.replace(guarded.tokens)  # a file half written would be another broken one
        while "stays in force" not in caplog.text:
            await client.execute(QUERY)
        assert (await client.execute(QUERY))["data"] == {"policies": {"total": 2}}
        assert (await over_http(guarded, headers=bearer(token))).status_code == 200
    (record,) = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert str(guarded.tokens) in record.message


async def test_revocation_that_could_not_be_read_counts_as_soon_as_it_can(
    guarded: Guarded, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file does not change again, and is read all the same."""
    token = guarded.token("a", Scope.READ)
    await noticed(guarded, token)
    really_open = os.open

    def open_others(path: Any, *more: Any, **named: Any) -> int:
        if path == guarded.tokens:
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
        return really_open(path, *more, **named)

    async with connected(guarded.server.ws, bearer(token)) as client:
        remove_token(guarded.tokens, "a")
        with monkeypatch.context() as patched:
            patched.setattr(os, "open", open_others)
            while "Too many open files" not in caplog.text:
                await client.execute(QUERY)
            assert (await over_http(guarded, headers=bearer(token))).status_code == 200
        async with asyncio.timeout(WAIT_S):
            await client.socket.wait_closed()
        assert client.socket.close_code == 4403
    assert (await over_http(guarded, headers=bearer(token))).status_code == 401
