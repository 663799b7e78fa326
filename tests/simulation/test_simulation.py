"""Two hundred stories of the whole stack; `make test-long` runs 500, `make simulate` any number."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from starlette.responses import Response

from tests.for_each import for_each
from tests.forks import forked
from tests.quick_servers import usual_looks
from tests.simulation import planting, written
from tests.simulation.author import story_of
from tests.simulation.bugs import BUGS
from tests.simulation.report import report
from tests.simulation.run import run, run_seed
from tests.simulation.shrink import keeping

ROOT = Path(__file__).parents[2]
SEEDS = 200
SEEDS_OF_LONG_TESTS = 500
SEEDS_PER_TEST = 10

EASY = next(bug for bug in BUGS if bug.name == "deletions are ignored")


@pytest.mark.parametrize(
    "first",
    [
        *range(0, SEEDS, SEEDS_PER_TEST),
        *(
            pytest.param(first, marks=pytest.mark.long)
            for first in range(SEEDS, SEEDS_OF_LONG_TESTS, SEEDS_PER_TEST)
        ),
    ],
)
def test_every_client_sees_what_the_contract_promises(first: int) -> None:
    for seed in range(first, first + SEEDS_PER_TEST):
        outcome = run_seed(seed)
        assert outcome.failure is None, "\n" + report(story_of(seed), outcome)


@pytest.mark.parametrize("file", written.found(), ids=lambda file: file.stem)
def test_story_that_has_found_a_fault_finds_none(file: Path) -> None:
    story = written.read(file)
    outcome = run(story)
    assert outcome.failure is None, "\n" + report(story, outcome, f"--story {file}")


@for_each("seed", range(0, SEEDS, SEEDS_PER_TEST))
def test_story_is_the_same_when_it_was_kept(seed: int, tmp_path: Path) -> None:
    story, file = story_of(seed), tmp_path / "kept.txt"
    written.write(file, story, "What was wrong.")
    assert written.read(file) == story


async def test_same_seeds_have_the_same_digests_in_two_processes() -> None:
    arguments = ["--first", "4", "--seeds", "2", "--digest"]
    new = subprocess.run(
        [sys.executable, "-m", "tests.simulation", *arguments],
        cwd=ROOT,
        env=os.environ | {"PYTHONHASHSEED": "1"},
        capture_output=True,
        check=True,
    )
    copy = await forked(*arguments, module="tests.simulation", env=os.environ)  # hashed by chance
    printed, _ = await copy.communicate()
    assert copy.returncode == 0
    assert printed == new.stdout
    assert len(set(printed.split())) == 4  # no two stories are the same


@pytest.mark.parametrize("seed", [5, pytest.param(45, marks=pytest.mark.long)])
def test_story_is_the_same_after_others_and_where_servers_are_quick(seed: int) -> None:
    digest = run_seed(seed).digest  # as in all tests: they have servers look more often
    with usual_looks():
        assert run_seed(seed).digest == digest


@pytest.mark.long
def test_failure_is_reported_by_a_short_story_that_can_be_replayed() -> None:
    with planting.planted(EASY):
        seed = next(
            seed for seed in range(planting.MAX_SEEDS) if run_seed(seed).failure is not None
        )
        story = story_of(seed)
        text = report(story, run(story))
        command = text.splitlines()[-1]
        assert f"--seed {seed} --keep " in command
        numbers = [int(each) for each in command.split("--keep ")[1].rstrip('"').split(",")]
        assert len(numbers) < len(story.actions)
        assert run(keeping(story, numbers)).failure is not None
    assert run(keeping(story, numbers)).failure is None


def test_internal_error_of_one_story_does_not_change_the_next_one() -> None:
    def fails(_: object) -> Callable[..., Any]:
        async def page(*_: Any, **__: Any) -> Any:
            raise RuntimeError("no page")

        return page

    bug = planting.Bug("pages fail", "0", "graphql_api.feeds.feed:Feed.page", fails)
    with planting.planted(bug):
        first, second = (run_seed(seed).failure for seed in (9, 11))
    assert first is not None
    assert second is not None
    assert "requestId" in first
    assert "requestId" in second
    assert first != second, "each has logged an error of its own"


def test_client_is_judged_by_the_run_that_refuses_it_and_not_by_the_one_that_served_it() -> None:
    def refuses(original: Callable[..., Any]) -> Callable[..., Any]:
        runs: list[object] = []

        async def accept(self: object, scope: Any, receive: Any, send: Any) -> None:
            is_first = self not in runs
            if is_first:
                runs.append(self)
            if is_first and len(runs) == 3:
                await receive()
                await Response(status_code=503)(scope, receive, send)
            else:
                await original(self, scope, receive, send)

        return accept

    target = "graphql_api.protocols.websocket:WebSockets.__call__"
    bug = planting.Bug("a server that begins again refuses a client", "8", target, refuses)
    with planting.planted(bug):
        failure = run(written.read(written.FOLDER / "stopping-before-it-answers.txt")).failure
    assert failure == "clause 8: c0 was cut off without a reason: 503"


def test_every_planted_bug_has_its_target_and_a_story_that_finds_it() -> None:
    for bug in BUGS:
        with planting.planted(bug):
            pass
    text = planting.DOCUMENT.read_text(encoding="utf-8")
    seeds = planting.known_seeds(text)
    assert {*seeds} == {bug.name for bug in BUGS}
    assert text.endswith(planting.table(BUGS, seeds))


@pytest.mark.parametrize(
    "target",
    [
        "graphql_api.nowhere:View.step",
        "graphql_api.feeds.view:Nothing.step",
        "graphql_api.feeds.view:FilterView.nothing",
        "graphql_api.feeds.cursor:RUN_BYTES",
    ],
)
def test_bug_whose_target_has_gone_fails_loudly(target: str) -> None:
    bug = planting.Bug("gone", "0", target, lambda original: original)
    with pytest.raises(planting.TargetMissing, match="gone"), planting.planted(bug):
        pass


def test_bug_that_does_not_fit_its_target_any_more_fails_loudly() -> None:
    bug = replace(EASY, make=lambda _: lambda: None)
    with pytest.raises(planting.ReplacementBroken, match=EASY.name), planting.planted(bug):
        assert run_seed(7).failure is not None
