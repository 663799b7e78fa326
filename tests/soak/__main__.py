"""Keep a server under load, and see whether it takes ever more of anything.

Usage: python -m tests.soak [--minutes N] [--subscribers N] [--every S]

The server, the database and the clients are processes of their own. It exits with 1 if a gauge
grows, or if something is left of clients that are gone.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from tests.benchmarks.machine import raise_descriptor_limit
from tests.soak import curve
from tests.soak.run import run


def main(arguments: Sequence[str] | None = None) -> int:
    """Run, and print the curve and the verdict; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10, metavar="N", help="%(default)s")
    parser.add_argument("--subscribers", type=int, default=500, metavar="N", help="%(default)s")
    parser.add_argument("--every", type=float, default=5, metavar="SECONDS", help="%(default)s")
    options = parser.parse_args(arguments)
    raise_descriptor_limit()
    _say(curve.HEADING)
    outcome = run(
        load_s=options.minutes * 60,
        every_s=options.every,
        subscribers=options.subscribers,
        say=_say,
    )
    for gauge in ("server_mb", "server_blocks", "server_descriptors", "database_mb"):
        _say(f"\n{curve.drawing(outcome.samples, gauge)}")
    _say("\nmedians of the middle third and of the last one")
    verdicts = curve.verdicts(outcome.samples)
    for verdict in verdicts:
        _say(str(verdict))
    before, after = outcome.before, outcome.after
    for gauge in ("server_descriptors", "server_tasks"):
        _say(
            f"{gauge}: {getattr(before, gauge)} before anybody came, "
            f"{getattr(after, gauge)} when everybody had left"
        )
    is_good = outcome.is_clean and all(verdict.is_level for verdict in verdicts)
    _say("level" if is_good else "NOT level")
    return 0 if is_good else 1


def _say(text: str) -> None:
    print(text, flush=True)  # noqa: T201 - its output


if __name__ == "__main__":
    sys.exit(main())
