"""The database and the servers that are attacked, each a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, replace
from http import HTTPStatus
from pathlib import Path

from tests.attacks.crawl import crawl
from tests.attacks.target import Target
from tests.benchmarks import documents
from tests.benchmarks.database import Database, database
from tests.benchmarks.processes import Program, running
from tests.certificates import Authority

START_S = 120.0
_LOOK_S = 0.1
_HISTORY = 5000
"""How many changes there are to resume from."""


@dataclass(frozen=True)
class Stall:
    """A stretch in which the server's event loop served one piece of work alone.

    Attributes:
        took_s: Its CPU time.
        where: The functions that took it.
    """

    took_s: float
    where: str


@dataclass(frozen=True)
class Place:
    """A server, and what it runs on.

    Attributes:
        target: What an attacker knows.
        program: The server's process.
        stalls_file: Where it notes its stalls.
    """

    target: Target
    program: Program
    stalls_file: Path

    def longest_stall(self, since_s: float) -> Stall:
        """The longest stall since a time of the monotonic clock."""
        lines = map(json.loads, self.stalls_file.read_text().splitlines())
        stalls = [line for line in lines if line["at_s"] >= since_s]
        worst = max(stalls, key=lambda line: float(line["took_s"]), default=None)
        return Stall(0.0, "") if worst is None else Stall(worst["took_s"], worst["where"])


@contextmanager
def places(rows: int, *, tls: bool) -> Iterator[tuple[Database, Place, Place | None]]:
    """A database with so many policies, a server, and another one with a certificate."""
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        stored = stack.enter_context(database(None, None))
        stored.fill(rows)
        crawl(stored)
        tokens = directory / "tokens.json"
        reader = _token(tokens, "reader", "read")
        writer = _token(tokens, "writer", "read,write,logins")
        target = Target("", 0, rows, "", reader, writer)
        settings: dict[str, object] = {"tokens": str(tokens), "trusted_proxy": ["127.0.0.1"]}
        plain = stack.enter_context(_server(directory / "plain", stored, settings, target))
        stored.write(min(_HISTORY, 4 * rows))
        stored.wait_for_writes()
        encrypted = None
        if tls:
            chain, key = Authority().issue(directory)
            settings |= {"tls_cert": str(chain), "tls_key": str(key)}
            encrypted = stack.enter_context(
                _server(directory / "tls", stored, settings, replace(target, is_tls=True))
            )
        yield stored, plain, encrypted


@contextmanager
def _server(
    stalls: Path, stored: Database, settings: dict[str, object], target: Target
) -> Iterator[Place]:
    command = [sys.executable, "-m", "tests.attacks.server", str(stored.url), str(stalls)]
    stalls.touch()
    with running([*command, json.dumps(settings)]) as program:
        target = replace(target, host=program.host, port=program.port)
        _until_ready(target)
        page = target.by("reader", 0).execute("{ policies(limit: 0) { cursor } }")
        cursor = page["data"]["policies"]["cursor"]
        yield Place(replace(target, cursor=cursor), program, stalls)


def _until_ready(target: Target) -> None:
    deadline_s = time.monotonic() + START_S
    while time.monotonic() < deadline_s:
        with closing(target.http()) as connection:
            connection.request("GET", "/readyz")
            if connection.getresponse().status == HTTPStatus.OK:
                return
        time.sleep(_LOOK_S)
    raise TimeoutError(f"the server is not ready after {START_S} s")


def _token(file: Path, name: str, scopes: str) -> str:
    command = [sys.executable, "-m", "graphql_api", "token", "create", name]
    made = subprocess.run(
        [*command, "--tokens", str(file), "--scope", scopes],
        capture_output=True,
        text=True,
        check=True,
    )
    return made.stdout.split()[-1]


MARKED = documents.key(0)
"""The policy that is changed while attacks run."""
