"""The client programs themselves."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.clients.program import PACKAGE

pytestmark = [pytest.mark.usefixtures("packages"), pytest.mark.timeout(300)]

SOURCES = sorted(PACKAGE.glob("*.js")) + sorted(PACKAGE.glob("programs/*.js"))


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.name)
def test_node_can_parse_every_source(path: Path) -> None:
    subprocess.run(["node", "--check", path], check=True, timeout=60)


def test_resume_lines_keep_the_last_cursor_of_each_operation() -> None:
    subprocess.run(["node", "--test", PACKAGE / "resume.test.js"], check=True, timeout=60)


def test_lock_names_no_registry() -> None:
    assert "://" not in (PACKAGE / "package-lock.json").read_text()
