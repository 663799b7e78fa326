"""The load: clients that come and go, and the one who writes.

Usage: python -m tests.soak.load SERVER_HOST SERVER_PORT DATABASE_URL STATUS_FILE

It goes on until it is terminated. It fails if a client is not served as it must be.
"""

from __future__ import annotations

import asyncio
import signal
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from random import Random
from typing import Any

import uvloop

from graphql_api.rethink.url import DatabaseURL
from tests.benchmarks import documents
from tests.server.database import Writer, writing
from tests.soak import status
from tests.soak.visits import QUICK, SLOW, Place, Visit
from tests.unit.schema.documents import DOMAIN_LOGIN, SCHEDULE

WRITES_PER_S = 50
POLICIES = 100
_LAST_POLICY = 10**12 - 1
"""Comes after all others in a merged batch, too, which has its changes in the order of the keys."""
_QUICK_VISITORS, _SLOW_VISITORS = 8, 4
"""How many there are at a time."""
_PAUSE_S = 0.1
"""How long a visitor's place stays empty."""
_STATUS_S = 0.5


@dataclass
class Count:
    """What has been done.

    Attributes:
        writes: How many writes.
        policy_writes: How many of them changed one of the policies that stay.
        visits: How many clients have come and gone.
    """

    writes: int = 0
    policy_writes: int = 0
    visits: int = 0


async def main(place: Place, database: DatabaseURL, status_file: Path) -> None:
    count = Count()
    is_over = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, is_over.set)
    async with writing(database) as writer:
        await writer.insert("policy", *(documents.policy(number) for number in range(POLICIES)))
        async with asyncio.TaskGroup() as tasks:
            work = [tasks.create_task(_write(writer, count))]
            for visits, number in ((QUICK, _QUICK_VISITORS), (SLOW, _SLOW_VISITORS)):
                work += [tasks.create_task(_visit(place, visits, count)) for _ in range(number)]
            work += [tasks.create_task(_tell(count, status_file))]
            await is_over.wait()
            for task in work:
                task.cancel()
    async with writing(database) as writer:  # a write that was cancelled has ended its connection
        count.policy_writes += 1
        await writer.insert("policy", documents.policy(_LAST_POLICY, count.policy_writes))
    _say(count, status_file)


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


async def _tell(count: Count, file: Path) -> None:
    while True:
        _say(count, file)
        await asyncio.sleep(_STATUS_S)


def _say(count: Count, file: Path) -> None:
    status.write(file, **asdict(count))


if __name__ == "__main__":
    server = Place(sys.argv[1], int(sys.argv[2]), Random())
    uvloop.run(main(server, DatabaseURL.parse(sys.argv[3]), Path(sys.argv[4])))
