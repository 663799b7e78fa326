"""Servers are replaced under load, on a small scale; `make rolling` has 1 000 clients."""

from __future__ import annotations

import signal

import pytest

from tests import needs
from tests.rolling.run import Load, Outcome, restart, roll

LOAD = Load(clients=30, grace_s=2.0)

pytestmark = [
    pytest.mark.long,
    pytest.mark.timeout(600),
    pytest.mark.usefixtures("packages"),
]


def assert_no_client_lost_anything(outcome: Outcome) -> None:
    assert outcome.faults == []
    assert outcome.equal == LOAD.clients
    assert outcome.reconnects >= LOAD.clients


async def test_two_servers_are_replaced_in_turn_and_no_client_loses_or_repeats_an_event() -> None:
    needs.program("nginx")
    outcome = await roll(LOAD, 1, print)
    assert_no_client_lost_anything(outcome)
    assert outcome.share >= 0.9, "cursors of one server are understood by the other"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
async def test_server_is_restarted_and_no_client_loses_or_repeats_an_event(
    number: signal.Signals,
) -> None:
    outcome = await restart(LOAD, 3, number, print, keeps_state=True)
    assert_no_client_lost_anything(outcome)
    assert outcome.share >= 0.9, "the server knows what it has sent before"
