"""A TCP proxy in front of a RethinkDB server: counts frames, and fails at a chosen one.

    async with Proxy(server.host, server.port) as proxy:
        fault = proxy.arm(Fault.RESET, is_start_of(CHANGES))
        ...                                 # connect to proxy.host, proxy.port
        await fault.wait()
        assert proxy.starts(CHANGES) == 1

It forwards whole units: a handshake message up to its NUL, or a frame of token, length and JSON.
"""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
import struct
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from enum import Enum, auto
from types import TracebackType
from typing import Any, Self

from graphql_api.listeners import stop_listening

CHANGES = 152
TABLE = 15


class Direction(Enum):
    """Which way a unit goes."""

    UP = "client to server"
    DOWN = "server to client"


class QueryType(Enum):
    """What a client's frame asks for."""

    START = 1
    CONTINUE = 2
    STOP = 3
    NOREPLY_WAIT = 4
    SERVER_INFO = 5


class Fault(Enum):
    """What happens to a connection."""

    CLOSE = auto()
    """Both sides see an orderly end (FIN)."""
    RESET = auto()
    """Both sides see a reset (RST)."""
    BLACK_HOLE = auto()
    """Nothing is forwarded any more, and neither side learns of it."""


@dataclass(frozen=True, slots=True)
class Unit:
    """One handshake message or frame.

    Attributes:
        link: The number of its connection, from 0.
        direction: Which way it goes.
        index: Its number in that direction of that connection, from 0.
        token: The query's token; None for a handshake message.
        query: What a client's frame asks for.
        term: The outermost term of a START.
        size: Its bytes.
    """

    link: int
    direction: Direction
    index: int
    token: int | None
    query: QueryType | None
    term: int | None
    size: int


Predicate = Callable[[Unit], bool]


def is_handshake(direction: Direction, index: int) -> Predicate:
    """The `index`-th handshake message; two go up, three come down."""
    return lambda unit: unit.token is None and (unit.direction, unit.index) == (direction, index)


def is_start_of(term: int) -> Predicate:
    """A START whose outermost term is `term`."""
    return lambda unit: unit.query is QueryType.START and unit.term == term


def is_query(query: QueryType) -> Predicate:
    """A client's frame of one type."""
    return lambda unit: unit.query is query


def is_reply(nth: int = 0) -> Predicate:
    """The `nth` frame that the server sends on a connection."""
    return lambda unit: unit.direction is Direction.DOWN and unit.index == nth + 3


@dataclass(eq=False)
class _Armed:
    fault: Fault
    when: Predicate
    pass_bytes: int
    fired: asyncio.Event = field(default_factory=asyncio.Event)


@dataclass(eq=False)
class _Link:
    number: int
    client: asyncio.StreamWriter
    server: asyncio.StreamWriter | None = None
    is_black_hole: bool = False
    ended: asyncio.Event = field(default_factory=asyncio.Event)

    def abort(self) -> None:
        with suppress(AttributeError):  # Python 3.11.2, for a TLS transport that is closed twice
            self.client.transport.abort()

    def end(self, *, reset: bool = False) -> None:
        for writer in (self.client, self.server):
            if writer is None:
                continue
            if reset:
                peer: socket.socket = writer.get_extra_info("socket")
                with suppress(OSError):
                    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                writer.transport.abort()
            else:
                writer.close()


