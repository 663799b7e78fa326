"""A TCP proxy that delays each answer of a database, as a network or a busy database does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from random import Random

from graphql_api.listeners import stop_listening
from graphql_api.rethink.url import DatabaseURL

MOST_S = 0.2


@asynccontextmanager
async def delayed(url: DatabaseURL) -> AsyncIterator[DatabaseURL]:
    """A database whose answers come up to `MOST_S` late, each by another time, and in order."""
    chance = Random()
    tasks: set[asyncio.Task[None]] = set()
    clients: set[asyncio.StreamWriter] = set()
    is_closing = False

    def take(reader: asyncio.StreamReader, client: asyncio.StreamWriter) -> None:
        if is_closing:  # it was accepted before the listener was closed
            client.transport.abort()
            return
        clients.add(client)
        task = asyncio.ensure_future(_forward(url, reader, client, chance))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    listener = await asyncio.start_server(take, "127.0.0.1", 0)
    try:
        yield replace(url, host="127.0.0.1", port=listener.sockets[0].getsockname()[1])
    finally:
        is_closing = True
        await stop_listening(listener)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for client in clients:
            client.transport.abort()
        await listener.wait_closed()


async def _forward(
    url: DatabaseURL, reader: asyncio.StreamReader, client: asyncio.StreamWriter, chance: Random
) -> None:
    writers = [client]
    try:
        answers, database = await asyncio.open_connection(url.host, url.port)
        writers.append(database)
        async with asyncio.TaskGroup() as group:
            asking = group.create_task(_ask(reader, database))
            await _answer(answers, client, chance)
            asking.cancel()
    except* OSError:
        pass  # a side has gone, and so goes the other
    finally:
        for writer in writers:
            writer.close()


async def _ask(reader: asyncio.StreamReader, database: asyncio.StreamWriter) -> None:
    while data := await reader.read(2**16):
        database.write(data)
        await database.drain()
    database.close()


async def _answer(
    answers: asyncio.StreamReader, client: asyncio.StreamWriter, chance: Random
) -> None:
    """Let what comes through when its time has come, while more comes."""
    clock = asyncio.get_running_loop().time
    underway: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(100)

    async def receive() -> None:
        while data := await answers.read(2**16):
            await underway.put((clock() + chance.uniform(0, MOST_S), data))
        await underway.put((0.0, b""))

    async with asyncio.TaskGroup() as group:
        group.create_task(receive())
        while True:
            due_s, data = await underway.get()
            if not data:
                return
            await asyncio.sleep(max(0.0, due_s - clock()))
            client.write(data)
            await client.drain()
