"""A program that writes policies as fast as it can, over outages, until its input is closed.

Usage: python -m tests.fault.write_load PORT WRITERS

It prints a line for every hundred writes that were acknowledged, and at last how many there were.
"""

from __future__ import annotations

import asyncio
import sys
from dataclasses import dataclass
from typing import Any

from rethinkdb.errors import ReqlError

from graphql_api.rethink.url import DatabaseURL
from tests.server.database import writing

KEYS = 50


@dataclass
class Count:
    """How many writes were acknowledged."""

    acknowledged: int = 0

    def add(self) -> None:
        self.acknowledged += 1
        if self.acknowledged % 100 == 0:
            print(self.acknowledged, flush=True)  # noqa: T201 - its output


def term(writer: Any, number: int, n: int) -> Any:
    """The `n`-th write of a writer: mostly a new value, now and then a delete."""
    key = f"p{(number * 7 + n) % KEYS}"
    if n % 5 == 4:
        return writer.table("policy").get(key).delete()
    return writer.table("policy").insert({"id": key, "name": f"{number}.{n}"}, conflict="replace")


async def write(url: DatabaseURL, number: int, count: Count) -> None:
    n = 0
    while True:
        try:
            async with asyncio.timeout(10), writing(url) as writer:
                while True:
                    async with asyncio.timeout(10):
                        await writer.run(term(writer, number, n))
                    n += 1
                    count.add()
        except (ReqlError, OSError, TimeoutError):
            await asyncio.sleep(0.05)  # the database is away


async def main(port: int, writers: int) -> None:
    url = DatabaseURL("127.0.0.1", port, "starbelly")
    count = Count()
    tasks = [asyncio.create_task(write(url, number, count)) for number in range(writers)]
    await asyncio.to_thread(sys.stdin.read)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    print(count.acknowledged, flush=True)  # noqa: T201 - its output


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), int(sys.argv[2])))
