"""Attack a server of one's own, and see what others notice of it.

Usage: python -m tests.attacks [NAME ...] [--rows N] [--seconds S] [--list]

The server, the database and the attackers are processes of their own. Each attack is a row of the
table; the first row is no attack: what the machine itself does. The last lines say which rows are
beyond the bounds. It is not a test, since a busy machine delays everything; CPU times do not depend
on that.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from tests.attacks.catalogue import ATTACKS
from tests.attacks.place import Place, Stall, places
from tests.attacks.probes import Seen, Times, watching
from tests.benchmarks.database import Database
from tests.benchmarks.machine import raise_descriptor_limit
from tests.benchmarks.processes import ROOT

P99_MS, MAX_MS, MEMORY_MB, STALL_MS = 100, 250, 50, 50
"""What an attack may do to others, at most."""

_QUIET_CPU_S = 0.02
_QUIET_WAIT_S = 20.0


@dataclass(frozen=True)
class Row:
    """What one attack did.

    Attributes:
        name: Who attacks, and how.
        answers: How often each answer came.
        seen: What others noticed.
        cpu_s: How long the server computed.
        memory_mb: By how much its memory was larger than before, at most.
        descriptors: How many it had open, at most.
        stall: The longest time for which its loop did one thing.
        needed: How one of the answers must begin.
    """

    name: str
    answers: Counter[str]
    seen: Seen
    cpu_s: float
    memory_mb: float
    descriptors: int
    stall: Stall
    needed: str = ""

    def verdict(self) -> str:
        """What is beyond the bounds, in words; `ok`, if nothing is."""
        over = []
        for name, values in (("healthz", self.seen.health_ms), ("change", self.seen.change_ms)):
            times = Times(values)
            if not times.at(0.99) <= P99_MS:
                over.append(f"{name} p99")
            if not times.at(1) <= MAX_MS:
                over.append(f"{name} max")
        if self.memory_mb > MEMORY_MB:
            over.append("memory")
        if self.stall.took_s * 1000 > STALL_MS:
            over.append("stall")
        if self.needed and not self._needed_answers():
            over.append(f"not {self.needed}")
        return ", ".join(over + self.seen.lost) or "ok"

    def _needed_answers(self) -> Counter[str]:
        needed = {
            k: n for k, n in self.answers.items() if self.needed and k.startswith(self.needed)
        }
        return Counter(needed)

    def __str__(self) -> str:
        count = self.answers.total()
        each_ms = self.cpu_s * 1000 / count if count else 0
        needed = self._needed_answers()
        shown = [*needed.items(), *(self.answers - needed).most_common(4)]
        answers = ", ".join(f"{label} x{number}" for label, number in shown)
        where = f"  [{self.stall.where}]" if self.stall.took_s * 1000 > STALL_MS else ""
        return (
            f"{self.name:<41} {count:7} {self.cpu_s:6.1f} {each_ms:8.2f} "
            f"| {Times(self.seen.health_ms)} | {Times(self.seen.change_ms)} "
            f"| {self.stall.took_s * 1000:5.0f} | {self.memory_mb:5.0f} {self.descriptors:5} "
            f"| {self.verdict()}{where}  ({answers})"
        )


def summary(rows: Sequence[Row]) -> str:
    """Which rows are beyond which bounds."""
    bounds = (
        f"p99 {P99_MS} ms and max {MAX_MS} ms of healthz and of a change, "
        f"memory {MEMORY_MB} MB, stall {STALL_MS} ms of CPU"
    )
    missed = [f"  {row.name}: {row.verdict()}" for row in rows if row.verdict() != "ok"]
    if not missed:
        return f"all {len(rows)} rows are within the bounds: {bounds}"
    return "\n".join(
        [f"{len(missed)} of {len(rows)} rows are beyond the bounds: {bounds}", *missed]
    )


HEADING = (
    f"{'':41} {'answers':>7} {'CPU s':>6} {'ms each':>8} "
    f"| {'healthz ms':^17} | {'change ms':^17} | {'stall':>5} | {'MB +':>5} {'files':>5} "
    "| verdict\n"
    f"{'':41} {'':7} {'':6} {'':8} | {'p50   p99   max':>17} | {'p50   p99   max':>17} "
    f"| {'ms':>5} | {'':5} {'':5} |"
)


def run(rows: int, seconds: float, numbers: Sequence[int]) -> list[Row]:
    """Attack; each attack is printed as a row when it is over.

    Args:
        rows: How many policies there are.
        seconds: How long each attack takes, if it needs no longer.
        numbers: Which attacks, by their places in the catalogue.
    """
    _say(HEADING)
    result = []
    tls = any(ATTACKS[number].is_tls for number in numbers)
    with places(rows, tls=tls) as (stored, plain, encrypted):
        for number in (None, *numbers):
            place = plain
            if number is not None and ATTACKS[number].is_tls:
                assert encrypted is not None
                place = encrypted
            _until_quiet(place)
            row = _attack(stored, place, number, seconds)
            _say(str(row))
            result.append(row)
    return result


def _attack(stored: Database, place: Place, number: int | None, seconds: float) -> Row:
    name, needed = "(no attack)", ""
    before_mb = place.program.resident_kb() / 1024
    with watching(place, stored.url) as seen:
        since_s, cpu_s = time.monotonic(), place.program.cpu_s()
        if number is None:
            time.sleep(seconds)
            answers = Counter[str]()
        else:
            it = ATTACKS[number]
            name, needed = f"{it.who}: {it.name}", it.needed
            seconds = max(seconds, it.seconds)
            target = place.target.by(it.who, number)
            command = [sys.executable, "-m", "tests.attacks.attacker", str(number), str(seconds)]
            done = subprocess.run(
                [*command, target.to_json()], cwd=ROOT, capture_output=True, text=True, check=True
            )
            answers = Counter(json.loads(done.stdout))
        cpu_s = place.program.cpu_s() - cpu_s
    return Row(
        name,
        answers,
        seen,
        cpu_s,
        memory_mb=max(seen.memory_mb, default=before_mb) - before_mb,
        descriptors=max(seen.descriptors, default=0),
        stall=place.longest_stall(since_s),
        needed=needed,
    )


def _until_quiet(place: Place) -> None:
    """Wait until the server has done what the last attack left it to do."""
    deadline_s = time.monotonic() + _QUIET_WAIT_S
    while time.monotonic() < deadline_s:
        before_s = place.program.cpu_s()
        time.sleep(0.2)
        if place.program.cpu_s() - before_s <= _QUIET_CPU_S:
            return


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what is asked for; the exit code is 0, since a busy machine is no fault."""
    parser = argparse.ArgumentParser(prog="python -m tests.attacks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="only attacks with this in them")
    parser.add_argument("--rows", type=int, default=1000, metavar="N", help="%(default)s")
    parser.add_argument("--seconds", type=float, default=5, metavar="S", help="%(default)s")
    parser.add_argument("--list", action="store_true", help="list the attacks and end")
    options = parser.parse_args(arguments)
    names = [f"{attack.who}: {attack.name}" for attack in ATTACKS]
    numbers = [
        number
        for number, name in enumerate(names)
        if not options.names or any(part in name for part in options.names)
    ]
    if options.list:
        _say("\n".join(names[number] for number in numbers))
        return 0
    raise_descriptor_limit()
    _say(summary(run(options.rows, options.seconds, numbers)))
    return 0


def _say(text: str) -> None:
    print(text, flush=True)  # noqa: T201 - its output


if __name__ == "__main__":
    sys.exit(main())
