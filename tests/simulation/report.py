"""What is said of a story that fails."""

from __future__ import annotations

from tests.simulation.run import Outcome, run
from tests.simulation.shrink import keeping, shrunk
from tests.simulation.story import Story

_LAST_LINES = 25


def say(*lines: str) -> None:
    """Print lines at once, wherever they go."""
    print(*lines, sep="\n", flush=True)  # noqa: T201 - its output


def report(story: Story, outcome: Outcome, source: str | None = None) -> str:
    """The shortest story that fails alike, in plain words, and the command that replays it.

    Args:
        story: It fails.
        outcome: That says how.
        source: The argument of the command that names the story; its seed, if absent.
    """
    assert outcome.failure is not None
    source = source or f"--seed {story.setting.seed}"
    kept, shorter = shrunk(story, outcome.failure, run)
    last = shorter or outcome
    numbers = ",".join(str(number) for number in kept)
    return "\n".join(
        [
            f"Seed {story.setting.seed} breaks a promise: {outcome.failure}",
            "",
            "The shortest story of it that was found:",
            keeping(story, kept).in_words(),
            "",
            f"It ends like this: {last.failure}",
            *last.log[-_LAST_LINES:],
            "",
            "To see it again:",
            f'    make simulate ARGS="{source} --keep {numbers or "none"}"',
        ]
    )
