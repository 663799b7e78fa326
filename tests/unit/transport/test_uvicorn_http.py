"""What one HTTP connection may ask at once, and what it waits for."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import uvicorn
from uvicorn.server import ServerState

from graphql_api.server import listen
from graphql_api.transport.uvicorn_http import StreamingProtocol

REQUEST = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
WAIT_S = 10.0


class Served:
    """A protocol whose application answers once it is let go."""

    def __init__(self) -> None:
        self.go = asyncio.Event()
        self.connected = asyncio.Event()
        self.protocol: StreamingProtocol
        self.most_waiting = 0

    def make(self) -> StreamingProtocol:
        config = uvicorn.Config(self._app, interface="asgi3", log_config=None)
        self.protocol = StreamingProtocol(config=config, server_state=ServerState(), app_state={})
        self.connected.set()
        return self.protocol

    async def _app(self, scope: Any, receive: Any, send: Any) -> None:
        await self.go.wait()
        self.most_waiting = max(self.most_waiting, len(self.protocol.pipeline))
        headers = [(b"content-length", b"2")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"ok"})


@asynccontextmanager
async def serving() -> AsyncIterator[tuple[Served, asyncio.StreamReader, asyncio.StreamWriter]]:
    served = Served()
    listener = listen("127.0.0.1", 0)
    server = await asyncio.get_running_loop().create_server(served.make, sock=listener)
    reader, writer = await asyncio.open_connection(*listener.getsockname())
    await served.connected.wait()
    try:
        async with asyncio.timeout(WAIT_S):
            yield served, reader, writer
    finally:
        writer.transport.abort()
        with suppress(ConnectionError):
            await writer.wait_closed()
        server.close()
        await asyncio.gather(*served.protocol.tasks)


async def test_nothing_that_is_written_waits_for_an_acknowledgement() -> None:
    async with serving() as (served, _, _):
        sock = served.protocol.transport.get_extra_info("socket")
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) != 0


async def test_requests_that_are_sent_at_once_are_all_answered_and_few_of_them_wait() -> None:
    number = 5000
    async with serving() as (served, reader, writer):
        writer.write(REQUEST * number)
        served.go.set()
        answers = b""
        while answers.count(b"HTTP/1.1 200 OK") < number:
            part = await reader.read(65_536)
            assert part
            answers += part
        assert 0 < served.most_waiting < 200
        writer.write(REQUEST)
        assert await reader.readline() == b"HTTP/1.1 200 OK\r\n"


async def test_little_is_read_of_a_client_that_waits_for_its_answer() -> None:
    async with serving() as (served, reader, writer):
        writer.write(REQUEST * 300_000)
        while served.protocol.transport.is_reading():
            await asyncio.sleep(0)
        assert 0 < len(served.protocol.pipeline) < 200
        assert writer.transport.get_write_buffer_size() > 0
        served.go.set()
        assert await reader.readline() == b"HTTP/1.1 200 OK\r\n"
