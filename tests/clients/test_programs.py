"""The client programs themselves."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from tests.clients.program import EXAMPLES, PACKAGE

pytestmark = [pytest.mark.usefixtures("packages"), pytest.mark.timeout(300)]

SOURCES = [
    path for part in ("*.js", "http/*.js", "programs/*.js") for path in sorted(PACKAGE.glob(part))
]


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.name)
def test_node_can_parse_every_source(path: Path) -> None:
    subprocess.run(["node", "--check", path], check=True, timeout=60)


def test_resume_lines_keep_the_last_cursor_of_each_operation() -> None:
    subprocess.run(["node", "--test", PACKAGE / "resume.test.js"], check=True, timeout=60)


@pytest.mark.parametrize(
    "directory", [PACKAGE, EXAMPLES, PACKAGE / "http"], ids=lambda path: path.name
)
def test_locks_have_exact_versions_and_name_no_registry(directory: Path) -> None:
    named = json.loads((directory / "package.json").read_text())
    locked = json.loads((directory / "package-lock.json").read_text())["packages"]
    for name, version in (named["dependencies"] | named.get("devDependencies", {})).items():
        assert locked[f"node_modules/{name}"]["version"] == version
    assert not any("resolved" in package for package in locked.values())
