"""The modules of /live that need no browser, by node's test runner."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from graphql_api.schema.page_table import page_table
from graphql_api.tables import TABLES
from tests import needs

TESTS = sorted(Path(__file__).parent.glob("modules/*.test.mjs"))


@pytest.mark.parametrize("path", TESTS, ids=lambda path: path.name)
def test_module_does_what_its_tests_say(path: Path) -> None:
    needs.npm()  # which asks how old Node.js is
    declared = json.dumps([page_table(table) for table in TABLES])
    environment = {**os.environ, "DECLARED": declared}
    subprocess.run(["node", "--test", path], check=True, env=environment)
