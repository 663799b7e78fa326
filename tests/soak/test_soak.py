"""The soak's judgement, and a short run of it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.soak.curve import Sample, drawing, line, verdicts
from tests.soak.run import run

SAMPLE = Sample(
    at_s=0,
    server_mb=100,
    server_blocks=500_000,
    server_descriptors=500,
    server_tasks=520,
    database_mb=40,
    database_descriptors=12,
    messages=0,
    writes=0,
    visits=0,
)


def grown(gauge: str) -> set[str]:
    """What is said to grow if one gauge does, by a tenth of its first value in each sample."""
    first = getattr(SAMPLE, gauge)
    samples = [replace(SAMPLE, **{gauge: first * (1 + n / 10)}) for n in range(30)]
    return {verdict.gauge for verdict in verdicts(samples) if not verdict.is_level}


def test_a_gauge_that_grows_is_found_and_the_others_are_level() -> None:
    for gauge in (verdict.gauge for verdict in verdicts([SAMPLE] * 3)):
        assert grown(gauge) == {gauge}


def test_what_fills_in_the_first_third_is_no_growth() -> None:
    samples = [replace(SAMPLE, server_mb=100 + min(n, 10) * 5) for n in range(30)]
    assert all(verdict.is_level for verdict in verdicts(samples))


def test_a_line_has_what_happened_since_the_one_before() -> None:
    later = replace(SAMPLE, at_s=10, messages=5000, writes=500, visits=20)
    assert line(SAMPLE, later).split("|")[3].split() == ["500", "50.0", "2.0"]


def test_a_drawing_has_a_bar_for_each_sample() -> None:
    samples = [replace(SAMPLE, server_mb=mb) for mb in (0, 50, 100)]
    rows = drawing(samples, "server_mb").splitlines()
    assert [row.partition("|")[2] for row in rows[1:9]] == ["  #"] * 4 + [" ##"] * 4


@pytest.mark.long
@pytest.mark.embedded_only
@pytest.mark.timeout(600)
def test_clients_that_come_and_go_leave_nothing_on_the_server() -> None:
    said: list[str] = []
    outcome = run(load_s=20, every_s=1, subscribers=100, say=said.append)
    assert len(said) == len(outcome.samples) - 1
    assert outcome.samples[-1].visits > outcome.samples[0].visits
    assert outcome.samples[-1].writes > outcome.samples[0].writes
    # Its curves are judged by `make soak`: here, a handful of visits more or less is a fifth.
    assert outcome.is_clean, (outcome.before, outcome.after)
