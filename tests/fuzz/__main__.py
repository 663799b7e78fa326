"""Look for inputs that break a rule.

Usage: python -m tests.fuzz messages|frames|http [--seconds N] [--corpus DIRECTORY]

The parsers of messages and frames get bytes, guided by what code they reach. It ends at the first
that break a rule, with exit code 77, and writes them to the directory; a copy in `regressions/` is
a test for ever. What reaches new code is kept there too, and used again by the next run. That needs
the package `atheris`, which has wheels for Linux; `http` needs `schemathesis`.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

from tests.fuzz import http

if TYPE_CHECKING:
    from tests.fuzz.target import Target

_TARGETS = ("frames", "http", "messages")
_MAX_BYTES = 8192
_SLOW_S = 20
_MEMORY_MB = 2048


def main() -> None:
    """Fuzz until the time is over."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("target", choices=_TARGETS)
    parser.add_argument("--seconds", type=int, default=300, metavar="N", help="%(default)s")
    parser.add_argument(
        "--corpus",
        type=Path,
        default=Path(__file__).parent / "corpus",
        metavar="DIRECTORY",
        help="%(default)s",
    )
    options = parser.parse_args()
    if options.target == "http":
        sys.exit(http.run(options.seconds))
    try:
        import atheris
    except ModuleNotFoundError:
        sys.exit("this needs the Python package atheris: pip install atheris")

    with atheris.instrument_imports(include=["graphql_api"]):
        from tests.fuzz.targets import TARGETS
    from tests.fuzz.mutation import Mutation

    target = TARGETS[options.target]
    corpus = options.corpus / target.name
    _write_seeds(target, corpus)
    mutation = Mutation(target.seeds)

    def mutate(data: bytes, max_size: int, seed: int) -> bytes:
        rng = Random(seed)
        if rng.random() < 0.3:
            changed: bytes = atheris.Mutate(data, max_size)
            return changed
        return mutation(data, rng)[:max_size]

    arguments = [
        sys.argv[0],
        f"-max_total_time={options.seconds}",
        f"-max_len={_MAX_BYTES}",
        f"-timeout={_SLOW_S}",
        f"-rss_limit_mb={_MEMORY_MB}",
        f"-artifact_prefix={options.corpus}/",
        "-print_final_stats=1",
        str(corpus),
    ]
    atheris.Setup(arguments, target.check, custom_mutator=mutate)
    atheris.Fuzz()


def _write_seeds(target: Target, corpus: Path) -> None:
    corpus.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate([*target.seeds, *target.regressions.values()]):
        (corpus / f"seed-{number:03}").write_bytes(seed)


if __name__ == "__main__":
    main()
