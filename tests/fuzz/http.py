"""Operations with every value that the schema allows, and some that it does not, by schemathesis.

It makes them from the schema, and gives what mutations return to others. Here is what it
runs against; `http_checks` has what an answer must be.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.benchmarks.processes import ROOT, running

_SLOW_S = 10
_TRACEBACK = "Traceback (most recent call last)"


def run(seconds: int) -> int:
    """Fuzz a server of its own for some time; 1, if an answer or the log is not as it must be."""
    with tempfile.TemporaryDirectory() as name:
        data = str(Path(name) / "data.db")
        command = [sys.executable, "-m", "graphql_api", "serve", "--port", "0", "--data", data]
        with running([*command, "--log-level", "debug"]) as server:
            exit_code = subprocess.run(
                [
                    *(sys.executable, "-m", "schemathesis.cli", "run"),
                    f"http://{server.host}:{server.port}/graphql",
                    f"--max-time={seconds}",
                    f"--request-timeout={_SLOW_S}",
                    # To these, every refusal of an input is an error.
                    "--exclude-checks=not_a_server_error,positive_data_acceptance",
                    "--continue-on-failure",
                ],
                cwd=ROOT,
                env={**os.environ, "SCHEMATHESIS_HOOKS": "tests.fuzz.http_checks"},
                check=False,
            ).returncode
            has_failed = _TRACEBACK in server.printed()
    if has_failed:
        print("the server has logged a traceback", file=sys.stderr)  # noqa: T201 - its output
    return 1 if exit_code or has_failed else 0
