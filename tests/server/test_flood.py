"""Many changes at once: those who can take them get each of them."""

from __future__ import annotations

import asyncio

from tests.benchmarks.documents import marker, policy
from tests.benchmarks.load_client import LoadClient
from tests.server.client import WAIT_S
from tests.server.database import Writer
from tests.server.running import Running, until_ready

SUBSCRIBERS = 15
ROWS = 20
CHANGES = 300
"""Far more than a subscription queues, and no more than the kernel takes for each socket: however
seldom a busy machine gives the client's thread its turn, it is fast enough."""


async def test_fast_clients_get_each_change_of_a_flood_unmerged(
    server: Running, writer: Writer
) -> None:
    await until_ready(server)  # or a subscription begins with two statuses
    client = LoadClient()
    try:
        # In a thread, since it blocks, and the server runs in this one.
        await asyncio.to_thread(client.connect, server.host, server.port, SUBSCRIBERS)
        client.subscribe({"includeInitial": False})
        await asyncio.to_thread(client.until, 1)
        client.reset()
        receiving = asyncio.create_task(asyncio.to_thread(client.until, CHANGES, timeout_s=WAIT_S))
        *changes, last = (policy(write % ROWS, write) for write in range(CHANGES))
        await writer.insert("policy", *changes)
        await writer.insert("policy", last)  # RethinkDB tells the rows of one insert in any order
        await receiving
        client.check(CHANGES, marker(CHANGES - 1).encode())
    finally:
        client.close()
