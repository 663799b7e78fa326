"""Bugs that are planted one by one: the simulation must find each, or it proves nothing.

Each replaces one named function at run time. A target that has gone or was renamed is an error, not
a bug that cannot be found. So is a replacement that does not fit its target any more: it fails by
itself, in every story, and proves nothing either.
"""

from __future__ import annotations

import gc
import inspect
import re
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any
from unittest import mock

from tests.simulation.report import say
from tests.simulation.run import run_seed

MAX_SEEDS = 300
DOCUMENT = Path(__file__).parents[2] / "docs" / "simulation.md"

_HEAD = "| bug | clause | seeds needed |\n| --- | --- | ---: |"

Function = Callable[..., Any]


@dataclass(frozen=True, slots=True)
class Bug:
    """One bug.

    Attributes:
        name: What is wrong with it, in plain words.
        clause: Which of the feed contract's clauses it breaks, or which repair.
        target: The function that is replaced: `module:name` or `module:Class.name`.
        make: Makes the replacement of the original.
    """

    name: str
    clause: str
    target: str
    make: Callable[[Function], Any]


class TargetMissing(LookupError):  # noqa: N818 - it is what it says
    """The function that a bug replaces is not there any more."""


class ReplacementBroken(Exception):  # noqa: N818 - it is what it says
    """What replaces a function does not fit it any more."""


def _is_own(error: Exception) -> bool:
    """Whether an error was raised by the code of a bug, and by nothing that it calls."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    file = "" if trace is None else trace.tb_frame.f_code.co_filename
    return Path(file).parent == Path(__file__).parent and file.endswith(("bugs.py", "planting.py"))


def _watched(function: Function, own_errors: list[Exception]) -> Function:
    """The same function; its own errors are noted."""

    def note(error: Exception) -> None:
        if _is_own(error):
            own_errors.append(error)

    async def awaited(result: Awaitable[Any]) -> Any:
        try:
            return await result
        except Exception as error:
            note(error)
            raise

    def call(*args: Any, **kwargs: Any) -> Any:
        try:
            result = function(*args, **kwargs)
        except Exception as error:
            note(error)
            raise
        return awaited(result) if inspect.iscoroutine(result) else result

    return call


@contextmanager
def planted(bug: Bug) -> Iterator[None]:
    """Have the bug in the product.

    Raises:
        TargetMissing: What it replaces does not exist.
        ReplacementBroken: The replacement itself has failed in the body.
    """
    module_name, _, path = bug.target.partition(":")
    *owners, name = path.split(".")
    try:
        owner: Any = import_module(module_name)
        for each in owners:
            owner = getattr(owner, each)
        original = vars(owner)[name]
    except (ImportError, AttributeError, KeyError) as error:
        raise TargetMissing(f"{bug.name}: {bug.target} does not exist") from error
    if not callable(original):
        raise TargetMissing(f"{bug.name}: {bug.target} is no function")
    own_errors: list[Exception] = []
    with mock.patch.object(owner, name, _watched(bug.make(original), own_errors)):
        yield
    if own_errors:
        raise ReplacementBroken(
            f"{bug.name}: what replaces {bug.target} fails by itself: {own_errors[0]!r}"
        ) from own_errors[0]


def seed_that_finds(bug: Bug, known: int | None) -> int | None:
    """The first seed whose story finds a bug; None if none does, within `MAX_SEEDS`.

    Args:
        bug: It is planted.
        known: A seed that has found it before, which is tried before all others.
    """
    seeds: list[int] = [*range(MAX_SEEDS)]
    if known is not None:
        seeds.insert(0, known)
    with planted(bug):
        for seed in seeds:
            if run_seed(seed).failure is not None:
                return seed
    return None


def known_seeds(text: str) -> dict[str, int]:
    """The seed that finds each bug, by name, as the table in `docs/simulation.md` says it."""
    rows = re.findall(r"^\| ([^|]+) \| [^|]+ \| (\d+) \|$", text, re.MULTILINE)
    return {name: int(stories) - 1 for name, stories in rows}


def table(bugs: Sequence[Bug], seeds: Mapping[str, int | None]) -> str:
    """The table at the end of `docs/simulation.md`: how many seeds, from 0, each bug needs.

    Args:
        bugs: In their order.
        seeds: The first seed that finds each, by name; None if none does.
    """
    lines = [_HEAD]
    for bug in bugs:
        seed = seeds.get(bug.name)
        lines.append(f"| {bug.name} | {bug.clause} | {'not found' if seed is None else seed + 1} |")
    return "\n".join(lines) + "\n"


def main(bugs: Sequence[Bug], only: str | None, *, is_search: bool) -> int:
    """Plant each bug, or one, and see that a story finds it; a process for each core.

    The story that the table names is tried first. If that does not find the bug, the others are,
    and the table is wrong.

    Args:
        bugs: All of them.
        only: A part of the name of those that are planted; None for all.
        is_search: Whether to try all stories in order, and to write the table.

    Returns:
        The exit status: 1 if a bug was not found, or not by the story that the table names, or
        there is none of this name.
    """
    gc.collect()
    gc.freeze()
    chosen = [bug for bug in bugs if only is None or only in bug.name]
    if not chosen:
        say(f"no bug's name has the text {only!r}")
        return 1
    text = DOCUMENT.read_text(encoding="utf-8")
    known = known_seeds(text)
    tried = [None if is_search else known.get(bug.name) for bug in chosen]
    found: dict[str, int | None] = {}
    with ProcessPoolExecutor() as processes:
        for bug, first, seed in zip(
            chosen, tried, processes.map(seed_that_finds, chosen, tried), strict=True
        ):
            found[bug.name] = seed
            how = "NOT FOUND" if seed is None else f"seed {seed}"
            other = "" if first in {None, seed} else f"; seed {first} does not find it any more"
            say(f"{how}: {bug.name} ({bug.clause}){other}")
    if is_search:
        before = text[: text.index(_HEAD)]
        DOCUMENT.write_text(before + table(bugs, {**known, **found}), encoding="utf-8")
    elif any(known.get(name) != seed for name, seed in found.items()):
        say("`make simulate-bugs ARGS=--search` writes the table in `docs/simulation.md` again.")
        return 1
    return any(seed is None for seed in found.values())
