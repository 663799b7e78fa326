"""Jobs and their responses in the server's database, as the crawler writes them."""

from __future__ import annotations

import gzip
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from hashlib import blake2b
from typing import Any

import pytest

from graphql_api.log_feeds.surroundings import Surroundings
from graphql_api.rethink.url import DatabaseURL
from tests.server.client import Operation
from tests.server.database import Writer, writing

FOLLOW = """
    subscription ($jobId: ID!, $since: String, $kinds: [ResponseKind!]) {
        jobResponseAdded(jobId: $jobId, since: $since, kinds: $kinds) {
            cursor response { sequence kind url statusCode }
        }
    }
"""


@pytest.fixture
def no_row_is_late(monkeypatch: pytest.MonkeyPatch) -> None:
    """The clock stands still by which a row behind a higher one comes too late to be sent.

    A machine may then take longer than the bound between two rows.
    """

    def made(**given: Any) -> Surroundings:
        return Surroundings(**{**given, "clock": lambda: 1.0})

    monkeypatch.setattr("graphql_api.lifespan.Surroundings", made)


class Crawler:
    """Writes what the crawler writes.

    Args:
        writer: A connection to the database.
        job: The key of its job.
    """

    def __init__(self, writer: Writer, job: str = "j1") -> None:
        self._writer = writer
        self.job = job
        self.written: set[int] = set()

    async def begin(self) -> None:
        """Write the job."""
        document = {"id": self.job, "run_state": "running", "item_count": 0, "name": "a job"}
        await self._writer.insert("job", document)

    async def respond(self, *sequences: int, count: bool = True, **fields: Any) -> None:
        """Write responses, and count them."""
        documents = [response(sequence, self.job, **fields) for sequence in sequences]
        await self._writer.insert("response", *documents)
        self.written.update(sequences)
        if count:
            await self.set(item_count=len(self.written))

    async def set(self, **fields: Any) -> None:
        """Change the job."""
        await self._writer.run(self._writer.table("job").get(self.job).update(fields))

    async def body(self, content: bytes, *, is_compressed: bool) -> Any:
        """Write a body; returns the key by which a response names it."""
        stored = gzip.compress(content) if is_compressed else content
        return await self.stored(stored, is_compressed=is_compressed)

    async def stored(self, stored: bytes, *, is_compressed: bool) -> Any:
        """Write a body as it is stored; returns its key."""
        r = self._writer.r
        key = await self.missing_body(stored)
        document = {"id": key, "body": r.binary(stored), "is_compressed": is_compressed}
        await self._writer.insert("response_body", document)
        return key

    async def missing_body(self, content: bytes = b"") -> Any:
        """The key of a body that is not stored."""
        return self._writer.r.binary(blake2b(content, digest_size=16).digest())

    async def mark_as_compressed(self, key: Any) -> None:
        """Say of a body that it is gzip."""
        row = self._writer.table("response_body").get(key)
        await self._writer.run(row.update({"is_compressed": True}))

    async def delete_job(self) -> None:
        """Delete the job, and leave its responses."""
        await self._writer.run(self._writer.table("job").get(self.job).delete())

    async def delete(self) -> None:
        """Delete the job as Starbelly does: its responses first."""
        await self._writer.run(self._writer.table("response").filter({"job_id": self.job}).delete())
        await self._writer.run(self._writer.table("job").get(self.job).delete())


def response(sequence: int, job: str, **fields: Any) -> dict[str, Any]:
    """A response's document."""
    return {
        "sequence": sequence,
        "job_id": job,
        "url": f"http://site.example/{sequence}",
        "canonical_url": f"http://site.example/{sequence}",
        "duration": 0.25,
        "cost": 1.0,
        "is_success": True,
        "status_code": 200,
        "content_type": "text/html",
        "headers": ["CONTENT-TYPE", "text/html", "SERVER", "strange"],
        **fields,
    }


async def make_tables(writer: Writer) -> None:
    """Make the tables that hold jobs and their responses, where they are missing."""
    r = writer.r
    existing = await writer.run(writer.database().table_list())
    for name, key in (("job", "id"), ("response", "sequence"), ("response_body", "id")):
        if name not in existing:
            await writer.run(writer.database().table_create(name, primary_key=key))
        await writer.run(writer.table(name).wait())
    if "job_sync" not in await writer.run(writer.table("response").index_list()):
        fields = [r.row["job_id"], r.row["sequence"]]
        await writer.run(writer.table("response").index_create("job_sync", fields))
    await writer.run(writer.table("response").index_wait("job_sync"))


@asynccontextmanager
async def crawling(url: DatabaseURL, job: str = "j1") -> AsyncIterator[Crawler]:
    """A crawler with a running job."""
    async with writing(url) as writer:
        await make_tables(writer)
        crawler = Crawler(writer, job)
        await crawler.begin()
        yield crawler


async def received(operation: Operation, most: int) -> list[dict[str, Any]]:
    """So many events of a subscription."""
    return [await operation.change() for _ in range(most)]


async def to_the_end(operation: Operation) -> list[dict[str, Any]]:
    """The events of a subscription until it completes."""
    events: list[dict[str, Any]] = []
    while True:
        try:
            events.append(await operation.change())
        except StopAsyncIteration:
            return events


def sequences(events: list[dict[str, Any]]) -> list[int]:
    """The sequences of events."""
    return [event["response"]["sequence"] for event in events]
