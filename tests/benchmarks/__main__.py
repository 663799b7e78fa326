"""Measure this server and its peers, in one run and on the same work.

Usage: python -m tests.benchmarks [NAME …] [--repeat N] [--quick]
       python -m tests.benchmarks --before CHECKOUT [--repeat N] [--quick]

It starts everything itself, on free ports of the loopback interface. The table is printed; the
same as JSON, and as a drawing, go to `results/`. That a bar is missed is no failure of the run.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from tests.benchmarks import report, svg
from tests.benchmarks.database import database
from tests.benchmarks.machine import describe, raise_descriptor_limit
from tests.benchmarks.measures import MEASURES, PROOF, before
from tests.benchmarks.peers import NODE, earlier
from tests.benchmarks.processes import pinned
from tests.benchmarks.setting import QUICK, Cores, Setting, Sizes
from tests.clients import npm

RESULTS = Path(__file__).parent / "results"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the measures that are named, or all; returns the exit code."""
    options = _parser().parse_args(arguments)
    unknown = set(options.names) - MEASURES.keys()
    if unknown:
        print(f"unknown: {', '.join(sorted(unknown))}", file=sys.stderr)  # noqa: T201
        return 2
    if options.before:
        return _compare(options)
    try:
        npm.install(NODE)
    except (pytest.skip.Exception, pytest.fail.Exception) as error:
        print(f"the peers cannot be installed: {error}", file=sys.stderr)  # noqa: T201
        return 1
    cores, sizes = _begin(options)
    machine = describe(cores)
    _say(report.heading(machine))
    chosen = [measure for name, measure in MEASURES.items() if name in (options.names or MEASURES)]
    results = []
    with pinned(cores.rest), database(options.database, cores.rest) as it:
        for measure in (PROOF, *chosen):
            results.append(measure(Setting(it, cores, sizes)))
            _say(report.table(results[-1]))
    _say(report.bars(results))
    _write(options.json, json.dumps(report.as_json(machine, results), indent=2) + "\n")
    _write(options.svg, svg.draw(machine, results))
    return 0


def _compare(options: argparse.Namespace) -> int:
    """Measure this version beside that of another checkout. Needs no npm."""
    cores, sizes = _begin(options)
    with pinned(cores.rest), database(options.database, cores.rest) as it:
        result = before.measure(Setting(it, cores, sizes), earlier(options.before))
    _say(report.table(result))
    _say(report.bars([result]))
    return 0


def _begin(options: argparse.Namespace) -> tuple[Cores, Sizes]:
    raise_descriptor_limit()
    sizes = QUICK if options.quick else Sizes()
    if options.repeat is not None:
        sizes = replace(sizes, repeat=options.repeat)
    return Cores.of_this_machine(), sizes


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks", description="Measure this server and its peers."
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(MEASURES)}")
    parser.add_argument("--repeat", type=int, metavar="N", help="how often; the medians count")
    parser.add_argument(
        "--before",
        type=Path,
        metavar="CHECKOUT",
        help="compare with an earlier version: a folder in which `make serve` has been run",
    )
    parser.add_argument("--quick", action="store_true", help="tiny numbers, which mean nothing")
    parser.add_argument(
        "--database", metavar="URL", help="use this RethinkDB; ALL ITS POLICIES ARE LOST"
    )
    parser.add_argument(
        "--json", type=Path, metavar="FILE", default=RESULTS / "benchmarks.json", help="%(default)s"
    )
    parser.add_argument(
        "--svg", type=Path, metavar="FILE", default=RESULTS / "benchmarks.svg", help="%(default)s"
    )
    return parser


def _say(text: str) -> None:
    print(text, flush=True)  # noqa: T201 - its output


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    _say(f"written: {path}")


if __name__ == "__main__":
    sys.exit(main())
