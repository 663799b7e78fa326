"""A table that changes all the time, and connections that are cut at random."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from random import Random
from typing import Any

from tests.clients.tcp_proxy import Cut
from tests.server.client import Client
from tests.server.database import Writer
from tests.server.operations import POLICIES
from tests.unit.schema.documents import POLICY


def policy(key: str, name: str) -> dict[str, Any]:
    return POLICY | {"id": key, "name": name}


async def table(client: Client, where: dict[str, Any] | None) -> dict[str, dict[str, Any]]:
    """The rows that pass a filter, by their keys, as a query gives them."""
    result = await client.execute(POLICIES.query, where=where)
    assert "errors" not in result, result
    return {row["id"]: row for row in result["data"]["policies"]["items"]}


async def write_and_see(key: str, client: Client, writer: Writer) -> None:
    """Insert a row, and wait until the server's feed has it, and so all that was written before."""
    operation = await client.subscribe(POLICIES.subscription, where={"ids": [key]})
    await operation.until_status("READY")
    await writer.insert("policy", policy(key, "alpha beta"))
    await operation.change()
    await operation.complete()


async def write_at_random(writer: Writer, rng: Random, number: int) -> str:
    """Write one of twenty policies, or delete it; its name makes it enter and leave filters.

    Returns:
        Its key.
    """
    key = f"policy {rng.randrange(20)}"
    if rng.random() < 0.25:
        await writer.run(writer.table("policy").get(key).delete())
    else:
        name = f"{rng.choice(['alpha', 'beta', 'Alpha Beta', 'gamma'])} {number}"
        await writer.insert("policy", policy(key, name))
    return key


@asynccontextmanager
async def write_load(writer: Writer, rng: Random) -> AsyncIterator[list[str]]:
    """Random writes until the context is left; the list has the key of each."""
    writes: list[str] = []

    async def write() -> None:
        while True:
            writes.append(await write_at_random(writer, rng, len(writes)))
            if is_over.is_set():
                return

    is_over = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        group.create_task(write())
        try:
            yield writes
        finally:
            is_over.set()


def random_cuts(rng: Random, number: int, *, last_bytes: int = 100_000) -> Iterator[Cut]:
    """Cuts while the socket is opened, while it is caught up, and later; most within a message.

    Args:
        rng: Where chance comes from.
        number: How many.
        last_bytes: After how many bytes the last one comes at the latest.
    """
    for _ in range(number):
        least, most = rng.choice([(0, 400), (400, 5_000), (5_000, last_bytes)])
        yield Cut(rng.randrange(least, most), reset=rng.random() < 0.5)
