"""A signal that comes while the server starts ends it as one does later: exit code 0, one way."""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from tests.patience import LONGEST_S

SCRIPT = shutil.which("graphql-api", path=sysconfig.get_path("scripts"))
# A signal that comes late, when the server runs, ends it without another word, too.
SERVE = "serve", "--port", "0", "--no-graphiql", "--log-level", "warning"


def run_until(imported: str, number: signal.Signals, *program: str) -> tuple[int, str]:
    """Send a signal as soon as a module is imported. Returns the exit code and what else is said.

    `-X importtime` tells of each import on stderr.
    """
    with subprocess.Popen(
        [sys.executable, "-X", "importtime", *program],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stderr is not None
        try:
            for line in process.stderr:
                if line.startswith("import time:") and line.split("|")[-1].strip() == imported:
                    break
            else:
                pytest.fail(f"{imported} is never imported")
            process.send_signal(number)
            _, errors = process.communicate(timeout=LONGEST_S)
        finally:
            process.kill()
    said = [line for line in errors.splitlines() if not line.startswith("import time:")]
    return process.returncode, "\n".join(said)


MOMENTS = ["argparse", "pydantic", "graphql_api.settings", "uvicorn", "strawberry", "rethinkdb"]
MOMENTS += ["graphql_api.app", "graphql_api.server.websocket_protocol"]


@pytest.mark.long
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("imported", MOMENTS)
def test_signal_while_modules_are_imported_ends_the_server(
    imported: str, number: signal.Signals, tmp_path: Path
) -> None:
    data = str(tmp_path / "x.db")
    assert run_until(imported, number, "-m", "graphql_api", *SERVE, "--data", data) == (0, "")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signal_ends_the_console_script_while_it_starts(
    number: signal.Signals, tmp_path: Path
) -> None:
    assert SCRIPT is not None
    data = str(tmp_path / "x.db")
    assert run_until("pydantic", number, SCRIPT, *SERVE, "--data", data) == (0, "")


def test_signal_ends_a_command_that_is_no_server_as_interrupted() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:  # so the command does not end by itself
        database = f"rethinkdb://127.0.0.1:{silent.getsockname()[1]}/starbelly"
        program = "-m", "graphql_api", "init", "--database", database
        assert run_until("pydantic", signal.SIGINT, *program) == (130, "")
