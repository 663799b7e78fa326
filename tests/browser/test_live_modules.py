"""The modules of /live that need no browser, by node's test runner."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests import needs

TESTS = sorted(Path(__file__).parent.glob("modules/*.test.mjs"))


@pytest.mark.parametrize("path", TESTS, ids=lambda path: path.name)
def test_module_does_what_its_tests_say(path: Path) -> None:
    needs.npm()  # which asks how old Node.js is
    subprocess.run(["node", "--test", path], check=True)
