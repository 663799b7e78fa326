from __future__ import annotations

from graphql_api.limits.token_bucket import TokenBucket, TokenBuckets
from tests.unit.limits.test_refusal_log import Clock


def test_burst_and_then_so_many_in_a_second() -> None:
    clock = Clock()
    bucket = TokenBucket(per_s=10, burst=30, clock=clock)
    assert sum(bucket.take() for _ in range(100)) == 30
    clock.now_s = 1.0
    assert sum(bucket.take() for _ in range(100)) == 10
    clock.now_s = 1.05
    assert not bucket.take()
    clock.now_s = 1.1
    assert bucket.take()
    clock.now_s = 1000.0
    assert sum(bucket.take() for _ in range(100)) == 30


def test_everybody_has_a_bucket_and_the_oldest_are_forgotten() -> None:
    buckets = TokenBuckets(per_s=1, burst=1, max_buckets=2, clock=Clock())
    assert buckets.take("a")
    assert not buckets.take("a")
    assert buckets.take("b")
    assert not buckets.take("a")
    assert buckets.take("c")
    assert len(buckets) == 2
    assert not buckets.take("a"), "it was seen more recently than b"
    assert buckets.take("b"), "it was forgotten"


def test_those_who_have_paused_leave_nothing_behind() -> None:
    clock = Clock()
    buckets = TokenBuckets(per_s=10, burst=30, clock=clock)
    for number in range(100):
        clock.now_s += 1
        assert buckets.take(number)
    assert len(buckets) <= 3
