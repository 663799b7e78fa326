"""A reader of event streams, as plain as the HTML standard has it, over a socket of its own."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from tests.server.client import WAIT_S

EVENT_STREAM = "text/event-stream"


@dataclass(frozen=True)
class Event:
    """One event, as a page receives it."""

    type: str
    data: str
    last_event_id: str


class EventSource:
    """One response, line by line; no more of it is read than that takes.

    Attributes:
        status: The response's.
        headers: The same, by lower-case names.
        last_event_id: What the stream's last id was; empty, if there was none.
        retry_ms: The time that the stream asks to wait before coming again.
        comments: How many lines were comments.
    """

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._buffer = b""
        self._left_of_chunk = 0
        self.status = 0
        self.headers: dict[str, str] = {}
        self.last_event_id = ""
        self.retry_ms: int | None = None
        self.comments = 0

    async def request(self, query: str, **arguments: Any) -> None:
        """Send a request, when the response to the one before has ended, and read the head."""
        self._writer.write(request("localhost", query, **arguments))
        async with asyncio.timeout(WAIT_S):
            head = (await self._reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        first, *lines = head.strip().split("\r\n")
        self.status = int(first.split(" ")[1])
        pairs = [line.split(": ", 1) for line in lines]
        self.headers = {name.lower(): value for name, value in pairs}
        assert len(pairs) == len(self.headers), pairs

    async def body(self) -> bytes:
        """The whole body of a response that is no stream."""
        return await self._reader.readexactly(int(self.headers["content-length"]))

    async def json(self) -> Any:
        return json.loads(await self.body())

    async def event(self) -> Event | None:
        """The next event; None, if the response has ended as it should.

        Raises:
            OSError, EOFError: The connection has ended otherwise.
        """
        type_ = ""
        data: list[str] = []
        while (line := await self._line()) is not None:
            if not line:
                if data:
                    return Event(type_ or "message", "\n".join(data), self.last_event_id)
                type_ = ""
                continue
            name, _, value = line.partition(":")
            value = value.removeprefix(" ")
            match name:
                case "":
                    self.comments += 1
                case "event":
                    type_ = value
                case "data":
                    data.append(value)
                case "id":
                    self.last_event_id = value
                case "retry":
                    self.retry_ms = int(value)
                case _:
                    raise AssertionError(line)
        return None

    async def next(self) -> dict[str, Any]:
        """The next result."""
        async with asyncio.timeout(WAIT_S):
            event = await self.event()
        assert event is not None, "the stream has ended"
        assert event.type == "next", event
        result: dict[str, Any] = json.loads(event.data)
        return result

    async def change(self) -> dict[str, Any]:
        """The next result's only root field; there are no errors."""
        result = await self.next()
        assert "errors" not in result, result
        (value,) = result["data"].values()
        return dict(value)

    async def until_status(self, status: str) -> list[dict[str, Any]]:
        """All changes up to and with the next FeedState of this status."""
        changes = [await self.change()]
        while changes[-1].get("status") != status:
            changes.append(await self.change())
        return changes

    async def completed(self) -> None:
        """The operation is over, and the response ends."""
        async with asyncio.timeout(WAIT_S):
            event = await self.event()
            assert event is not None
            assert (event.type, event.data) == ("complete", "")
            assert await self.event() is None

    def abort(self) -> None:
        """Cut the connection."""
        self._writer.transport.abort()

    async def _line(self) -> str | None:
        while b"\n" not in self._buffer:
            piece = await self._piece()
            if not piece:
                assert not self._buffer, "it ends with a whole line"
                return None
            self._buffer += piece
        line, _, self._buffer = self._buffer.partition(b"\n")
        assert b"\r" not in line, "urql looks for LF LF"
        return line.decode()

    async def _piece(self) -> bytes:
        if "content-length" in self.headers:
            length = int(self.headers["content-length"])
            self.headers["content-length"] = "0"
            return await self._reader.readexactly(length)
        if not self._left_of_chunk:
            self._left_of_chunk = int(await self._reader.readuntil(b"\r\n"), 16)
        piece = await self._reader.read(self._left_of_chunk)
        if self._left_of_chunk and not piece:
            raise EOFError
        self._left_of_chunk -= len(piece)
        if not self._left_of_chunk:
            assert await self._reader.readexactly(2) == b"\r\n"
        return piece


def request(
    host: str,
    query: str,
    variables: dict[str, Any] | None = None,
    *,
    path: str = "/graphql",
    method: str = "GET",
    headers: dict[str, str] | None = None,
) -> bytes:
    """The bytes of a request for an event stream."""
    body = b""
    members: dict[str, Any] = {"query": query}
    sent = {"Host": host, "Accept": EVENT_STREAM}
    if method == "GET":
        if variables is not None:
            members["variables"] = json.dumps(variables)
        path = f"{path}?{urlencode(members)}"
    else:
        body = json.dumps(members | {"variables": variables}).encode()
        sent |= {"Content-Type": "application/json", "Content-Length": str(len(body))}
    lines = [f"{name}: {value}" for name, value in (sent | (headers or {})).items()]
    return "\r\n".join([f"{method} {path} HTTP/1.1", *lines, "", ""]).encode() + body


@asynccontextmanager
async def event_source(
    address: tuple[str, int],
    query: str,
    variables: dict[str, Any] | None = None,
    *,
    path: str = "/graphql",
    method: str = "GET",
    last_event_id: str | None = None,
    accept: str = EVENT_STREAM,
    token: str | None = None,
    receive_buffer_bytes: int | None = None,
) -> AsyncIterator[EventSource]:
    """The response to a request, its head read, until the context is left: then it is cut.

    Args:
        address: The server's.
        query: The document.
        variables: Its variables.
        path: Where GraphQL is served.
        method: GET or POST.
        last_event_id: Where to go on.
        accept: The Accept header.
        token: That of a reserved stream.
        receive_buffer_bytes: How much the kernel may buffer.
    """
    sock = socket.socket()
    if receive_buffer_bytes is not None:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer_bytes)
    sock.setblocking(False)
    await asyncio.get_running_loop().sock_connect(sock, address)
    limit = 2**16 if receive_buffer_bytes is None else receive_buffer_bytes
    reader, writer = await asyncio.open_connection(sock=sock, limit=limit)
    headers = {"Accept": accept}
    if last_event_id is not None:
        headers["Last-Event-ID"] = last_event_id
    if token is not None:
        headers["X-GraphQL-Event-Stream-Token"] = token
    try:
        source = EventSource(reader, writer)
        await source.request(query, variables=variables, path=path, method=method, headers=headers)
        yield source
    finally:
        writer.transport.abort()
