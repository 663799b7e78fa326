"""The load: subscribers that stay, clients that come and go, and the one who writes.

Usage: python -m tests.soak.load SERVER_HOST SERVER_PORT DATABASE_URL STATUS_FILE SUBSCRIBERS

It goes on until it is terminated. It fails if a client is not served as it must be: one that
stays is closed, or lacks the last write in the end.
"""

from __future__ import annotations

import asyncio
import signal
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import uvloop

from graphql_api.rethink.url import DatabaseURL
from tests.benchmarks import documents
from tests.benchmarks.load_client import LoadClient, Variables, connected
from tests.server.database import Writer, writing
from tests.soak import status
from tests.soak.visits import QUICK, SLOW, Place, Visit
from tests.unit.schema.documents import DOMAIN_LOGIN, SCHEDULE

WRITES_PER_S = 50
POLICIES = 100
_QUICK_VISITORS, _SLOW_VISITORS = 8, 4
"""How many there are at a time, beside those that stay."""
_PAUSE_S = 0.05
"""How long a visitor's place stays empty."""
_POLL_S = 0.005
_STATUS_S = 0.5
_LAST_S = 30.0


@dataclass
class Count:
    """What has been done."""

    writes: int = 0
    policy_writes: int = 0
    visits: int = 0


async def main(place: Place, database: DatabaseURL, status_file: Path, subscribers: int) -> None:
    count = Count()
    async with writing(database) as writer:
        await writer.insert("policy", *(documents.policy(number) for number in range(POLICIES)))
        with connected(place.host, place.port, subscribers) as steady:
            steady.subscribe(_operations())
            steady.until(1)
            steady.reset()
            await _load(place, writer, steady, count, status_file)
            async with writing(database) as last:  # a write that was cancelled ends its connection
                await _converge(last, steady, count)


async def _load(
    place: Place, writer: Writer, steady: LoadClient, count: Count, status_file: Path
) -> None:
    is_over = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, is_over.set)
    async with asyncio.TaskGroup() as tasks:
        try:
            reading = tasks.create_task(asyncio.to_thread(_read, steady, is_over))
            work = [tasks.create_task(_write(writer, count))]
            for visits, number in ((QUICK, _QUICK_VISITORS), (SLOW, _SLOW_VISITORS)):
                work += [tasks.create_task(_visit(place, visits, count)) for _ in range(number)]
            work += [tasks.create_task(_tell(steady, count, status_file))]
            await is_over.wait()
        finally:
            is_over.set()  # for the thread, too
        for task in work:
            task.cancel()
        await reading


def _operations() -> list[Variables]:
    """Four in five watch the same, each of the rest one of ten filters, which all policies pass."""
    live: Variables = {"includeInitial": False}
    own = [{"includeInitial": False, "where": where} for where in documents.own_filters(10)]
    return [variables for each in own for variables in (live, live, live, live, each)]


def _read(steady: LoadClient, is_over: asyncio.Event) -> None:
    while not is_over.is_set():
        steady.poll(0.1)
        time.sleep(_POLL_S)  # and take what has come meanwhile in one go


async def _write(writer: Writer, count: Count) -> None:
    """Change policies mostly; insert, update and delete one row of each table now and then."""
    next_s = time.monotonic()
    while True:
        count.writes += 1
        await _write_one(writer, count)
        next_s = max(next_s + 1 / WRITES_PER_S, time.monotonic() - 1)
        await asyncio.sleep(max(0, next_s - time.monotonic()))


async def _write_one(writer: Writer, count: Count) -> None:
    number = count.writes // 10
    row = number % 20
    other: tuple[str, str, Any] = {
        0: ("policy", "id", documents.policy(POLICIES + row)),
        1: ("schedule", "id", SCHEDULE | {"id": f"s{row}", "job_name": f"{number}"}),
        2: (
            "domain_login",
            "domain",
            DOMAIN_LOGIN | {"domain": f"d{row}", "login_test": f"{number}"},
        ),
    }[number % 3]
    match count.writes % 10:
        case 0:
            table, _, document = other
            await writer.insert(table, document)
        case 5:
            table, key, document = other
            await writer.run(writer.table(table).get(document[key]).delete())
        case _:
            await _write_policy(writer, count)


async def _write_policy(writer: Writer, count: Count) -> None:
    count.policy_writes += 1
    written = count.policy_writes
    await writer.insert("policy", documents.policy(written % POLICIES, written))


async def _visit(place: Place, visits: Sequence[Visit], count: Count) -> None:
    while True:
        visit = place.rng.choice(visits)
        try:
            await visit(place)
        except Exception as error:
            error.add_note(f"a client that {visit.__name__}")
            raise
        count.visits += 1
        await asyncio.sleep(_PAUSE_S)


async def _tell(steady: LoadClient, count: Count, file: Path) -> None:
    while True:
        status.write(file, messages=steady.messages, writes=count.writes, visits=count.visits)
        await asyncio.sleep(_STATUS_S)


async def _converge(writer: Writer, steady: LoadClient, count: Count) -> None:
    """Everybody who stayed has the last write, and had no message but changes."""
    await _write_policy(writer, count)
    marker = documents.marker(count.policy_writes).encode()
    deadline_s = time.monotonic() + _LAST_S
    while not all(marker in subscriber.end for subscriber in steady.subscribers):
        if time.monotonic() > deadline_s:
            raise TimeoutError("a subscriber does not receive the last write")
        steady.poll(0.1)


if __name__ == "__main__":
    uvloop.run(
        main(
            Place(sys.argv[1], int(sys.argv[2]), Random()),
            DatabaseURL.parse(sys.argv[3]),
            Path(sys.argv[4]),
            int(sys.argv[5]),
        )
    )
