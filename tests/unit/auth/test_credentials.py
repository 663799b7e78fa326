from __future__ import annotations

from typing import Any

import pytest

from graphql_api.auth.credentials import bearer_token, challenge
from graphql_api.errors import UnauthenticatedError
from tests.for_each import for_each


def scope(*authorizations: str, query: bytes = b"") -> dict[str, Any]:
    headers = [(b"authorization", value.encode("latin-1")) for value in authorizations]
    return {"headers": [(b"host", b"localhost"), *headers], "query_string": query}


def refused(scope: dict[str, Any], payload: Any = None) -> UnauthenticatedError:
    with pytest.raises(UnauthenticatedError) as caught:
        bearer_token(scope, payload)
    assert len(f"Forbidden: {caught.value}".encode()) <= 123, "it fits a close frame"
    return caught.value


@for_each("value", ["Bearer a.b-c_d", "bearer a.b-c_d", " BEARER  a.b-c_d "])
def test_token_is_taken_from_the_header_or_the_payload(value: str) -> None:
    assert bearer_token(scope(value)) == "a.b-c_d"
    for name in ("authorization", "Authorization", "AUTHORIZATION"):
        assert bearer_token(scope(), {name: value, "since": {}}) == "a.b-c_d"


def test_payload_wins_since_it_is_the_newer_one() -> None:
    assert bearer_token(scope("Bearer old"), {"authorization": "Bearer new"}) == "new"
    assert bearer_token(scope("Bearer old"), {"authorization": None}) == "old"
    assert "malformed" in str(refused(scope("Bearer old"), {"authorization": ""}))


@for_each("payload", [None, {}, {"token": "x"}, {"headers": {"x": "Bearer x"}}])
def test_missing_credentials_are_answered_by_how_to_send_them(payload: Any) -> None:
    error = refused(scope(), payload)
    assert str(error) == 'credentials are needed; send authorization: "Bearer <token>"'
    assert challenge(error) == "Bearer"


@for_each("name", [b"token", b"access_token", b"Authorization", b"jwt"])
def test_token_in_the_url_is_not_taken(name: bytes) -> None:
    error = refused(scope(query=b"query=x&" + name + b"=Bearer%20s3cret"))
    assert str(error).startswith("a token in the URL is not taken")
    assert "s3cret" not in str(error) + error.for_log
    assert bearer_token(scope("Bearer good", query=name + b"=bad")) == "good"


@for_each(
    "value",
    ["", "Bearer", "Bearer ", "s3cret", "Basic s3cret", "Bearer s3cret x", "Bearer s3c\xe9"],
)
def test_malformed_credentials_are_refused_without_repeating_them(value: str) -> None:
    for error in (refused(scope(value)), refused(scope(), {"authorization": value})):
        assert "malformed" in str(error)
        assert "s3c" not in str(error) + error.for_log


@for_each("value", [5, True, ["Bearer x"], {"Bearer": "x"}])
def test_credentials_that_are_no_text_are_malformed(value: object) -> None:
    assert "malformed" in str(refused(scope(), {"authorization": value}))


def test_credentials_that_are_there_twice_are_refused() -> None:
    assert "malformed" in str(refused(scope("Bearer a", "Bearer a")))
    twice = {"authorization": "Bearer a", "Authorization": "Bearer a"}
    assert "malformed" in str(refused(scope(), twice))


def test_token_has_a_longest_length() -> None:
    assert bearer_token(scope("Bearer " + "x" * 8192))
    long = "Bearer " + "x" * 8193
    for error in (refused(scope(long)), refused(scope(), {"authorization": long})):
        assert str(error) == "the token has more than 8192 characters"
        assert challenge(error) == 'Bearer error="invalid_token"'
        assert "xxx" not in error.for_log


def test_invalid_token_is_named_in_the_challenge() -> None:
    error = UnauthenticatedError("x", for_log="x", has_token=True)
    assert challenge(error) == 'Bearer error="invalid_token"'
