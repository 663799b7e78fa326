"""What the measures were made on."""

from __future__ import annotations

import os
import platform
import re
import resource
import subprocess
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from tests.benchmarks.peers import NODE
from tests.benchmarks.setting import Cores

_PACKAGES = ("strawberry-graphql", "graphql-core", "uvicorn", "uvloop", "websockets")


def describe(cores: Cores) -> dict[str, Any]:
    """The machine and the versions, without anything that names it."""
    return {
        "at": datetime.now(UTC).isoformat(timespec="minutes"),
        "processor": _processor(),
        "cores": os.cpu_count(),
        "pinned": cores.server is not None,
        "load_before": round(os.getloadavg()[0], 2),
        "system": f"{platform.system()} {platform.release().split('-')[0]}",
        "python": platform.python_version(),
        "node": _output("node", "--version").removeprefix("v"),
        "packages": {name: version(name) for name in _PACKAGES} | _node_packages(),
    }


def raise_descriptor_limit() -> None:
    """Allow as many sockets as the system lets us; the programs that are started inherit it."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _processor() -> str:
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return platform.machine()
    found = re.search(r"^model name\s*: (.*)$", text, re.MULTILINE)
    return found[1] if found else platform.machine()


def _node_packages() -> dict[str, str]:
    versions = {}
    for name in ("graphql", "graphql-ws", "mercurius", "ws"):
        text = (NODE / "node_modules" / name / "package.json").read_text(encoding="utf-8")
        found = re.search(r'"version": "([^"]+)"', text)
        versions[name] = found[1] if found else "?"
    return versions


def _output(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
