"""The servers that are compared. Each is a program that takes the database's address."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from http.client import HTTPConnection
from pathlib import Path

from graphql_api.rethink.url import DatabaseURL
from tests.benchmarks.processes import Program, ProgramError, running

NODE = Path(__file__).parent / "node"


@dataclass(frozen=True)
class Peer:
    """One of the servers.

    Attributes:
        name: What it is called in results.
        command: How it is started for a database.
        answers: Whether it does what an operation asks for; else everybody gets the same string.
        runs_on_node: Whether it needs node.
        has_readyz: Whether it listens before it has read the tables, and tells when it has.
    """

    name: str
    command: Callable[[DatabaseURL], list[str]]
    answers: bool = True
    runs_on_node: bool = False
    has_readyz: bool = False

    @contextmanager
    def serving(self, url: DatabaseURL, cores: set[int] | None) -> Iterator[Program]:
        """It runs until the context is left.

        Raises:
            ProgramError: It did not start.
        """
        with running(self.command(url), cores=cores) as program:
            if self.has_readyz:
                _await_readiness(program)
            yield program


def _await_readiness(program: Program) -> None:
    while program.runs:
        connection = HTTPConnection(program.host, program.port)
        with closing(connection):
            connection.request("GET", "/readyz")
            if connection.getresponse().status == HTTPStatus.OK:
                return
        time.sleep(0.05)
    raise ProgramError("the server has ended before it was ready")


def _python(module: str, url: DatabaseURL) -> list[str]:
    return [sys.executable, "-m", f"tests.benchmarks.peers.{module}", url.host, str(url.port)]


def _node(program: str, url: DatabaseURL) -> list[str]:
    return ["node", "--expose-gc", str(NODE / program), url.host, str(url.port)]


def _serve(url: DatabaseURL) -> list[str]:
    password = f":{url.password}" if url.password else ""
    database = f"rethinkdb://{url.user}{password}@{url.host}:{url.port}/{url.database}"
    return ["serve", "--port", "0", "--database", database]


def earlier(checkout: Path) -> Peer:
    """This server as another checkout has it, run by the environment that `make` made there."""
    program = checkout / ".venv" / "bin" / "graphql-api"
    return Peer("before", lambda url: [str(program), *_serve(url)], has_readyz=True)


OURS = Peer(
    "graphql-api", lambda url: [sys.executable, "-m", "graphql_api", *_serve(url)], has_readyz=True
)
PER_SOCKET_DEFLATE = Peer(
    "a compressor for each socket",
    lambda url: [sys.executable, "-m", "tests.benchmarks.peers.per_socket_deflate", *_serve(url)],
    has_readyz=True,
)
STRAWBERRY = Peer("Strawberry", lambda url: _python("stock_strawberry", url))
GRAPHQL_WS = Peer("graphql-ws", lambda url: _node("graphql_ws.js", url), runs_on_node=True)
MERCURIUS = Peer("Mercurius", lambda url: _node("mercurius.js", url), runs_on_node=True)
BROADCAST = Peer(
    "ws, one string", lambda url: _node("broadcast.js", url), answers=False, runs_on_node=True
)

PEERS = (OURS, STRAWBERRY, GRAPHQL_WS, MERCURIUS, BROADCAST)
SERVERS = tuple(peer for peer in PEERS if peer.answers)
