"""Whatever bytes clients send, a good client is served as if it were alone, and nothing is left."""

from __future__ import annotations

import asyncio
import json
import logging
from collections import Counter
from random import Random
from typing import Any

import pytest

from graphql_api.rethink.url import DatabaseURL
from tests.clients.load import policy
from tests.conformance import raw_websocket
from tests.conformance.conversation import init, ping
from tests.conformance.frames import anything
from tests.conformance.raw_websocket import WAIT_S, Frame, Opcode, RawWebSocket
from tests.conformance.servers import OurServer, our_server
from tests.server.client import Client, Operation, connected
from tests.server.database import Writer
from tests.server.operations import POLICIES, Replica
from tests.server.running import settings_for
from tests.unit.rethink.leaks import sockets

_CLIENTS = 8
_FENCE = {"fence": True}
_MOST_FRAMES = 40
"""How many frames a bad client sends on one connection, at most."""
_TYPES = {"connection_ack", "pong", "next", "error", "complete"}
_CLOSE_CODES = {1002, 1007, 1009, 4400, 4401, 4406, 4409, 4429}
"""What the server itself may close with; a client's own code is sent back to it."""


class BadClient:
    """Sends frames on one connection after the other, and sees that each is well answered.

    Attributes:
        frames: How many the server was sent on connections that stood.
        ends: How the connections ended: by the server's close code, or by what the client did.
    """

    def __init__(self, server: OurServer, rng: Random) -> None:
        self._server = server
        self._rng = rng
        self._is_answered = asyncio.Event()
        self._sent: list[object] = []
        self.frames = 0
        self.ends: Counter[int | str] = Counter()

    async def send(self, number: int) -> None:
        """Send so many frames, on as many connections as it takes."""
        while self.frames < number:
            subprotocols = ("graphql-transport-ws",) if self._rng.random() < 0.98 else ("other",)
            async with raw_websocket.raw_websocket(
                self._server.host, self._server.port, subprotocols
            ) as socket:
                self._sent = [subprotocols]
                try:
                    async with asyncio.timeout(WAIT_S), asyncio.TaskGroup() as tasks:
                        reading = tasks.create_task(self._read(socket))
                        end = await self._send(socket, reading, number)
                except Exception as error:
                    error.add_note(f"on the connection with {self._sent}")
                    raise
                self.ends[reading.result() or end] += 1

    async def _send(
        self, socket: RawWebSocket, reading: asyncio.Task[int | None], number: int
    ) -> str:
        """Send some frames, and then make an end of the connection."""
        rng = self._rng
        if rng.random() < 0.9:
            self._sent.append("init")
            await socket.send(raw_websocket.text(json.dumps(init())))
        may_swallow = False
        for _ in range(rng.randrange(_MOST_FRAMES)):
            if reading.done() or may_swallow or self.frames == number:
                break
            sent = anything(rng)
            self.frames += 1
            may_swallow = sent.may_swallow
            self._sent.append(sent.data)
            at = rng.randrange(len(sent.data) + 1) if rng.random() < 0.2 else 0
            await socket.send(sent.data[:at])
            await asyncio.sleep(0)
            await socket.send(sent.data[at:])
            if not may_swallow and rng.random() < 0.7:
                self._is_answered.clear()
                if reading.done():
                    break
                await socket.send(raw_websocket.text(json.dumps(ping(_FENCE))))
                self._sent.append("fence")
                await self._is_answered.wait()
        end = "end" if may_swallow else rng.choice(["reset", "end", "close"])
        match end:
            case "reset":
                socket.abort()
            case "close":
                await socket.send(raw_websocket.close(1000))
            case _:
                socket.end()
        return end

    async def _read(self, socket: RawWebSocket) -> int | None:
        """Check what the server sends, until the end; with which code it closed, if it did."""
        try:
            while (frame := await socket.receive()) is not None:
                match frame.opcode:
                    case Opcode.TEXT:
                        message = json.loads(frame.payload.decode())
                        assert message["type"] in _TYPES
                        if message == {"type": "pong", "payload": _FENCE}:
                            self._is_answered.set()
                    case Opcode.CLOSE:
                        return await self._closed(socket, frame)
                    case opcode:
                        assert opcode is Opcode.PONG
        finally:
            self._is_answered.set()
        return None

    async def _closed(self, socket: RawWebSocket, last: Frame) -> int | None:
        assert len(last.reason.encode()) <= 123
        await socket.send(raw_websocket.frame(Opcode.CLOSE, last.payload[:2]))
        # A ping has a right to its pong until the client's close frame (5.5.2).
        while (frame := await socket.receive()) is not None:
            assert frame.opcode is Opcode.PONG, "no message follows a close frame"
        return last.code if last.code in _CLOSE_CODES else None


