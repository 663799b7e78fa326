"""After many clients have come and gone, by whatever way, nothing of them is left."""

from __future__ import annotations

import asyncio
import gc
import os
import socket
import threading
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path
from unittest.mock import Mock

import pytest

from graphql_api.embedded import EmbeddedServer
from graphql_api.embedded import server as server_module
from tests import ports
from tests.for_each import for_each
from tests.transcripts.wire_client import MAGIC, TIMEOUT_S, WireClient

pytestmark = pytest.mark.embedded_only

TABLE = [15, ["t"]]


def held() -> Counter[str]:
    """What there is; less of it than before is none of these clients' doing."""
    return Counter(
        descriptors=len(list(Path("/proc/self/fd").iterdir())),
        tasks=len(asyncio.all_tasks()),
        threads=threading.active_count(),
    )


async def eventually(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(TIMEOUT_S):
        while not condition():
            await asyncio.sleep(0)


async def polite(port: int) -> None:
    """Opens a feed, stops it, and hangs up."""
    async with await WireClient.connect(port) as client:
        client.send(1, [1, [152, [TABLE]], {}])
        await client.read()
        client.send(1, [3])
        await client.read()


async def leaves_feeds_open(port: int) -> None:
    """Hangs up with feeds, a held CONTINUE, a squash timer and half-read streams open."""
    async with await WireClient.connect(port) as client:
        for token, options in enumerate(({}, {"squash": 60}, {"include_initial": True})):
            client.send(token, [1, [152, [TABLE], options], {"max_batch_rows": 1}])
            await client.read()
            client.send(token, [2])
        client.send(7, [1, TABLE, {"max_batch_rows": 1}])
        await client.read()


async def resets(port: int) -> None:
    """Sends a RST in the middle of a query."""
    client = await WireClient.connect(port)
    client.send(1, [1, [152, [TABLE]], {}])
    client.writer.transport.abort()
    await client.close()


async def gives_up_the_handshake(port: int) -> None:
    async with await WireClient.open(port) as client:
        client.writer.write(MAGIC)


async def wrong_password(port: int) -> None:
    async with await WireClient.connect(port, "admin", "not it"):
        pass


async def drops_its_table(port: int) -> None:
    async with await WireClient.connect(port) as client:
        await client.run([60, ["dropped"]])
        client.send(10**6, [1, [152, [[15, ["dropped"]]]], {}])
        await client.read()
        await client.run([61, ["dropped"]])


@pytest.mark.parametrize(
    "behave",
    [
        polite,
        leaves_feeds_open,
        resets,
        gives_up_the_handshake,
        wrong_password,
        drops_its_table,
    ],
)
async def test_nothing_is_left_of_clients_that_are_gone(
    behave: Callable[[int], Awaitable[None]],
) -> None:
    async with EmbeddedServer(None) as server, await WireClient.connect(server.port) as client:
        await client.run([60, ["t"]])
        await client.run([56, [TABLE, [2, [{"id": number} for number in range(20)]]]])
        assert server._catalog is not None
        table = server._catalog.databases["test"].tables["t"]
        await behave(server.port)
        await eventually(lambda: len(server._connections) == 1)
        gc.collect()
        before = held()
        for _ in range(10):
            await behave(server.port)
        await eventually(lambda: len(server._connections) == 1)
        await eventually(lambda: not held() - before)
        assert not table.changefeeds


async def test_nothing_is_left_of_a_server_that_is_closed(tmp_path: Path) -> None:
    async def cycle() -> None:
        async with EmbeddedServer(tmp_path / "data.db") as server:
            clients = [await WireClient.connect(server.port) for _ in range(3)]
            await clients[0].run([60, ["t"]])
            for client in clients:
                client.send(1, [1, [152, [TABLE], {"squash": 60}], {}])
                await client.read()
                client.send(1, [2])
            clients[0].send(2, [1, [56, [TABLE, {"id": os.urandom(8).hex()}]], {}])
            stalled = await WireClient.open(server.port)
        for client in (*clients, stalled):
            await client.close()

    async def first() -> None:
        async with (
            EmbeddedServer(tmp_path / "data.db") as server,
            await WireClient.connect(server.port) as client,
        ):
            await client.run([57, ["unused"]])

    await first()
    gc.collect()
    before = held()
    for _ in range(10):
        await cycle()
        (tmp_path / "data.db").unlink()
    await eventually(lambda: not held() - before)


async def test_closing_the_server_does_not_wait_for_a_client_that_does_not_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for limit in ("_CLOSE_TIMEOUT_S", "_FLUSH_TIMEOUT_S"):
        monkeypatch.setattr(server_module, limit, 20 * TIMEOUT_S)
    async with asyncio.timeout(TIMEOUT_S), EmbeddedServer(None) as server:
        client = await WireClient.connect(server.port)
        text = "x" * 10**6
        for token in range(50):
            client.send(token, [1, text, {}])
        await client.read()
    await client.close()


async def test_connection_that_comes_just_when_the_server_closes_is_closed() -> None:
    writer = Mock(spec=asyncio.StreamWriter)
    async with EmbeddedServer(None) as server:
        server._accept(
            asyncio.StreamReader(), writer
        )  # its task has no step before it is cancelled
    writer.transport.abort.assert_called_once_with()


@for_each("steps", range(6))
async def test_no_client_that_comes_while_the_server_closes_waits_for_ever(steps: int) -> None:
    async with EmbeddedServer(None) as server:
        client = socket.create_connection((server.host, server.port))
        for _ in range(steps):
            await asyncio.sleep(0)
    with client:
        assert ports.is_ended(client)
