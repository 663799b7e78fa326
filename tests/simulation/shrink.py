"""Making a failing story short: what can be left out of it while it still fails alike."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

from tests.simulation.run import Outcome
from tests.simulation.story import Story

_MAX_ATTEMPTS = 250


def kind(failure: str) -> str:
    """What two failures of one cause have in common: the clause, or else the first words."""
    clause = re.search(r"clauses? [\d, and]+", failure)
    return clause[0].strip() if clause else failure[:20]


def keeping(story: Story, numbers: list[int]) -> Story:
    """The story with some of its actions only, by their places in it."""
    return replace(story, actions=tuple(story.actions[number] for number in numbers))


def shrunk(
    story: Story, failure: str, run: Callable[[Story], Outcome]
) -> tuple[list[int], Outcome | None]:
    """The places of the actions without which a story does not fail alike.

    Returns:
        The places; and the outcome of the story with those alone, if anything was left out.
    """
    kept = list(range(len(story.actions)))
    outcome = None
    attempts = 0
    size = max(1, len(kept) // 2)
    while size:
        start = 0
        while start < len(kept) and attempts < _MAX_ATTEMPTS:
            fewer = kept[:start] + kept[start + size :]
            attempts += 1
            result = run(keeping(story, fewer))
            if result.failure is not None and kind(result.failure) == kind(failure):
                kept, outcome = fewer, result
            else:
                start += size
        size //= 2
    return kept, outcome
