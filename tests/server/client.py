"""A small graphql-transport-ws client, as plain as the protocol."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count
from typing import Any, Self

from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Subprotocol

from tests.patience import LONGEST_S

WAIT_S = LONGEST_S
"""How long a test waits for what must come; it fails then."""


class GraphQLErrors(Exception):  # noqa: N818 - these are what the protocol calls `error`
    """An operation was answered by `error`."""

    def __init__(self, errors: list[dict[str, Any]]) -> None:
        super().__init__(errors)
        self.errors = errors


class Operation:
    """One operation's results."""

    def __init__(self, client: Client, operation_id: str) -> None:
        self._client = client
        self.id = operation_id
        self.messages: asyncio.Queue[dict[str, Any]] = asyncio.Queue()

    async def next(self) -> dict[str, Any]:
        """The next result's payload.

        Raises:
            GraphQLErrors: The operation was answered by `error`.
            StopAsyncIteration: It was completed.
        """
        async with asyncio.timeout(WAIT_S):
            message = await self.messages.get()
        if message["type"] == "error":
            raise GraphQLErrors(message["payload"])
        if message["type"] == "complete":
            raise StopAsyncIteration
        payload: dict[str, Any] = message["payload"]
        return payload

    async def change(self) -> dict[str, Any]:
        """The next result's only root field; there are no errors."""
        payload = await self.next()
        assert "errors" not in payload, payload
        (value,) = payload["data"].values()
        return dict(value)

    async def until_status(self, status: str) -> list[dict[str, Any]]:
        """All changes up to and with the next FeedState of this status."""
        changes = [await self.change()]
        while changes[-1].get("status") != status:
            changes.append(await self.change())
        return changes

    async def complete(self) -> None:
        """Tell the server to stop."""
        await self._client.send({"type": "complete", "id": self.id})


class Client:
    """An acknowledged connection."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self._ids = count(1)
        self._operations: dict[str, Operation] = {}

    async def send(self, message: dict[str, Any]) -> None:
        await self.socket.send(json.dumps(message))

    async def subscribe(
        self,
        query: str,
        operation_id: str | None = None,
        extensions: dict[str, Any] | None = None,
        **variables: Any,
    ) -> Operation:
        operation = Operation(self, operation_id or str(next(self._ids)))
        self._operations[operation.id] = operation
        payload: dict[str, Any] = {"query": query, "variables": variables}
        if extensions is not None:
            payload["extensions"] = extensions
        await self.send({"type": "subscribe", "id": operation.id, "payload": payload})
        return operation

    async def execute(self, query: str, **variables: Any) -> dict[str, Any]:
        """A query's result."""
        operation = await self.subscribe(query, **variables)
        return await operation.next()

    async def receive(self) -> None:
        """Hand out what comes, until the socket closes."""
        async for text in self.socket:
            message = json.loads(text)
            if "id" in message and message["id"] in self._operations:
                self._operations[message["id"]].messages.put_nowait(message)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.socket.close()


@asynccontextmanager
async def connected(
    url: str,
    init: dict[str, Any] | None = None,
    *,
    tls: ssl.SSLContext | None = None,
    headers: dict[str, str] | None = None,
) -> AsyncIterator[Client]:
    """A connection, acknowledged, until the context is left."""
    async with connect(
        url,
        subprotocols=[Subprotocol("graphql-transport-ws")],
        max_size=None,
        proxy=None,
        ssl=tls,
        additional_headers=headers,
    ) as socket:
        client = Client(socket)
        await client.send({"type": "connection_init", **({"payload": init} if init else {})})
        async with asyncio.timeout(WAIT_S):
            acknowledgement = json.loads(await socket.recv())
        assert acknowledgement["type"] == "connection_ack"
        receiving = asyncio.create_task(client.receive())
        try:
            yield client
        finally:
            await socket.close()
            receiving.cancel()
            await asyncio.gather(receiving, return_exceptions=True)
