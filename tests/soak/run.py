"""One run: the programs are started, looked at now and then, and the load is ended."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from http.client import HTTPConnection
from pathlib import Path

from graphql_api.rethink.init import initialise
from graphql_api.rethink.url import DatabaseURL
from graphql_api.tables import TABLES
from tests.benchmarks.processes import ROOT, Program, running
from tests.soak import status
from tests.soak.curve import Sample, line

_START_S = 60.0
_SETTLE_S = 30.0
_STOP_S = 60.0
_LOOK_S = 0.2


class SoakError(Exception):
    """The load has failed; the text is what it printed."""


@dataclass(frozen=True)
class Outcome:
    """What a run showed.

    Attributes:
        samples: Every look at the programs under load.
        before: The server before anybody came.
        after: The server when everybody had left.
    """

    samples: list[Sample]
    before: Sample
    after: Sample

    @property
    def is_clean(self) -> bool:
        """Whether those who left took everything with them."""
        return _is_as_before(self.before, self.after)


def run(*, load_s: float, every_s: float, subscribers: int, say: Callable[[str], None]) -> Outcome:
    """Put a server of its own under load for some time.

    Args:
        load_s: How long.
        every_s: How often it is looked at.
        subscribers: How many stay, beside those who come and go.
        say: Called with each sample as a line.

    Raises:
        SoakError: A client was not served as it must be.
    """
    with tempfile.TemporaryDirectory() as name, _database(Path(name)) as (database, url):
        files = [Path(name, program) for program in ("server", "subscribers", "load")]
        server_file, subscribers_file, load_file = files
        command = [sys.executable, "-m", "tests.soak.server", url, str(server_file)]
        with running(command) as server:
            look = _Look(server, database, files)
            _until_ready(server)
            server_file.unlink(missing_ok=True)  # it may be from before
            before = _until(look, lambda sample: sample.server_tasks > 0, _START_S)
            at = (server.host, server.port)
            staying = _clients("subscribers", *at, subscribers_file, load_file, subscribers)
            visiting = _clients("load", *at, url, load_file)
            with staying as check_staying, visiting as check_visiting:

                def check() -> None:
                    check_staying()
                    check_visiting()

                _until(look, lambda one: one.visits > 0 and one.messages > 0, _START_S, check)
                look.start_s = time.monotonic()
                samples = [look()]
                while samples[-1].at_s < load_s:
                    time.sleep(every_s)
                    check()
                    samples.append(look())
                    say(line(samples[-2], samples[-1]))
            after = _until(look, lambda sample: _is_as_before(before, sample), _SETTLE_S)
    return Outcome(samples, before, after)


def _is_as_before(before: Sample, after: Sample) -> bool:
    return (after.server_tasks, after.server_descriptors) == (
        before.server_tasks,
        before.server_descriptors,
    )


class _Look:
    """Looks at everything when it is called."""

    def __init__(self, server: Program, database: Program, files: Sequence[Path]) -> None:
        self.start_s = time.monotonic()
        self._server = server
        self._database = database
        self._files = files

    def __call__(self) -> Sample:
        reported = {
            name: value for file in self._files for name, value in status.read(file).items()
        }
        return Sample(
            at_s=time.monotonic() - self.start_s,
            server_mb=self._server.resident_kb() / 1024,
            server_blocks=int(reported.get("blocks", 0)),
            server_descriptors=self._server.descriptors(),
            server_tasks=int(reported.get("tasks", 0)),
            database_mb=self._database.resident_kb() / 1024,
            database_descriptors=self._database.descriptors(),
            messages=int(reported.get("messages", 0)),
            writes=int(reported.get("writes", 0)),
            visits=int(reported.get("visits", 0)),
        )


def _until_ready(server: Program) -> None:
    deadline_s = time.monotonic() + _START_S
    while time.monotonic() < deadline_s:
        connection = HTTPConnection(server.host, server.port, timeout=_START_S)
        with closing(connection):
            connection.request("GET", "/readyz")
            if connection.getresponse().status == HTTPStatus.OK:
                return
        time.sleep(_LOOK_S)


def _until(
    look: Callable[[], Sample],
    is_it: Callable[[Sample], bool],
    timeout_s: float,
    check: Callable[[], None] = lambda: None,
) -> Sample:
    """Look until it is so, or the time is over; what was seen last."""
    deadline_s = time.monotonic() + timeout_s
    sample = look()
    while not is_it(sample) and time.monotonic() < deadline_s:
        time.sleep(_LOOK_S)
        check()
        sample = look()
    return sample


@contextmanager
def _database(directory: Path) -> Iterator[tuple[Program, str]]:
    """An embedded database with Starbelly's tables, on a file; the program and its URL."""
    command = [sys.executable, "-m", "graphql_api", "embedded", "--no-password", "--port", "0"]
    with running([*command, "--data", str(directory / "data.db")]) as program:
        url = DatabaseURL(program.host, program.port, "starbelly")
        asyncio.run(initialise(url, TABLES))
        yield program, str(url)


@contextmanager
def _clients(name: str, *arguments: object) -> Iterator[Callable[[], None]]:
    """A program of clients, until the context is left; what is yielded raises if it has failed."""
    with (
        tempfile.TemporaryFile() as output,
        subprocess.Popen(
            [sys.executable, "-m", f"tests.soak.{name}", *map(str, arguments)],
            cwd=ROOT,
            stdout=output,
            stderr=subprocess.STDOUT,
        ) as process,
    ):

        def fail() -> None:
            output.seek(0)
            raise SoakError(output.read().decode(errors="replace"))

        def check() -> None:
            if process.poll() is not None:
                fail()

        try:
            yield check
            process.terminate()
            if process.wait(_STOP_S):
                fail()
        finally:
            process.kill()
