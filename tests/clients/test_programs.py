"""The client programs themselves."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.clients.program import PACKAGE

pytestmark = [pytest.mark.usefixtures("packages"), pytest.mark.timeout(300)]

SOURCES = [path for part in ("http", "programs") for path in sorted(PACKAGE.glob(f"{part}/*.js"))]


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.name)
def test_node_can_parse_every_source(path: Path) -> None:
    subprocess.run(["node", "--check", path], check=True, timeout=200)
