from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from graphql_api.auth.api_token import ApiToken, Tokens, new_token
from graphql_api.auth.authenticator import Authenticator
from graphql_api.auth.jwt import Keys, keys_of_key_file
from graphql_api.auth.principal import ANYBODY, Principal, Verifier
from graphql_api.errors import UnauthenticatedError
from graphql_api.scopes import Scope
from graphql_api.watched_file import WatchedFile
from tests.unit.auth.signing import public_pem, signed
from tests.unit.auth.test_api_token import NOW, NOW_S


class Clock:
    """The machine's clock, which people and NTP set."""

    def __init__(self, now_s: float = NOW_S) -> None:
        self.now_s = now_s

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


def request(token: str | None = None) -> dict[str, Any]:
    headers = [] if token is None else [(b"authorization", f"Bearer {token}".encode())]
    return {"headers": headers, "query_string": b"", "client": ("192.0.2.7", 1234)}


class TokenFile:
    """A token file that a test changes."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.write()

    def write(self, *tokens: ApiToken) -> None:
        draft = self.path.with_name("draft")
        draft.write_bytes(Tokens(tokens=tokens).dump())
        draft.replace(self.path)

    def watched(self) -> WatchedFile[Verifier]:
        return WatchedFile(self.path, Tokens.parse, name="token file")


@pytest.fixture
def file(tmp_path: Path) -> TokenFile:
    return TokenFile(tmp_path / "tokens.json")


def made(name: str) -> tuple[str, ApiToken]:
    return new_token(name, {Scope.READ}, created=NOW, expires=None)


def test_without_verifiers_everybody_may_do_everything() -> None:
    assert Authenticator().principal(request()) is ANYBODY
    assert Authenticator().principal(request("rubbish")) is ANYBODY
    assert ANYBODY.scopes == set(Scope)


def test_every_verifier_is_asked(file: TokenFile, tmp_path: Path) -> None:
    key = tmp_path / "key.pem"
    key.write_bytes(public_pem("ES256"))
    secret, token = made("ci")
    file.write(token)
    keys: WatchedFile[Verifier] = WatchedFile(
        key, lambda data: Keys(keys_of_key_file(data)), name="JWT key file"
    )
    access = Authenticator([file.watched(), keys])
    assert access.principal(request(secret)).name == "token ci"
    assert access.principal(request(signed())).name == "JWT of ann"
    with pytest.raises(UnauthenticatedError) as caught:
        access.principal(request("rubbish"))
    assert caught.value.for_log == "no known API token; JWT: DecodeError"


def test_client_gets_the_same_answer_for_every_bad_token_and_the_log_never_shows_it(
    file: TokenFile, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    secret, token = made("ci")
    file.write(token.model_copy(update={"expires": NOW}))
    access = Authenticator([file.watched()], clock=clock)
    texts = set()
    for presented in (secret, secret[:-1], "rubbish"):
        with pytest.raises(UnauthenticatedError) as caught:
            access.principal(request(presented))
        texts.add(str(caught.value))
        assert presented not in caplog.text
    assert texts == {"the token is not valid"}
    assert "192.0.2.7" in caplog.text


class Untouchable:
    """A verifier that must not be asked."""

    grants: frozenset[Hashable] = frozenset()

    def verify(self, token: str, now_s: float) -> Principal:
        raise AssertionError


def test_token_that_is_too_long_is_refused_before_it_is_looked_at(tmp_path: Path) -> None:
    path = tmp_path / "any"
    path.write_bytes(b"")
    verifier: WatchedFile[Verifier] = WatchedFile(path, lambda _: Untouchable(), name="any")
    access = Authenticator([verifier])
    with pytest.raises(UnauthenticatedError, match="8192 characters"):
        access.principal(request("x" * 8193))
    with pytest.raises(AssertionError):
        access.principal(request("x" * 8192))


# How long a connection lasts.


@dataclass(eq=False)
class FakeTimer:
    """What is to be called after some seconds; a test does it."""

    timers: list[FakeTimer]
    delay_s: float
    call: Callable[[], None]

    def cancel(self) -> None:
        if self in self.timers:
            self.timers.remove(self)


class Timers(list[FakeTimer]):
    """Those that have not been called or cancelled."""

    def call_later(self, delay_s: float, call: Callable[[], None]) -> FakeTimer:
        self.append(FakeTimer(self, delay_s, call))
        return self[-1]

    def fire(self) -> float:
        """Call the only one; gives after how many seconds it wanted to be called."""
        (timer,) = self
        self.clear()
        timer.call()
        return timer.delay_s


@pytest.fixture
def timers() -> Timers:
    return Timers()


@pytest.fixture
def access(clock: Clock, timers: Timers) -> Authenticator:
    return Authenticator(clock=clock, call_later=timers.call_later)


def until(expires_at_s: float | None, grant: object = None) -> Principal:
    return Principal("ann", frozenset({Scope.READ}), expires_at_s, grant)


def test_connection_ends_when_its_token_expires(
    access: Authenticator, clock: Clock, timers: Timers
) -> None:
    ended: list[str] = []
    access.session(until(NOW_S + 20), ended.append)
    clock.now_s += 20
    assert timers.fire() == 20
    assert ended == ["the token has expired"]
    assert access.sessions == 0
    assert timers == []


def test_connection_whose_token_does_not_expire_needs_no_timer(
    access: Authenticator, timers: Timers
) -> None:
    access.session(until(None), lambda _: pytest.fail("it goes on"))
    assert timers == []


def test_timer_that_fires_early_or_sees_a_leap_of_the_clock_looks_again(
    access: Authenticator, clock: Clock, timers: Timers
) -> None:
    ended: list[str] = []
    access.session(until(NOW_S + 1e9), ended.append)
    for now_s in (NOW_S + 60, NOW_S - 3600, NOW_S + 1e9 - 1):
        clock.now_s = now_s
        assert timers.fire() == 60
    assert ended == []
    clock.now_s = NOW_S + 1e9 - 0.5
    assert timers.fire() == 1
    clock.now_s = NOW_S + 1e9
    assert timers.fire() == 0.5
    assert ended == ["the token has expired"]


def test_token_that_expires_in_between_ends_the_connection_at_once(access: Authenticator) -> None:
    ended: list[str] = []
    access.session(until(NOW_S), ended.append).release()
    assert ended == ["the token has expired"]
    assert access.sessions == 0


def test_released_hold_ends_nothing(access: Authenticator, timers: Timers) -> None:
    session = access.session(until(NOW_S + 1), lambda _: pytest.fail("it is over"))
    session.release()
    session.release()
    assert timers == []
    assert access.sessions == 0


def test_revoking_ends_the_connections_of_that_token_and_no_others(
    file: TokenFile, timers: Timers
) -> None:
    (a, token_a), (b, token_b) = made("a"), made("b")
    file.write(token_a, token_b)
    access = Authenticator([file.watched()], call_later=timers.call_later)
    ended: list[str] = []
    for secret in (a, a):
        access.session(access.principal(request(secret)), ended.append)
    access.session(access.principal(request(b)), lambda _: pytest.fail("it goes on"))
    access.refresh()
    assert ended == []
    file.write(token_b, made("c")[1])
    access.refresh()
    assert ended == ["the token has been revoked"] * 2
    with pytest.raises(UnauthenticatedError):
        access.principal(request(a))
    assert access.principal(request(b)).name == "token b"
    assert access.sessions == 1


def test_token_that_is_revoked_in_between_ends_the_connection_at_once(
    file: TokenFile, timers: Timers
) -> None:
    secret, token = made("a")
    file.write(token)
    access = Authenticator([file.watched()], call_later=timers.call_later)
    principal = access.principal(request(secret))
    file.write()
    access.refresh()
    ended: list[str] = []
    access.session(principal, ended.append)
    assert ended == ["the token has been revoked"]
    assert access.sessions == 0


def test_token_with_other_scopes_has_to_come_again(file: TokenFile, timers: Timers) -> None:
    secret, token = made("a")
    file.write(token)
    access = Authenticator([file.watched()], call_later=timers.call_later)
    ended: list[str] = []
    access.session(access.principal(request(secret)), ended.append)
    file.write(token.model_copy(update={"scopes": frozenset(Scope)}))
    access.refresh()
    assert len(ended) == 1
    assert access.principal(request(secret)).scopes == set(Scope)


def test_broken_file_ends_nothing(
    file: TokenFile, timers: Timers, caplog: pytest.LogCaptureFixture
) -> None:
    secret, token = made("a")
    file.write(token)
    access = Authenticator([file.watched()], call_later=timers.call_later)
    access.session(access.principal(request(secret)), lambda _: pytest.fail("it goes on"))
    file.path.write_text("{")
    access.refresh()
    assert access.principal(request(secret)).name == "token a"
    assert len(caplog.records) == 1


def test_exchanged_key_ends_the_connections_whose_tokens_it_has_not_signed(
    tmp_path: Path, timers: Timers
) -> None:
    path = tmp_path / "key.pem"
    path.write_bytes(public_pem("ES256"))
    watched: WatchedFile[Verifier] = WatchedFile(
        path, lambda data: Keys(keys_of_key_file(data)), name="JWT key file"
    )
    access = Authenticator([watched], call_later=timers.call_later)
    ended: list[str] = []
    access.session(access.principal(request(signed())), ended.append)
    path.write_bytes(public_pem("ES256") + b"\n")
    access.refresh()
    assert ended == []
    path.write_bytes(public_pem("ES384"))
    access.refresh()
    assert ended == ["the token has been revoked"]
    assert timers == []
