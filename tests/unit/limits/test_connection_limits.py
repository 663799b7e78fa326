from __future__ import annotations

from ipaddress import ip_network

import pytest

from graphql_api.errors import ConfigurationError
from graphql_api.limits.connection_limits import AddressLimit, ConnectionLimits, Entry, Leave
from graphql_api.limits.origin_check import Refusal
from graphql_api.limits.traffic import Traffic
from graphql_api.settings.connections import ConnectionSettings
from tests.for_each import for_each


def limits(*, max_connections: int, per_address: int = 1000) -> ConnectionSettings:
    numbers = {
        "max_connections": max_connections,
        "max_connections_per_address": per_address,
    }
    return ConnectionSettings().model_copy(update=numbers)


def entered(leave: Leave | None) -> Leave:
    assert leave is not None
    return leave


def test_each_address_has_a_limit_of_its_own_and_leaves_nothing_behind() -> None:
    limit = AddressLimit(2)
    leaves = [entered(limit.enter("192.0.2.1")) for _ in range(2)]
    assert limit.enter("192.0.2.1") is None
    leaves.append(entered(limit.enter("192.0.2.2")))
    assert len(limit) == 2
    leaves.pop(0)()
    leaves.append(entered(limit.enter("192.0.2.1")))
    for leave in leaves:
        leave()
    assert len(limit) == 0


@for_each(
    ("one", "other"),
    [
        ("2001:db8::1", "2001:db8::ffff:2"),
        ("fe80::1%eth0", "fe80::1%eth1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
    ],
)
def test_one_client_under_several_addresses_is_one(one: str, other: str) -> None:
    limit = AddressLimit(1)
    assert limit.enter(one) is not None
    assert limit.enter(other) is None


@for_each(
    "address", ["127.0.0.1", "127.8.8.8", "::1", "::ffff:127.0.0.1", "10.1.2.3", "", "a", None]
)
def test_those_who_stand_for_many_are_not_counted(address: str | None) -> None:
    limit = AddressLimit(1, [ip_network("10.0.0.0/8")])
    for _ in range(3):
        entered(limit.enter(address))()
        assert limit.enter(address) is not None
    assert len(limit) == 0


def test_refusals_say_what_there_is_too_much_of_and_are_counted() -> None:
    traffic = Traffic()
    admission = ConnectionLimits(limits(max_connections=3, per_address=1), traffic=traffic)
    assert not isinstance(admission.connected("192.0.2.1", 3), Refusal)
    for number in range(16):  # all that there are for the probes
        assert not isinstance(admission.connected(f"198.51.100.{number}", 4 + number), Refusal)
    refusals: list[object] = [
        admission.connected("192.0.2.2", 20),
        admission.connected("192.0.2.1", 3),
    ]
    assert not isinstance(admission.requested("192.0.2.1"), Refusal), "counted by itself"
    refusals.append(admission.requested("192.0.2.1"))
    assert [refusal.status for refusal in refusals if isinstance(refusal, Refusal)] == [
        503,
        429,
        429,
    ]
    assert traffic.refused == 3


def test_a_few_more_than_there_may_be_are_let_in_for_the_probes() -> None:
    admission = ConnectionLimits(limits(max_connections=3))
    entries = [admission.connected(None, n) for n in range(1, 100)]
    let_in = [entry for entry in entries if not isinstance(entry, Refusal)]
    assert entries[:19] == let_in, "none of them gives way while it is answered"
    assert [entry.spare is not None for entry in let_in] == [False] * 3 + [True] * 16
    let_in[-1].leave()
    assert isinstance(admission.connected(None, 19), Entry)
    assert isinstance(admission.connected(None, 20), Refusal)


def test_oldest_spare_connection_that_has_nothing_to_get_gives_way() -> None:
    traffic = Traffic()
    admission = ConnectionLimits(limits(max_connections=0, per_address=16), traffic=traffic)
    given_up: list[tuple[int, int]] = []
    places = []
    for number in range(16):
        entry = admission.connected(f"192.0.2.{number}", number + 1)
        assert isinstance(entry, Entry)
        assert entry.spare is not None
        entry.spare.give_way = lambda refusal, number=number: given_up.append(
            (number, refusal.status)
        )
        places.append(entry)
    assert places[0].spare is not None
    places[0].spare.give_way = None
    for number in range(100, 103):
        newer = admission.connected("192.0.2.1", number)
        assert isinstance(newer, Entry)
        assert newer.spare is not None
    assert given_up == [(1, 503), (2, 503), (3, 503)]
    assert traffic.refused == 3
    places[1].leave()  # its place is another's already
    assert len(admission._spare) == 16


def test_address_that_has_too_many_makes_no_spare_connection_give_way() -> None:
    admission = ConnectionLimits(limits(max_connections=0, per_address=16))
    for number in range(16):
        entry = admission.connected("192.0.2.1", number + 1)
        assert isinstance(entry, Entry)
        assert entry.spare is not None
        entry.spare.give_way = lambda _: pytest.fail("it has given way")
    refused = admission.connected("192.0.2.1", 17)
    assert isinstance(refused, Refusal)
    assert refused.status == 429


def test_what_is_no_address_is_named() -> None:
    with pytest.raises(ConfigurationError, match=r"--trusted-proxy 'proxy\.example\.org'"):
        ConnectionLimits(trusted_proxies=["10.0.0.1", "proxy.example.org"])