class Proxy:
    """Listens on a loopback port, with TLS if given, and forwards to one server.

    Attributes:
        host: Where it listens.
        port: Where it listens.
        units: What has been forwarded, in order, without the contents.
        delay_s: How long each unit is held back.
        refuses: Whether new connections are reset at once.
        swallows: Whether new connections are black holes.
        has_black_hole: Set as long as a connection that has become a black hole is open.
    """

    def __init__(
        self, server_host: str, server_port: int, *, tls: ssl.SSLContext | None = None
    ) -> None:
        self.host = "127.0.0.1"
        self.port = 0
        self.units: list[Unit] = []
        self.delay_s = 0.0
        self.refuses = False
        self.swallows = False
        self.has_black_hole = asyncio.Event()
        self._server_address = (server_host, server_port)
        self._tls = tls
        self._armed: list[_Armed] = []
        self._links: list[_Link] = []
        self._waiters: list[tuple[Predicate, asyncio.Future[None]]] = []
        self._tasks: set[asyncio.Task[Any]] = set()
        self._listener: asyncio.Server | None = None
        self._is_closing = False

    async def __aenter__(self) -> Self:
        self._listener = await asyncio.start_server(self._serve, self.host, 0, ssl=self._tls)
        self.port = self._listener.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self,
        exception_type: type[BaseException] | None,
        exception: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        assert self._listener is not None
        self._is_closing = True
        await stop_listening(self._listener)
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
        for link in self._links:
            link.abort()  # the end of TLS would wait for a client that is not listening
        await self._listener.wait_closed()

    def arm(self, fault: Fault, when: Predicate, *, pass_bytes: int = 0) -> asyncio.Event:
        """Let the first unit that `when` names fail its connection, instead of being forwarded.

        Args:
            fault: How it fails.
            when: Which unit.
            pass_bytes: How many bytes of that unit are forwarded still, which truncates it.

        Returns:
            An event that is set when it has happened.
        """
        armed = _Armed(fault, when, pass_bytes)
        self._armed.append(armed)
        return armed.fired

    def cut(self, fault: Fault) -> None:
        """Fail every open connection, now."""
        for link in self._links:
            if not link.ended.is_set():
                self._fail(link, fault)

    def stop_reading(self) -> None:
        """Leave what clients send in the kernel, the end of TLS included."""
        for link in self._links:
            link.client.transport.pause_reading()  # type: ignore[attr-defined]

    def count(self, when: Predicate) -> int:
        """How many units that `when` names were forwarded."""
        return sum(map(when, self.units))

    def starts(self, term: int) -> int:
        """How many START frames with this outermost term were forwarded."""
        return self.count(is_start_of(term))

    async def seen(self, when: Predicate) -> None:
        """Return when a unit that `when` names has been forwarded, perhaps long ago."""
        if not any(map(when, self.units)):
            future = asyncio.get_running_loop().create_future()
            self._waiters.append((when, future))
            await future

    @property
    def open_links(self) -> int:
        """How many connections are open."""
        return sum(not link.ended.is_set() for link in self._links)

    async def drained(self) -> None:
        """Return when every connection that was ever made has ended, black holes included."""
        for link in self._links:
            await link.ended.wait()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._is_closing:  # it was accepted before the listener was closed
            writer.transport.abort()
            return
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        link = _Link(len(self._links), writer, is_black_hole=self.swallows)
        self._links.append(link)
        if link.is_black_hole:
            self.has_black_hole.set()
        try:
            if self.refuses:
                return
            server_reader, link.server = await asyncio.open_connection(*self._server_address)
            async with asyncio.TaskGroup() as pumps:
                pumps.create_task(self._pump(link, Direction.UP, reader, link.server))
                pumps.create_task(self._pump(link, Direction.DOWN, server_reader, writer))
        except* (OSError, asyncio.CancelledError):
            pass  # an end like any other: the peers see it, and the test asserts on them
        finally:
            link.end(reset=self.refuses)
            link.ended.set()
            if not any(each.is_black_hole and not each.ended.is_set() for each in self._links):
                self.has_black_hole.clear()

    async def _pump(
        self,
        link: _Link,
        direction: Direction,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        splitter = _Splitter(link.number, direction)
        while data := await reader.read(65536):
            for unit, raw in splitter.split(data):
                if self.delay_s:
                    await asyncio.sleep(self.delay_s)
                if link.is_black_hole:
                    continue
                armed = next((armed for armed in self._armed if armed.when(unit)), None)
                if armed is not None:
                    self._armed.remove(armed)
                    writer.write(raw[: armed.pass_bytes])
                    await writer.drain()
                    self._fail(link, armed.fault)
                    armed.fired.set()
                    continue
                writer.write(raw)
                await writer.drain()
                self._note(unit)
        # A client that goes away frees a black hole; a server that does is not heard through one.
        if link.is_black_hole and direction is Direction.DOWN:
            return
        link.end()

    def _fail(self, link: _Link, fault: Fault) -> None:
        if fault is Fault.BLACK_HOLE:
            link.is_black_hole = True
            self.has_black_hole.set()
        else:
            link.end(reset=fault is Fault.RESET)

    def _note(self, unit: Unit) -> None:
        self.units.append(unit)
        for waiter in [waiter for waiter in self._waiters if waiter[0](unit)]:
            self._waiters.remove(waiter)
            if not waiter[1].done():
                waiter[1].set_result(None)


class _Splitter:
    """Cuts one direction of a connection into units."""

    def __init__(self, link: int, direction: Direction) -> None:
        self._link = link
        self._direction = direction
        self._buffer = bytearray()
        self._index = 0
        self._handshake_messages = 2 if direction is Direction.UP else 3

    def split(self, data: bytes) -> Iterator[tuple[Unit, bytes]]:
        self._buffer += data
        while size := self._size():
            raw = bytes(self._buffer[:size])
            del self._buffer[:size]
            yield self._unit(raw), raw
            self._index += 1

    def _size(self) -> int:
        """The size of the unit that the buffer begins with; 0 if it is not all there."""
        if self._index < self._handshake_messages:
            return self._buffer.find(b"\0") + 1
        if len(self._buffer) < 12:
            return 0
        size = 12 + int.from_bytes(self._buffer[8:12], "little")
        return size if len(self._buffer) >= size else 0

    def _unit(self, raw: bytes) -> Unit:
        token, query, term = None, None, None
        if self._index >= self._handshake_messages:
            token = int.from_bytes(raw[:8], "little")
            if self._direction is Direction.UP:
                body = json.loads(raw[12:])
                query = QueryType(body[0])
                if query is QueryType.START and isinstance(body[1], list):
                    term = body[1][0]
        return Unit(self._link, self._direction, self._index, token, query, term, len(raw))
