from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from graphql_api.auth.api_token import ApiToken, Tokens, new_token
from graphql_api.auth.principal import InvalidTokenError
from graphql_api.errors import ConfigurationError
from graphql_api.scopes import Scope
from tests.for_each import for_each

NOW = datetime(2026, 11, 23, 22, tzinfo=UTC)
NOW_S = NOW.timestamp()


def made(name: str = "ci", lifetime_s: float | None = None) -> tuple[str, ApiToken]:
    expires = None if lifetime_s is None else NOW + timedelta(seconds=lifetime_s)
    return new_token(name, {Scope.READ}, created=NOW, expires=expires)


def test_token_is_random_and_only_its_hash_is_kept() -> None:
    secret, token = made()
    assert secret.startswith("gqlapi_")
    assert len(secret.removeprefix("gqlapi_")) == 43  # 256 bits in base64
    assert token.sha256 == hashlib.sha256(secret.encode()).hexdigest()
    assert made()[0] != secret
    file = Tokens(tokens=(token,)).dump()
    assert secret.encode() not in file
    assert Tokens.parse(file).tokens == (token,)


def test_known_token_has_its_scopes_and_its_expiry() -> None:
    secret, token = made(lifetime_s=60)
    tokens = Tokens(tokens=(made("other")[1], token))
    principal = tokens.verify(secret, NOW_S)
    assert principal.name == "token ci"
    assert principal.scopes == {Scope.READ}
    assert principal.expires_at_s == NOW_S + 60
    assert principal.grant in tokens.grants


def test_token_without_expiry_is_valid_for_ever() -> None:
    secret, token = made()
    assert Tokens(tokens=(token,)).verify(secret, 1e12).expires_at_s is None


def test_expired_token_is_refused_from_that_moment_on() -> None:
    secret, token = made(lifetime_s=60)
    tokens = Tokens(tokens=(token,))
    tokens.verify(secret, NOW_S + 59.9)
    with pytest.raises(InvalidTokenError, match="API token ci has expired"):
        tokens.verify(secret, NOW_S + 60)


@for_each("change", ["", "x", "prefix", "hash"])
def test_unknown_token_is_refused(change: str) -> None:
    secret, token = made()
    presented = {
        "": "",
        "x": secret + "x",
        "prefix": secret.removeprefix("gqlapi_"),
        "hash": token.sha256,
    }[change]
    with pytest.raises(InvalidTokenError, match="no known API token"):
        Tokens(tokens=(token,)).verify(presented, NOW_S)


def test_token_that_was_changed_is_another_grant() -> None:
    secret, token = made()
    grant = Tokens(tokens=(token,)).verify(secret, NOW_S).grant
    changed = token.model_copy(update={"scopes": frozenset(Scope)})
    assert grant not in Tokens(tokens=(changed,)).grants
    assert grant in Tokens.parse(Tokens(tokens=(token, made("b")[1])).dump()).grants


def test_scopes_are_written_in_one_order() -> None:
    _, token = new_token("ci", set(Scope), created=NOW, expires=None)
    (written,) = json.loads(Tokens(tokens=(token,)).dump())["tokens"]
    assert written["scopes"] == ["read", "logins", "write"]


@for_each("name", ["", "a b", "a\n", "-a", "ä", "a" * 65])
def test_name_is_fit_for_a_log(name: str) -> None:
    with pytest.raises(ConfigurationError, match="a name of letters"):
        made(name)


def test_token_needs_a_scope() -> None:
    with pytest.raises(ConfigurationError, match="needs a scope"):
        new_token("ci", (), created=NOW, expires=None)


def entry(**changes: Any) -> dict[str, Any]:
    (good,) = json.loads(Tokens(tokens=(made()[1],)).dump())["tokens"]
    return {**good, **changes}


BROKEN: dict[str, tuple[Any, str]] = {
    "no object": ([], "."),
    "another member": ({"tokens": [], "token": 1}, "token: "),
    "no list": ({"tokens": {}}, "tokens: "),
    "token in place of its hash": ({"tokens": [entry(sha256="gqlapi_x")]}, r"tokens\.0\.sha256: "),
    "unknown scope": ({"tokens": [entry(scopes=["admin"])]}, r"tokens\.0\.scopes\.0: "),
    "no scope": ({"tokens": [entry(scopes=[])]}, r"tokens\.0\.scopes: "),
    "time without zone": ({"tokens": [entry(expires="2026-01-01")]}, r"tokens\.0\.expires: "),
    "misspelt member": ({"tokens": [entry(expire=None)]}, r"tokens\.0\.expire: "),
    "equal names": ({"tokens": [entry(), entry()]}, "the same name"),
    "equal hashes": (
        {"tokens": [entry(sha256="a" * 64), entry(sha256="a" * 64, name="b")]},
        "the same sha256",
    ),
}


@for_each("name", BROKEN)
def test_broken_file_is_refused_with_the_place_and_without_the_value(name: str) -> None:
    content, reason = BROKEN[name]
    with pytest.raises(ConfigurationError, match=reason) as caught:
        Tokens.parse(json.dumps(content).encode())
    assert "gqlapi_x" not in str(caught.value)
    assert "\n" not in str(caught.value)


@for_each("text", [b"", b"{", b'{"tokens": [', b"\xff"])
def test_half_a_file_is_broken(text: bytes) -> None:
    with pytest.raises(ConfigurationError, match="JSON"):
        Tokens.parse(text)
