"""Programs that run beside the benchmark, each on cores of its own; all end with their context."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

STOP_TIMEOUT_S = 10.0

ROOT = Path(__file__).parents[2]


class ProgramError(Exception):
    """A program did not start; the text is the end of what it printed."""


class Program:
    """A running program.

    Attributes:
        host: Where it listens, as it said.
        port: The same.
    """

    def __init__(self, process: subprocess.Popen[bytes], output: Path) -> None:
        self._process = process
        self._output = output
        self.host, self.port = self._address()

    def cpu_s(self) -> float:
        """How long it has computed, in user and system mode."""
        fields = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def resident_kb(self) -> float:
        """How much memory it has, without what the kernel holds for it."""
        status = Path(f"/proc/{self._process.pid}/status").read_text()
        found = re.search(r"^VmRSS:\s+(\d+) kB$", status, re.MULTILINE)
        assert found is not None
        return float(found[1])

    def descriptors(self) -> int:
        """How many files and sockets it has open."""
        return len(list(Path(f"/proc/{self._process.pid}/fd").iterdir()))

    @property
    def runs(self) -> bool:
        """Whether it has not ended."""
        return self._process.poll() is None

    def printed(self) -> str:
        """All that it has printed, its log included."""
        return self._output.read_text(errors="replace")

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal."""
        self._process.send_signal(number)

    def _address(self) -> tuple[str, int]:
        while self._process.poll() is None:
            text = self._output.read_text(errors="replace")
            found = re.search(r"(?:ws|rethinkdb)://(?:admin@)?([\d.]+):(\d+)/", text)
            if found is not None:
                return found[1], int(found[2])
            time.sleep(0.02)
        text = self._output.read_text(errors="replace")
        raise ProgramError(f"{self._process.args!r} did not start:\n{text[-2000:]}")


@contextmanager
def running(
    command: Sequence[str], *, cores: set[int] | None = None, cwd: Path = ROOT
) -> Iterator[Program]:
    """A program, which has said where it listens; it is stopped when the context is left.

    Args:
        command: The program and its arguments. It prints its URL.
        cores: Where it may run, with all its threads; anywhere, if absent.
        cwd: Where it is started.

    Raises:
        ProgramError: It did not start.
    """
    # A PYTHONPATH would have another checkout's server run the code of this one.
    not_for_it = ("GRAPHQL_API_", "PYTHONPATH")
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(not_for_it)
    } | {"NODE_ENV": "production"}  # without it, graphql-js checks much that slows it down
    with tempfile.TemporaryDirectory() as directory:
        output = Path(directory) / "output"
        with output.open("wb") as file, pinned(cores):
            process = subprocess.Popen(
                command, cwd=cwd, env=environment, stdout=file, stderr=subprocess.STDOUT
            )
        try:
            yield Program(process, output)
        except Exception as error:
            text = output.read_text(errors="replace")
            state = "runs" if process.poll() is None else "has ended"
            error.add_note(f"{command!r} {state}, and has printed:\n{text[-4000:]}")
            raise
        finally:
            _stop(process)


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


@contextmanager
def pinned(cores: set[int] | None) -> Iterator[None]:
    """Keep this process, and those that it starts in the context, on these cores."""
    if cores is None:
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)