class GoodClient:
    """Asks and writes without a pause, and watches what it writes.

    Attributes:
        answers: How many it was given.
        slowest_s: How long it waited for one, at most.
    """

    def __init__(self, client: Client, writer: Writer) -> None:
        self._client = client
        self._writer = writer
        self._replica = Replica(POLICIES)
        self.answers = 0
        self.slowest_s = 0.0

    async def watch(self) -> Operation:
        """Begin to watch the policies."""
        operation = await self._client.subscribe(POLICIES.subscription)
        for change in await operation.until_status("READY"):
            self._replica.apply(change)
        return operation

    async def ask(self, operation: Operation, work: asyncio.Future[Any]) -> None:
        """Ask until some work is done, and until what is watched is what is there."""
        loop = asyncio.get_running_loop()
        while not work.done():
            began_s = loop.time()
            result = await self._client.execute("query($n: String!) { hello(name: $n) }", n="you")
            assert result == {"data": {"hello": "hello you"}}
            self.slowest_s = max(self.slowest_s, loop.time() - began_s)
            self.answers += 1
            key = f"policy {self.answers % 20}"
            await self._writer.insert("policy", policy(key, f"name {self.answers}"))
        await self._writer.insert("policy", policy("last", "last"))
        while "last" not in self._replica.rows:
            self._replica.apply(await operation.change())
        page = (await self._client.execute(POLICIES.query))["data"]["policies"]
        assert self._replica.rows == {row["id"]: row for row in page["items"]}
        assert self._replica.snapshots == 1
        assert self._replica.outages == 0


async def _fuzz(server: OurServer, seed: int, frames: int) -> Counter[int | str]:
    """Have several bad clients send so many frames; how their connections ended."""
    clients = [BadClient(server, Random(f"{seed} {n}")) for n in range(_CLIENTS)]
    async with asyncio.TaskGroup() as tasks:
        for client in clients:
            tasks.create_task(client.send(-(-frames // _CLIENTS)))
    assert sum(client.frames for client in clients) >= frames
    return sum((client.ends for client in clients), Counter())


@pytest.mark.parametrize(
    ("frames", "seed"),
    [
        (500, 1),
        pytest.param(20_000, 2, marks=[pytest.mark.long, pytest.mark.timeout(600)]),
    ],
)
async def test_any_frames_leave_the_server_as_it_was(
    frames: int,
    seed: int,
    starbelly: DatabaseURL,
    writer: Writer,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.WARNING)
    settings = settings_for(
        starbelly, max_message_bytes=65_536, max_subscriptions=3, max_queries=3, graphiql=False
    )
    async with our_server(settings) as server, connected(server.url) as client:
        good = GoodClient(client, writer)
        watching = await good.watch()
        await _fuzz(server, 0, 50)  # whatever is made once has been made then
        await server.until_only(connections=1, operations=1)
        open_sockets, tasks = sockets(), len(asyncio.all_tasks())

        async with asyncio.timeout(500), asyncio.TaskGroup() as group:
            fuzzing = group.create_task(_fuzz(server, seed, frames))
            group.create_task(good.ask(watching, fuzzing))

        await server.until_only(connections=1, operations=1)
        await server.until(lambda: len(asyncio.all_tasks()) <= tasks)
        await server.until(lambda: sockets() <= open_sockets)
        feeds = (await client.execute("{ feeds { table subscribers } }"))["data"]["feeds"]
        subscribers = {feed["table"]: feed["subscribers"] for feed in feeds}
        assert subscribers.pop("policy") == 1
        assert set(subscribers.values()) == {0}
    assert caplog.records == []
    print(  # noqa: T201 - shown by `pytest -s`
        f"\n{frames} frames on {fuzzing.result().total()} connections, which ended so: "
        f"{dict(fuzzing.result().most_common())}; {good.answers} answers to the good "
        f"client, the slowest after {good.slowest_s:.3f} s"
    )
