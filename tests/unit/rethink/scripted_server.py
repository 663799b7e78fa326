"""A server that answers as a test says: for what no well-behaved RethinkDB would send."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import struct
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Any, Self

from graphql_api.listeners import stop_listening

START, CONTINUE, STOP, SERVER_INFO = 1, 2, 3, 5
PARTIAL = 3

Reply = dict[str, Any] | bytes | None
"""A reply; bytes are sent as the body of its frame; None says nothing."""

Script = Callable[[list[Any]], Reply]
"""Answers one query."""


def feed_of(*replies: Reply) -> Script:
    """A feed that gives these replies to START and each CONTINUE, and nothing afterwards."""
    remaining = iter(replies)

    def script(query: list[Any]) -> Reply:
        if query[0] in (START, CONTINUE):
            return next(remaining, None)
        if query[0] == SERVER_INFO:
            return {"t": 5, "r": [{"id": "0", "name": "scripted", "proxy": False}]}
        return {"t": 2, "r": []}

    return script


def rows(*rows: Any) -> Reply:
    """A batch of a feed."""
    return {"t": PARTIAL, "r": list(rows), "n": [1, 5]}


TABLE_ID: Reply = {"t": 1, "r": ["7b0d1f0e-0000-4000-8000-000000000000"]}
"""The answer to what each changefeed asks beside its changes."""


def asks_table_id(query: list[Any]) -> bool:
    """Whether a query asks for the `id` of a table's `info`."""
    return query[0] == START and "[79," in json.dumps(query[1]).replace(" ", "")


class ScriptedServer:
    """Accepts the driver's handshake with the empty password, then follows a script.

    Attributes:
        host: Where it listens.
        port: Where it listens.
        queries: The types of the queries that have come, in order.
    """

    def __init__(self, script: Script, *, handshake: Iterable[bytes] | None = None) -> None:
        self.host = "127.0.0.1"
        self.port = 0
        self.queries: list[int] = []
        self._script = script
        self._handshake = None if handshake is None else b"".join(handshake)
        self._tasks: set[asyncio.Task[Any]] = set()
        self._listener: asyncio.Server | None = None

    async def __aenter__(self) -> Self:
        self._listener = await asyncio.start_server(self._serve, self.host, 0)
        self.port = self._listener.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self,
        exception_type: type[BaseException] | None,
        exception: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        assert self._listener is not None
        await stop_listening(self._listener)
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
        await self._listener.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        try:
            if self._handshake is not None:
                await reader.readuntil(b"\0")
                writer.write(self._handshake)
                return
            await _shake_hands(reader, writer)
            while True:
                token, length = struct.unpack("<qL", await reader.readexactly(12))
                query = json.loads(await reader.readexactly(length))
                self.queries.append(query[0])
                reply = TABLE_ID if asks_table_id(query) else self._script(query)
                if reply is not None:
                    body = reply if isinstance(reply, bytes) else json.dumps(reply).encode()
                    writer.write(struct.pack("<qL", token, len(body)) + body)
        except (OSError, EOFError, asyncio.CancelledError):
            pass
        finally:
            writer.close()


async def _shake_hands(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    def send(message: dict[str, Any]) -> None:
        writer.write(json.dumps(message).encode() + b"\0")

    async def receive() -> str:
        message = json.loads((await reader.readuntil(b"\0")).rstrip(b"\0"))
        text: str = message["authentication"]
        return text

    await reader.readexactly(4)
    client_first = (await receive()).removeprefix("n,,")
    send({"success": True, "min_protocol_version": 0, "max_protocol_version": 0})
    nonce = client_first.partition(",r=")[2]
    server_first = f"r={nonce}server,s={base64.b64encode(b'salt').decode()},i=1"
    send({"success": True, "authentication": server_first})
    client_final = (await receive()).partition(",p=")[0]
    salted = hashlib.pbkdf2_hmac("sha256", b"", b"salt", 1)
    server_key = hmac.digest(salted, b"Server Key", "sha256")
    signed = ",".join((client_first, server_first, client_final)).encode()
    signature = base64.b64encode(hmac.digest(server_key, signed, "sha256")).decode()
    send({"success": True, "authentication": f"v={signature}"})
