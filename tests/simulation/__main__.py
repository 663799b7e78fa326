"""`make simulate` and `make simulate-bugs`."""

from __future__ import annotations

import argparse
import gc
import sys
import time
from pathlib import Path

from tests.simulation import planting, written
from tests.simulation.author import story_of
from tests.simulation.bugs import BUGS
from tests.simulation.report import report, say
from tests.simulation.run import run
from tests.simulation.shrink import keeping
from tests.simulation.story import Story

_PROGRESS_EVERY = 500


def main() -> int:
    """Run what the command line asks for; the exit status says whether a promise was broken."""
    parser = argparse.ArgumentParser(prog="make simulate")
    parser.add_argument("--seeds", type=int, default=1000, help="how many stories to run")
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--seed", type=int, help="run this story only, and tell all of it")
    parser.add_argument("--keep", help="which actions of that story happen: 0,4,7, or none")
    parser.add_argument("--story", type=Path, help="run the story of this file, and tell all of it")
    parser.add_argument("--keep-in", type=Path, help="write that story, or a seed's, to this file")
    parser.add_argument("--digest", action="store_true", help="print each story's digest only")
    parser.add_argument("--bugs", action="store_true", help="plant bugs, and see them found")
    parser.add_argument("--bug", help="plant those only whose name has this text")
    parser.add_argument("--search", action="store_true", help="try all stories, write the table")
    arguments = parser.parse_args()
    if arguments.bugs:
        return planting.main(BUGS, arguments.bug, is_search=arguments.search)
    if arguments.seed is not None or arguments.story is not None:
        story = _story(arguments)
        if arguments.keep_in is not None:
            written.write(arguments.keep_in, story, "What was wrong: …")
        return _tell(story)
    return _run_many(arguments.first, arguments.seeds, digest=arguments.digest)


def _story(arguments: argparse.Namespace) -> Story:
    if arguments.story is not None:
        story = written.read(arguments.story)
    else:
        story = story_of(arguments.seed)
    if arguments.keep is None:
        return story
    numbers = [] if arguments.keep == "none" else map(int, arguments.keep.split(","))
    return keeping(story, [*numbers])


def _tell(story: Story) -> int:
    outcome = run(story)
    say(story.in_words(), "", *outcome.log, "")
    say(outcome.failure or f"No promise was broken. Digest: {outcome.digest}")
    return outcome.failure is not None


def _run_many(first: int, seeds: int, *, digest: bool) -> int:
    gc.collect()
    gc.freeze()
    began_s = time.process_time()
    events = 0
    for number, seed in enumerate(range(first, first + seeds), start=1):
        story = story_of(seed)
        outcome = run(story)
        events += outcome.events
        if digest:
            say(f"{seed} {outcome.digest}")
        if outcome.failure is not None:
            say(report(story, outcome))
            return 1
        if number % _PROGRESS_EVERY == 0 and not digest:
            say(f"{number} stories, {(time.process_time() - began_s) / number:.3f} s of CPU each")
    if not digest:
        say(f"{seeds} stories from seed {first}: no promise was broken, in {events} events.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
