"""The benchmark of responses, with tiny numbers: it runs, and what it checks holds."""

from __future__ import annotations

from tests.benchmarks.responses import check, measure


def test_subscribers_that_are_cut_have_every_response() -> None:
    story = measure(600, 6)
    assert check(story) == []
    assert any(subscriber.connections > 1 for subscriber in story.subscribers)
