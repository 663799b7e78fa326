from __future__ import annotations

from random import Random

from graphql_api.client.follow import _delay_s


def test_waits_grow_to_their_limit_and_are_not_those_of_all_others() -> None:
    delays = [_delay_s(failures, Random(1)) for failures in range(1, 9)]
    assert delays == sorted(delays)
    assert all(0.1 <= delay <= 10.0 for delay in delays)
    assert 5.0 <= _delay_s(10_000, Random(2)) <= 10.0
    assert len({_delay_s(3, Random(seed)) for seed in range(10)}) == 10
