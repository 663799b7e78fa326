"""A job with responses and bodies, and older jobs, for attacks on what reads them."""

from __future__ import annotations

import asyncio
import zlib
from datetime import UTC, datetime, timedelta
from uuid import UUID

from tests.benchmarks import jobs
from tests.benchmarks.database import Database
from tests.server.results import crawling

JOB = "j1"
BODIES_JOB = UUID(int=1)
"""A job of which every response has a body that is as large as Starbelly's clients get one."""

JOBS = 500
"""How many jobs the feed holds, and how many older ones there are besides."""

RESPONSES = 2000
BOMB, LARGE = 1, 2
"""The sequences of responses whose bodies inflate to much, and are much."""

_HEADERS = ["CONTENT-TYPE", "text/html", *(f"X-{number}" for number in range(100))]
_INFLATED_MB = 512
BODY_BYTES = 16 * 1024 * 1024
_AT_ONCE = 200


def crawl(stored: Database) -> None:
    """Write them all."""
    asyncio.run(_responses(stored))
    now = datetime.now(UTC)
    old = now - timedelta(days=4000)
    ends = [(0, now), (JOBS, old)]
    stored.put("job", [jobs.job(n + i, ended=end) for n, end in ends for i in range(JOBS)])


async def _responses(stored: Database) -> None:
    async with crawling(stored.url, JOB) as crawler:
        bomb = await crawler.stored(_bomb(), is_compressed=True)
        large = await crawler.body(bytes(BODY_BYTES), is_compressed=False)
        await crawler.respond(BOMB, body_id=bomb)
        await crawler.respond(LARGE, body_id=large)
        for first in range(LARGE + 1, RESPONSES, _AT_ONCE):
            numbers = range(first, min(first + _AT_ONCE, RESPONSES))
            await crawler.respond(*numbers, headers=_HEADERS)
    async with crawling(stored.url, str(BODIES_JOB)) as crawler:
        body = await crawler.body(bytes(BODY_BYTES), is_compressed=False)
        await crawler.respond(*range(RESPONSES, RESPONSES + 20), body_id=body)


def _bomb() -> bytes:
    """Some hundred megabytes of zeros as gzip."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 16 + zlib.MAX_WBITS)
    zeros = bytes(1024 * 1024)
    parts = [packer.compress(zeros) for _ in range(_INFLATED_MB)]
    return b"".join([*parts, packer.flush()])
