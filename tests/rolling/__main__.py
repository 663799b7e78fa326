"""Replace servers under load, and count the clients that notice it.

Usage: python -m tests.rolling [--clients N] [--writes N] [--replacements N]
       python -m tests.rolling --restarts N [--signal TERM|KILL] [--state]

Without --restarts, two servers behind nginx are replaced one after the other. With it, one server
is ended again and again at random moments. It exits with 1 if an event was lost or repeated, if a
client does not hold the table at the end, or if too few reconnects went on without INITIALIZING.
"""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
from collections.abc import Sequence

from tests.benchmarks.machine import raise_descriptor_limit
from tests.clients import npm
from tests.clients.program import PACKAGE
from tests.rolling.run import Load, restart, roll


def main(arguments: Sequence[str] | None = None) -> int:
    """Run, and print the verdict; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="make rolling ARGS=…", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument("--clients", type=int, default=1000, metavar="N", help="%(default)s")
    parser.add_argument(
        "--writes", type=float, default=25, metavar="N", help="%(default)s a second"
    )
    parser.add_argument("--grace", type=float, default=10, metavar="SECONDS", help="%(default)s")
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="%(default)s")
    parser.add_argument("--replacements", type=int, default=3, metavar="N", help="%(default)s")
    parser.add_argument("--restarts", type=int, metavar="N", help="of one server, instead")
    parser.add_argument("--signal", choices=["TERM", "KILL"], default="TERM", help="%(default)s")
    parser.add_argument("--state", action="store_true", help="the server keeps its state")
    parser.add_argument(
        "--share",
        type=float,
        default=0.99,
        metavar="SHARE",
        help="needed of reconnects, %(default)s",
    )
    options = parser.parse_args(arguments)
    raise_descriptor_limit()
    npm.install(PACKAGE)
    load = Load(
        clients=options.clients,
        writes_per_s=options.writes,
        grace_s=options.grace,
        seed=options.seed,
    )
    if options.restarts is None:
        running = roll(load, options.replacements, _say)
    else:
        number = signal.Signals[f"SIG{options.signal}"]
        running = restart(load, options.restarts, number, _say, keeps_state=options.state)
    outcome = asyncio.run(running)
    _say(f"\n{'clients':<10}{'reconnects':>12}{'went on':>10}{'share':>9}")
    for kind, counts in outcome.kinds.items():
        _say(_row(kind, counts["reconnects"], counts["resumed"]))
    _say(_row("together", outcome.reconnects, outcome.resumed))
    _say(f"\n{outcome.writes} writes; {outcome.equal} of {outcome.clients} clients hold the table")
    for fault in outcome.faults:
        _say(f"FAULT: {fault}")
    is_enough = outcome.share >= options.share
    _say(
        f"{'enough' if is_enough else 'NOT enough'} reconnects went on without INITIALIZING, and "
        f"{'nothing' if outcome.is_right else 'SOMETHING'} was lost or repeated"
    )
    return 0 if is_enough and outcome.is_right else 1


def _row(kind: str, reconnects: int, resumed: int) -> str:
    share = f"{resumed / reconnects:.1%}" if reconnects else "-"
    return f"{kind:<10}{reconnects:>12}{resumed:>10}{share:>9}"


def _say(text: str) -> None:
    print(text, flush=True)  # noqa: T201 - its output


if __name__ == "__main__":
    sys.exit(main())
