"""Runs in which servers are replaced under load, and what their clients see of it."""

from __future__ import annotations

import asyncio
import contextlib
import random
import signal
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from graphql_api.rethink.init import initialise
from graphql_api.rethink.url import DatabaseURL
from graphql_api.tables import TABLES
from tests import ports
from tests.rolling.programs import (
    APIServer,
    Nginx,
    embedded_database,
    ended,
    fleet,
    start_server,
)
from tests.server.database import Writer, writing

_POLICIES = 60
_SETTLE_S = 120.0
Say = Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class Load:
    """What goes on while servers are replaced.

    Attributes:
        clients: How many there are.
        writes_per_s: How many policies are written in a second.
        grace_s: Over how long a server sends its clients away.
        seed: Of the writes, and of the moments.
    """

    clients: int = 1000
    writes_per_s: float = 25.0
    grace_s: float = 10.0
    seed: int = 1


@dataclass(frozen=True)
class Outcome:
    """What the clients saw; see `programs/fleet.js`."""

    clients: int
    equal: int
    reconnects: int
    resumed: int
    faults: list[str]
    kinds: dict[str, dict[str, int]]
    writes: int

    @property
    def share(self) -> float:
        """The share of reconnects that went on without INITIALIZING."""
        return self.resumed / self.reconnects if self.reconnects else 1.0

    @property
    def is_right(self) -> bool:
        """Whether no event was lost or repeated, and every client holds the table."""
        return not self.faults and self.equal == self.clients


async def roll(load: Load, replacements: int, say: Say) -> Outcome:
    """Replace two servers behind nginx, one after the other, some times each."""
    async with _folder() as folder, _database(folder) as url:
        servers = [await _started(url, load), await _started(url, load)]
        nginx = Nginx(folder)
        try:
            async with (
                nginx.running(servers),
                fleet(load.clients, nginx.port) as clients,
                _writing(url, load) as written,
            ):
                await clients.until_ready(_SETTLE_S)
                say(f"{load.clients} clients are ready")
                for number in range(2 * replacements):
                    old = servers[number % 2]
                    servers[number % 2] = await _started(url, load)
                    await nginx.lead_to(servers)
                    await old.end(signal.SIGTERM)
                    await clients.until_ready(_SETTLE_S)
                    answer = await clients.ask()
                    say(
                        f"server {number % 2 + 1} is replaced: {answer['resumed']} of "
                        f"{answer['reconnects']} reconnects went on"
                    )
                await written.stop()
                answer = await clients.until_equal(await written.table(), _SETTLE_S)
        finally:
            for server in servers:
                await ended(server.process)
        return _outcome(answer, written.count)


async def restart(
    load: Load, restarts: int, number: signal.Signals, say: Say, *, keeps_state: bool
) -> Outcome:
    """End one server again and again at random moments, and start it again on the same port."""
    rng = random.Random(load.seed)
    async with _folder() as folder, _database(folder) as url, _reserved_port() as port:
        state = folder / "state" if keeps_state else None
        server = await _started(url, load, port=port, state=state)
        try:
            async with (
                fleet(load.clients, port) as clients,
                _writing(url, load) as written,
            ):
                await clients.until_ready(_SETTLE_S)
                say(f"{load.clients} clients are ready")
                for done in range(restarts):
                    await asyncio.sleep(rng.uniform(0.0, 2.0))
                    await server.end(number)
                    server = await _started(url, load, port=port, state=state)
                    await clients.until_ready(_SETTLE_S)
                    answer = await clients.ask()
                    say(
                        f"restart {done + 1} ({number.name}): {answer['resumed']} of "
                        f"{answer['reconnects']} reconnects went on"
                    )
                await written.stop()
                answer = await clients.until_equal(await written.table(), _SETTLE_S)
        finally:
            await ended(server.process)
        return _outcome(answer, written.count)


def _outcome(answer: dict[str, Any], writes: int) -> Outcome:
    return Outcome(
        answer["clients"],
        answer["equal"],
        answer["reconnects"],
        answer["resumed"],
        answer["faults"],
        answer["kinds"],
        writes,
    )


async def _started(url: str, load: Load, *, port: int = 0, state: Path | None = None) -> APIServer:
    server = await start_server(url, port=port, grace_s=load.grace_s, state=state)
    await server.ready()
    return server


@asynccontextmanager
async def _folder() -> AsyncIterator[Path]:
    with tempfile.TemporaryDirectory() as name:
        yield Path(name)


@asynccontextmanager
async def _reserved_port() -> AsyncIterator[int]:
    with ports.reserved() as port:
        yield port


@asynccontextmanager
async def _database(folder: Path) -> AsyncIterator[str]:
    async with embedded_database(folder) as url:
        await initialise(DatabaseURL.parse(url), TABLES)
        yield url


class _Writes:
    """The writes of a run: values that never come twice, and now and then a row that goes."""

    def __init__(self, writer: Writer, load: Load) -> None:
        self._writer = writer
        self._load = load
        self._rng = random.Random(load.seed)
        self._task: asyncio.Task[None] | None = None
        self._is_over = asyncio.Event()
        self.count = 0

    def start(self) -> None:
        self._task = asyncio.create_task(self._write())

    async def stop(self) -> None:
        """Write no more; whatever failed is raised."""
        self._is_over.set()  # to cancel a write would break the driver's connection
        task, self._task = self._task, None
        if task is not None:
            await task

    async def table(self) -> dict[str, str]:
        """The names of all policies by their ids."""
        rows = await self._writer.run(self._writer.table("policy").pluck("id", "name"))
        return {row["id"]: row["name"] async for row in rows}

    async def _write(self) -> None:
        loop = asyncio.get_running_loop()
        began_at = loop.time()
        while not self._is_over.is_set():
            number = self._rng.randrange(_POLICIES)
            if self._rng.random() < 0.1:
                await self._writer.run(self._writer.table("policy").get(f"p{number}").delete())
            else:
                row = {"id": f"p{number}", "name": f"policy {number % 10} of {self.count}"}
                term = self._writer.table("policy").insert(row, conflict="replace")
                await self._writer.run(term)
            self.count += 1
            due_at = began_at + self.count / self._load.writes_per_s
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout_at(due_at):
                    await self._is_over.wait()


@asynccontextmanager
async def _writing(url: str, load: Load) -> AsyncIterator[_Writes]:
    async with writing(DatabaseURL.parse(url)) as writer:
        writes = _Writes(writer, load)
        writes.start()
        try:
            yield writes
        finally:
            await writes.stop()
