"""Bugs that are planted one by one: the simulation must find each, or it proves nothing.

Each replaces one named function at run time. A target that has gone or was renamed is an error, not
a bug that cannot be found.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from typing import Any
from unittest import mock

from tests.simulation.report import say
from tests.simulation.run import run_seed

MAX_SEEDS = 300

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


@contextmanager
def planted(bug: Bug) -> Iterator[None]:
    """Have the bug in the product.

    Raises:
        TargetMissing: What it replaces does not exist.
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
    with mock.patch.object(owner, name, bug.make(original)):
        yield


def seeds_needed(bug: Bug) -> int | None:
    """After how many seeds a bug is found; None if it is not, within `MAX_SEEDS`."""
    with planted(bug):
        for seed in range(MAX_SEEDS):
            if run_seed(seed).failure is not None:
                return seed + 1
    return None


def table(bugs: Sequence[Bug], found: dict[str, int | None]) -> str:
    """The table of the bugs, for `docs/simulation.md`."""
    lines = ["| bug | clause | seeds needed |", "| --- | --- | ---: |"]
    lines += [f"| {bug.name} | {bug.clause} | {found.get(bug.name)} |" for bug in bugs]
    return "\n".join(lines)


def main(bugs: Sequence[Bug], only: str | None) -> int:
    """Plant each bug, or one, and print after how many seeds it is found; a process a core."""
    gc.collect()
    gc.freeze()
    chosen = [bug for bug in bugs if only is None or only in bug.name]
    found = {}
    with ProcessPoolExecutor() as processes:
        for bug, seeds in zip(chosen, processes.map(seeds_needed, chosen), strict=True):
            found[bug.name] = seeds
            say(f"{seeds or 'NOT FOUND'}: {bug.name} ({bug.clause})")
    if only is None:
        say("", table(bugs, found))
    return any(seeds is None for seeds in found.values())
