"""The fuzzers' targets keep their rules on what was found once, and on a few random inputs."""

from __future__ import annotations

from random import Random

import pytest

from graphql_api.embedded.client_connection import ClientConnection
from graphql_api.protocols.graphql_transport_ws import ServerProtocol
from tests.fuzz.mutation import Mutation
from tests.fuzz.target import Target
from tests.fuzz.targets import TARGETS

targets = pytest.mark.parametrize("target", TARGETS.values(), ids=TARGETS)


@targets
def test_every_seed_keeps_the_rules(target: Target) -> None:
    for seed in target.seeds:
        target.check(seed)


@targets
def test_what_broke_a_rule_once_does_so_no_more(target: Target) -> None:
    for name, data in target.regressions.items():
        try:
            target.check(data)
        except Exception as error:
            error.add_note(f"regressions/{target.name}/{name}")
            raise


@targets
def test_random_changes_of_the_seeds_keep_the_rules(target: Target) -> None:
    rng, mutation = Random(7), Mutation(target.seeds)
    for _ in range(400):
        data = rng.choice(target.seeds)
        for _ in range(rng.randrange(1, 5)):
            data = mutation(data, rng)
        try:
            target.check(data)
        except Exception as error:
            error.add_note(repr(data))
            raise


def test_a_broken_rule_of_messages_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ServerProtocol, "_forget", lambda _: None)
    with pytest.raises(AssertionError):
        TARGETS["messages"].check(b"[]")


def test_a_fault_of_the_embedded_server_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail(*_: object) -> None:
        raise LookupError

    monkeypatch.setattr("graphql_api.embedded.client_connection.run_query", fail)
    with pytest.raises(LookupError):
        TARGETS["frames"].check(b"[1,[59,[]],{}]")


def test_a_missing_reply_of_the_embedded_server_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ClientConnection, "_send", lambda *_: None)
    with pytest.raises(AssertionError):
        TARGETS["frames"].check(b"[1,[59,[]],{}]")
