"""The wait between two tries, without waiting."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from graphql_api.feeds.backoff import EARLY_MAX_S, EARLY_S, Backoff, backoff_s

FIRST_S, MAX_S = 0.1, 10.0
jitters = st.floats(0, 1)


@given(st.integers(0, 10_000), st.floats(0, 1e6), jitters)
def test_backoff_grows_to_its_limit_and_no_further(
    attempt: int, outage_s: float, jitter: float
) -> None:
    wait_s = backoff_s(attempt, outage_s, first_s=FIRST_S, max_s=MAX_S, jitter=jitter)
    assert FIRST_S / 2 <= wait_s <= MAX_S
    assert wait_s <= FIRST_S * 2 ** min(attempt, 20)
    assert wait_s >= MAX_S / 2 or attempt < 7 or outage_s < EARLY_S * MAX_S / EARLY_MAX_S


@given(
    st.lists(st.tuples(jitters, st.floats(0, EARLY_MAX_S)), min_size=1, max_size=400),
    st.floats(0, 60),
)
def test_young_outage_is_tried_at_least_every_two_seconds(
    tries: list[tuple[float, float]], well_s: float
) -> None:
    backoff = Backoff(FIRST_S, MAX_S)
    lost_at = 100.0 + well_s
    now = lost_at + backoff.wait_s(
        began_at=99.0, ready_at=100.0, lost_at=lost_at, jitter=tries[0][0]
    )
    for jitter, took_s in tries:
        began_at = now
        wait_s = backoff.wait_s(
            began_at=began_at, ready_at=None, lost_at=began_at + took_s, jitter=jitter
        )
        now = began_at + took_s + wait_s
        if began_at + took_s - lost_at <= EARLY_S:
            assert now - began_at <= EARLY_MAX_S + 1e-9
        assert now - began_at <= MAX_S


@given(st.lists(jitters, min_size=1, max_size=300), jitters)
def test_outage_after_a_feed_was_well_begins_again_with_the_first_wait(
    jitters: list[float], last: float
) -> None:
    backoff = Backoff(FIRST_S, MAX_S)
    now = 0.0
    for jitter in jitters:
        now += backoff.wait_s(began_at=now, ready_at=None, lost_at=now, jitter=jitter)
    ready_at, lost_at = now + 1, now + 1 + MAX_S
    wait_s = backoff.wait_s(began_at=now, ready_at=ready_at, lost_at=lost_at, jitter=last)
    assert wait_s <= FIRST_S
    # A young outage again: however long the one before was.
    for _ in range(20):
        wait_s = backoff.wait_s(began_at=lost_at, ready_at=None, lost_at=lost_at, jitter=1)
    assert wait_s == EARLY_MAX_S


def test_feed_that_is_lost_as_soon_as_it_is_ready_is_in_the_same_outage() -> None:
    backoff = Backoff(FIRST_S, MAX_S)
    now, waits = 0.0, []
    for _ in range(400):
        waits.append(backoff.wait_s(began_at=now, ready_at=now, lost_at=now, jitter=1))
        now += waits[-1]
    assert waits[:3] == [0.1, 0.2, 0.4]
    assert waits[-1] == MAX_S


def test_waits_of_many_servers_spread_over_half_of_the_longest() -> None:
    waits = {backoff_s(20, 60, first_s=FIRST_S, max_s=MAX_S, jitter=at / 100) for at in range(101)}
    assert (min(waits), max(waits)) == (EARLY_MAX_S / 2, EARLY_MAX_S)
    assert len(waits) == 101
