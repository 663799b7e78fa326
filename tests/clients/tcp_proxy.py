"""A TCP proxy that forwards bytes, and cuts a connection after a chosen number of them.

async with TCPProxy(server.host, server.port) as proxy:
    ...                              # connect to proxy.host, proxy.port
    proxy.plan([Cut(1000, reset=True), Cut(20, reset=False)])
    ...                              # the client connects again and again
    assert proxy.cuts == 2
"""

from __future__ import annotations

import asyncio
import socket
import struct
from asyncio import StreamReader, StreamWriter
from collections import deque
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from graphql_api.listeners import stop_listening


@dataclass(frozen=True, slots=True)
class Cut:
    """Where a connection ends.

    Attributes:
        after_bytes: So much of what the server sends is still forwarded, wherever in a message
            that is. Of what was sent last, a reset may destroy some more.
        reset: Whether the client sees a reset (RST) or an orderly end (FIN).
    """

    after_bytes: int
    reset: bool


@dataclass(eq=False, slots=True)
class _Link:
    """One connection of a client, and that to the server behind it."""

    client: StreamWriter
    server: StreamWriter
    cut: Cut | None = None
    sent_bytes: int = 0
    """What the client got since `cut` was set."""
    is_cut: bool = False


class TCPProxy:
    """Stands between clients and one server, on a loopback port of its own.

    Attributes:
        cuts: How many connections it has cut.
        connections: How many it has taken.
    """

    def __init__(self, server_host: str, server_port: int) -> None:
        self._server_address = (server_host, server_port)
        self._links: set[_Link] = set()
        self._planned: deque[Cut] = deque()
        self._clients: set[StreamWriter] = set()
        self._listener: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._was_cut = asyncio.Event()
        self._is_open = asyncio.Event()
        self._is_open.set()
        self._is_closing = False
        self.cuts = 0
        self.connections = 0
        self.host = "127.0.0.1"
        self.port = 0

    async def __aenter__(self) -> Self:
        self._listener = await asyncio.start_server(self._take, self.host, 0)
        self.port = self._listener.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        assert self._listener is not None
        self._is_closing = True
        await stop_listening(self._listener)
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        # What a client has not read would keep its connection until the loop ends, and longer.
        for client in self._clients:
            client.transport.abort()
            with suppress(OSError):
                await client.wait_closed()
        await self._listener.wait_closed()

    def plan(self, cuts: Iterable[Cut]) -> None:
        """Cut the connection that is open, then each that follows: one cut for each of them."""
        self._planned.extend(cuts)
        for link in self._links:
            if link.cut is None and self._planned:
                link.cut = self._planned.popleft()

    def cut_now(self) -> None:
        """Cut every connection that is open, in order; what waits to be sent is sent still."""
        for link in self._links:
            link.is_cut = True
            self.cuts += 1
            _close(link.client, reset=False)

    def hold(self) -> None:
        """Let new connections wait, from when they are taken, until `release`."""
        self._is_open.clear()

    def release(self) -> None:
        """Let connections through again."""
        self._is_open.set()

    @property
    def is_done(self) -> bool:
        """Whether everything planned has happened."""
        return not self._planned and all(link.cut is None or link.is_cut for link in self._links)

    def lead_to(self, server_host: str, server_port: int) -> None:
        """Lead new connections to another server."""
        self._server_address = (server_host, server_port)

    @property
    def open(self) -> int:
        """How many connections there are that neither have been cut nor are to be."""
        return sum(link.cut is None and not link.is_cut for link in self._links)

    async def done(self) -> None:
        """Wait until everything planned has happened."""
        while not self.is_done:
            self._was_cut.clear()
            await self._was_cut.wait()

    def _take(self, reader: StreamReader, client: StreamWriter) -> None:
        if self._is_closing:  # it was accepted before the listener was closed
            client.transport.abort()
            return
        self._clients.add(client)
        task = asyncio.create_task(self._forward(reader, client))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _forward(self, client_reader: StreamReader, client: StreamWriter) -> None:
        link: _Link | None = None
        try:
            await self._is_open.wait()
            server_reader, server = await asyncio.open_connection(*self._server_address)
            link = _Link(client, server, self._planned.popleft() if self._planned else None)
            self._links.add(link)
            self.connections += 1
            async with asyncio.TaskGroup() as group:
                up = group.create_task(self._up(client_reader, server))
                await self._down(server_reader, link)
                up.cancel()
        except* OSError:
            pass  # a side has gone, and so goes the other
        finally:
            if link is not None:
                self._links.discard(link)
                _close(link.server, reset=True)
            _close(
                client,
                reset=link is not None and link.is_cut and link.cut is not None and link.cut.reset,
            )

    async def _up(self, reader: StreamReader, server: StreamWriter) -> None:
        while data := await reader.read(2**16):
            server.write(data)
            await server.drain()
        server.write_eof()

    async def _down(self, reader: StreamReader, link: _Link) -> None:
        """Forward what the server sends until it ends, or is to be cut."""
        while data := await reader.read(2**16):
            if link.cut is not None:
                left = link.cut.after_bytes - link.sent_bytes
                link.sent_bytes += len(data)
                if len(data) >= left:
                    link.client.write(data[:left])
                    self.cuts += 1
                    link.is_cut = True
                    self._was_cut.set()
                    return
            link.client.write(data)
            await link.client.drain()


def _close(writer: StreamWriter, *, reset: bool) -> None:
    """End a connection, by a reset or after what is written has been sent."""
    connection: socket.socket | None = writer.get_extra_info("socket")
    if reset and connection is not None:
        with suppress(OSError):
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()
    else:
        writer.close()
