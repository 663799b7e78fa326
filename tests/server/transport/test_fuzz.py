"""Random and mutated frames over real sockets: no traceback, no hang, and nothing left behind."""

from __future__ import annotations

import asyncio
import json
import logging
import random
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed

from tests.server.transport.test_websocket import nothing_left
from tests.server.transport.toy import Client, Running, connected, opened, serve

GOOD: list[dict[str, Any]] = [
    {"type": "connection_init"},
    {"type": "connection_init", "payload": {"since": {"a": "x"}}},
    {"type": "ping"},
    {"type": "ping", "payload": {"a": [1, None, "ä"]}},
    {"type": "pong"},
    {"type": "subscribe", "id": "a", "payload": {"query": "{ hello }"}},
    {"type": "subscribe", "id": "b", "payload": {"query": "subscription { silence }"}},
    {"type": "subscribe", "id": "c", "payload": {"query": "subscription { rows { value } }"}},
    {
        "type": "subscribe",
        "id": "d",
        "payload": {
            "query": "query ($n: String!) { hello(name: $n) }",
            "variables": {"n": "x"},
            "operationName": None,
            "extensions": {},
        },
    },
    {"type": "complete", "id": "a"},
    {"type": "complete", "id": "b"},
    {"type": "complete", "id": "c"},
]
ODD: list[Any] = [None, True, 0, -1, 1.5, 10**30, "", "a", "\ud800", "{", [], [[]], {}, {"a": 1}]
CLOSE_CODES = {1000, 1007, 4400, 4401, 4403, 4408, 4409, 4429}


def mutated(rng: random.Random, value: Any) -> Any:
    """A JSON value with something odd somewhere in it."""
    if isinstance(value, dict) and value and rng.random() < 0.8:
        key = rng.choice(list(value))
        if rng.random() < 0.2:
            return {k: v for k, v in value.items() if k != key}
        return value | {key: mutated(rng, value[key])}
    return rng.choice(ODD)


def frame(rng: random.Random) -> str | bytes:
    """A frame that a good client might send, or a bad one."""
    kind = rng.random()
    message = rng.choice(GOOD)
    if kind < 0.6:
        return json.dumps(message)
    if kind < 0.8:
        return json.dumps(mutated(rng, message))
    text = json.dumps(message)
    if kind < 0.9:
        at = rng.randrange(len(text))
        return text[:at] + rng.choice('{}[]":,\\x0\x00ä') + text[at + rng.randrange(3) :]
    if kind < 0.95:
        return "".join(chr(rng.randrange(1, 0xD800)) for _ in range(rng.randrange(20)))
    return rng.randbytes(rng.randrange(20))


async def abuse(running: Running, rng: random.Random, frames: int) -> None:
    """Send frames, on as many sockets as it takes."""
    while frames > 0:
        async with opened(running) as client:
            if rng.random() < 0.8:
                await client.send({"type": "connection_init"})
            reading = asyncio.create_task(drained(client))
            try:
                for _ in range(min(frames, 50)):
                    frames -= 1
                    await client.socket.send(frame(rng))
                    if rng.random() < 0.1:
                        await asyncio.sleep(0)
            except ConnectionClosed:
                pass
            if rng.random() < 0.2:
                client.socket.transport.abort()
            await client.socket.close()
            await reading
            if client.socket.protocol.close_rcvd is not None:
                assert client.socket.close_code in CLOSE_CODES


async def drained(client: Client) -> None:
    try:
        async for text in client.socket:
            json.loads(text)
    except ConnectionClosed:
        pass


FRAMES = 20_000


async def test_any_frames_are_answered_as_the_protocol_has_it(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with serve() as running, connected(running) as good:
        async with asyncio.TaskGroup() as tasks:
            for i in range(10):
                tasks.create_task(abuse(running, random.Random(i), FRAMES // 10))
            for i in range(FRAMES // 50):
                await good.subscribe(f'{{ hello(name: "{i}") }}')
                assert (await good.receive())["payload"] == {"data": {"hello": f"hello {i}"}}
                assert (await good.receive())["type"] == "complete"
        await running.toys.wait_for(lambda: running.app.connections == 1)
        await good.socket.close()
        await nothing_left(running)
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []
