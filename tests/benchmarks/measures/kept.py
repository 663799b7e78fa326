"""How long loading a kept history takes, and how long keeping it holds the event loop."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from statistics import median
from typing import Any

from tests.benchmarks.processes import ROOT, pinned
from tests.benchmarks.results import Bar, Result
from tests.benchmarks.setting import Setting

_MAX_LOAD_S = 1.0
_MAX_PAUSE_MS = 50.0
_STAGES = ("append", "compact", "load")


def measure(setting: Setting) -> Result:
    """Seconds until clients can be served, with the longest pause of each stage in milliseconds."""
    result = Result("kept", "a server loads the history that was kept", "s of CPU")
    for _ in range(setting.sizes.repeat):
        for changes, size in setting.sizes.kept:
            seen = _of_one(setting, changes, size)
            label = f"{seen['changes']} changes, {seen['file'] / 2**20:.0f} MB"
            pauses = {f"{stage} pause": seen[stage]["pause"] for stage in _STAGES}
            result.add(label, seen["load"]["seconds"], **pauses)
    for row in result.rows:
        result.at_most(_MAX_LOAD_S, row.label, f"at most {_MAX_LOAD_S:g} s: {row.label}")
        worst = max(median(note[stage] for note in row.notes) for stage in row.notes[0])
        text = f"no pause above {_MAX_PAUSE_MS:g} ms: {row.label}"
        result.bars.append(Bar(text, worst, worst <= _MAX_PAUSE_MS))
    return result


def _of_one(setting: Setting, changes: int, size: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        written = _run(setting, "write", folder, str(changes), str(size))
        return written | _run(setting, "load", folder)


def _run(setting: Setting, *arguments: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "tests.benchmarks.keeping", *arguments]
    with pinned(setting.cores.server):
        done = subprocess.run(command, cwd=ROOT, capture_output=True, check=True)
    said: dict[str, Any] = json.loads(done.stdout)
    return said
