"""The programs of a run: a database, API servers, nginx in front of them, and the clients."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from tests import needs, ports
from tests.clients.program import PACKAGE

START_S = 60.0
_LOOK_S = 0.05

QUERY = """subscription ($where: PolicyFilter) { policyChanges(where: $where) {
    __typename
    ... on PolicyAdded { cause cursor policy { id name } }
    ... on PolicyUpdated { cursor policy { id name } previous { name } }
    ... on PolicyDeleted { cause cursor policyId previous { name } }
    ... on FeedState { status cursor }
} }"""


class RollingError(Exception):
    """A program failed, or what was waited for did not come; the text says which."""


@dataclass
class APIServer:
    """A running API server."""

    process: Process
    port: int

    async def ready(self) -> None:
        """Wait until it has read every table, which is when it may have clients."""
        async with (
            asyncio.timeout(START_S),
            httpx.AsyncClient(trust_env=False, timeout=START_S) as http,
        ):
            while (await http.get(f"http://127.0.0.1:{self.port}/readyz")).status_code != 200:
                await asyncio.sleep(_LOOK_S)

    async def end(self, number: signal.Signals) -> None:
        """End it by a signal, and wait until it has ended."""
        self.process.send_signal(number)
        await self.process.wait()


async def start_server(
    database: str, *, port: int = 0, grace_s: float, state: Path | None = None
) -> APIServer:
    """Start an API server, which is not ready yet.

    Args:
        database: The URL of the database.
        port: Where it listens.
        grace_s: Over how long it sends its clients away.
        state: The folder in which it keeps what outlives it; None if it keeps nothing.
    """
    # Thousands of clients have one address here.
    limits = ["--max-connections", "20000", "--max-connections-per-address", "20000"]
    limits += ["--max-cpu-per-address", "1000", "--cpu-burst-s", "1000"]
    options = ["--port", str(port), "--database", database, "--no-graphiql", "--no-live"]
    options += ["--shutdown-grace-s", str(grace_s), "--log-level", "error"]
    if state is not None:
        options += ["--state", str(state)]
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "graphql_api", "serve", *options, *limits), stdout=PIPE
    )
    return APIServer(process, await _port_of(process))


@asynccontextmanager
async def embedded_database(folder: Path) -> AsyncIterator[str]:
    """An embedded database in a process of its own; its URL."""
    file = str(folder / "data.db")
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "graphql_api", "embedded", "--no-password", "--port", "0"),
        *("--data", file),
        stdout=PIPE,
    )
    try:
        yield f"rethinkdb://127.0.0.1:{await _port_of(process)}/starbelly"
    finally:
        await ended(process)


async def _port_of(process: Process) -> int:
    assert process.stdout is not None
    async with asyncio.timeout(START_S):
        while line := await process.stdout.readline():
            found = re.search(rb"(?:ws|rethinkdb)://(?:admin@)?127\.0\.0\.1:(\d+)/", line)
            if found is not None:
                return int(found[1])
    raise RollingError("a program did not start")


async def ended(process: Process) -> None:
    """End a program, if it has not ended."""
    if process.returncode is None:
        process.terminate()
        try:
            async with asyncio.timeout(START_S):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()


class Nginx:
    """nginx in front of API servers, by the file of `docs/`, whose servers are replaced."""

    def __init__(self, folder: Path) -> None:
        self.port: int
        self._folder = folder
        self._process: Process

    @asynccontextmanager
    async def running(self, servers: Sequence[APIServer]) -> AsyncIterator[None]:
        """nginx, until the context is left."""
        with ports.reserved() as self.port:
            file = self._configure(servers)
            self._process = await asyncio.create_subprocess_exec(
                needs.program("nginx"), "-e", "stderr", "-c", str(file), stderr=DEVNULL
            )
            try:
                async with asyncio.timeout(START_S):
                    while not await self._answers():
                        await asyncio.sleep(_LOOK_S)
                yield
            finally:
                await ended(self._process)

    async def lead_to(self, servers: Sequence[APIServer]) -> None:
        """Have new connections go to these servers; those that are open stay where they are."""
        self._configure(servers)
        before = self._workers()
        self._process.send_signal(signal.SIGHUP)
        async with asyncio.timeout(START_S):
            while not self._workers() - before:
                await asyncio.sleep(_LOOK_S)

    def _workers(self) -> set[str]:
        children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children")
        return set(children.read_text().split())

    async def _answers(self) -> bool:
        async with httpx.AsyncClient(trust_env=False) as http:
            try:
                return (await http.get(f"http://127.0.0.1:{self.port}/healthz")).is_success
            except httpx.HTTPError:
                return False

    def _configure(self, servers: Sequence[APIServer]) -> Path:
        site = (PACKAGE.parents[1] / "docs" / "nginx.conf").read_text(encoding="utf-8")
        named = "\n".join(f"    server 127.0.0.1:{server.port};" for server in servers)
        for old, new in {
            "    ip_hash;\n": "",  # all clients have one address here
            "    server 127.0.0.1:8000;": named,
            "listen 443 ssl http2;": f"listen 127.0.0.1:{self.port};",
            "listen [::]:443 ssl http2;": "",
            "ssl_certificate ": "# ssl_certificate ",
            "ssl_certificate_key": "# ssl_certificate_key",
            "live.example.org;": "localhost;",
        }.items():
            assert old in site, old
            site = site.replace(old, new)
        kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        paths = " ".join(f"{kind}_temp_path {self._folder / kind};" for kind in kinds)
        user = "user root;" if os.geteuid() == 0 else ""
        file = self._folder / "nginx.conf"
        file.write_text(
            f"{user} daemon off; pid {self._folder}/pid; worker_rlimit_nofile 16384;\n"
            f"events {{ worker_connections 8192; }}\n"
            f"http {{ access_log off; {paths}\n{site} }}"
        )
        return file


class Fleet:
    """The clients; `programs/fleet.js` says what they do, and what its answers mean."""

    def __init__(self, process: Process) -> None:
        self._process = process

    async def ask(self, table: dict[str, str] | None = None) -> dict[str, Any]:
        """How the clients are; with a table, also how many hold what they must of it."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write((json.dumps(table) if table else "").encode() + b"\n")
        async with asyncio.timeout(START_S):
            line = await self._process.stdout.readline()
        if not line:
            raise RollingError("the clients' program has ended")
        answer: dict[str, Any] = json.loads(line)
        return answer

    async def until_ready(self, within_s: float) -> None:
        """Wait until every client is connected, and has had READY since."""
        async with asyncio.timeout(within_s):
            while (answer := await self.ask())["ready"] < answer["clients"]:
                await asyncio.sleep(_LOOK_S)

    async def until_equal(self, table: dict[str, str], within_s: float) -> dict[str, Any]:
        """Wait until every client holds the table, or the time is over; the last answer."""
        loop = asyncio.get_running_loop()
        give_up_at = loop.time() + within_s
        while (answer := await self.ask(table))["equal"] < answer["clients"]:
            if loop.time() >= give_up_at:
                break
            await asyncio.sleep(_LOOK_S)
        return answer


@asynccontextmanager
async def fleet(clients: int, port: int) -> AsyncIterator[Fleet]:
    """Clients of a server or a proxy, until the context is left."""
    process = await asyncio.create_subprocess_exec(
        *("node", str(PACKAGE / "programs" / "fleet.js")),
        *(f"ws://127.0.0.1:{port}/graphql", str(clients), QUERY),
        stdin=PIPE,
        stdout=PIPE,
        limit=2**24,
    )
    try:
        yield Fleet(process)
    finally:
        await ended(process)
