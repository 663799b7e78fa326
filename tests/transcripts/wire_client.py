"""A RethinkDB client that shows every frame as it is, and sends whatever it is given."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import hmac
import json
import struct
from types import TracebackType
from typing import Any, Self

from tests.patience import LONGEST_S

TIMEOUT_S = LONGEST_S
MAGIC = struct.pack("<I", 0x34C2BDC3)


def hello(user: str, nonce: str = "rOprNGfwEbeRWgbNEkqO") -> dict[str, Any]:
    """The first message after the magic number."""
    return {
        "protocol_version": 0,
        "authentication_method": "SCRAM-SHA-256",
        "authentication": f"n,,n={user},r={nonce}",
    }


def scram_proof(first: dict[str, Any], reply: dict[str, Any], password: str) -> dict[str, Any]:
    """The last message of the client, made of its first one and the server's answer."""
    server_first = reply["authentication"]
    attributes = dict(part.split("=", 1) for part in server_first.split(","))
    salt, iterations = base64.b64decode(attributes["s"]), int(attributes["i"])
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, iterations)
    without_proof = f"c=biws,r={attributes['r']}"
    bare = first["authentication"].removeprefix("n,,")
    message = f"{bare},{server_first},{without_proof}".encode()
    client_key = hmac.new(salted, b"Client Key", hashlib.sha256).digest()
    stored_key = hashlib.sha256(client_key).digest()
    signature = hmac.new(stored_key, message, hashlib.sha256).digest()
    proof = bytes(a ^ b for a, b in zip(client_key, signature, strict=True))
    return {"authentication": f"{without_proof},p={base64.b64encode(proof).decode()}"}


class WireClient:
    """A connection; every wait is bounded."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self.tokens = iter(range(1, 1_000_000))

    @classmethod
    async def open(cls, port: int) -> Self:
        return cls(*await asyncio.open_connection("127.0.0.1", port, limit=2**26))

    @classmethod
    async def connect(cls, port: int, user: str = "admin", password: str = "") -> Self:
        client = await cls.open(port)
        await client.authenticate(user, password)
        return client

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        self.writer.close()
        with contextlib.suppress(ConnectionError):
            await self.writer.wait_closed()

    async def authenticate(self, user: str, password: str) -> list[dict[str, Any]]:
        """Shake hands, and return the server's three messages."""
        first = hello(user)
        self.writer.write(MAGIC)
        self.send_message(first)
        replies = [await self.read_message(), await self.read_message()]
        self.send_message(scram_proof(first, replies[1], password))
        return [*replies, await self.read_message()]

    def send_message(self, message: object) -> None:
        self.writer.write(json.dumps(message).encode() + b"\0")

    async def read_message(self) -> Any:
        data = await asyncio.wait_for(self.reader.readuntil(b"\0"), TIMEOUT_S)
        return json.loads(data[:-1])

    def send(self, token: int, body: object) -> None:
        self.send_bytes(token, json.dumps(body).encode())

    def send_bytes(self, token: int, data: bytes) -> None:
        self.writer.write(struct.pack("<qI", token, len(data)) + data)

    async def read(self) -> tuple[int, Any]:
        """The next frame: its token and its body."""
        return await asyncio.wait_for(self._read(), TIMEOUT_S)

    async def _read(self) -> tuple[int, Any]:
        token, size = struct.unpack("<qI", await self.reader.readexactly(12))
        return token, json.loads(await self.reader.readexactly(size))

    async def at_end(self) -> bool:
        """Whether the server has hung up, with nothing more to read."""
        return await asyncio.wait_for(self.reader.read(1), TIMEOUT_S) == b""

    async def run(self, term: object, **optargs: object) -> Any:
        """Send a START, and return the response; nothing else may be open on the connection."""
        token = next(self.tokens)
        self.send(token, [1, term, optargs])
        found, body = await self.read()
        assert found == token
        return body
