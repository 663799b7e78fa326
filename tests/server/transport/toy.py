"""A toy schema behind the transport, served by a real uvicorn on a free port."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

import uvicorn
from starlette.types import ASGIApp
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from graphql_api.auth.principal import Principal
from graphql_api.execution.broadcaster import Broadcaster
from graphql_api.execution.runner import OperationRunner
from graphql_api.feeds.feeds import Feeds
from graphql_api.limits.client_limits import ClientLimits
from graphql_api.listeners import stop_listening
from graphql_api.protocols.backend import Backend
from graphql_api.protocols.http import GraphQLHTTP
from graphql_api.protocols.websocket import GraphQLTransportWS
from graphql_api.schema import Context
from graphql_api.server.uvicorn_http import StreamingProtocol
from graphql_api.server.websocket_protocol import WebSocketProtocol
from tests.no_store import NoStore
from tests.server.client import WAIT_S
from tests.toy_world import SCHEMA, Toys, new_toys


def _context(principal: Principal) -> Context:
    feeds = Feeds((), lambda _: None)  # type: ignore[arg-type, return-value]
    return Context(feeds, NoStore(), feed_wait_s=1, scopes=principal.scopes)


@dataclass(frozen=True)
class Running:
    """A server that answers."""

    app: Any
    port: int
    toys: Toys
    broadcaster: Broadcaster

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.port}/"


PATIENT = ClientLimits(connection_init_timeout_s=3600.0, close_timeout_s=3600.0)
"""Limits that no client exceeds because a machine is slow."""
BACKEND_ARGUMENTS = {"answers", "authenticator", "documents", "budgets", "clock"}


@asynccontextmanager
async def serve(
    make: Callable[..., ASGIApp] = GraphQLTransportWS,
    wrap: Callable[[ASGIApp], ASGIApp] = lambda app: app,
    uvicorn_options: dict[str, Any] | None = None,
    **arguments: Any,
) -> AsyncIterator[Running]:
    """A server with this transport, until the context is left.

    Args:
        make: Makes the transport.
        wrap: What stands between it and uvicorn.
        uvicorn_options: More options of uvicorn.
        arguments: More arguments of the transport, and of what stands behind it. Its limits are
            patient ones, if absent.
    """
    toys = new_toys()
    if make in (GraphQLTransportWS, GraphQLHTTP):
        arguments = {"limits": PATIENT} | arguments
    broadcaster = Broadcaster(cpu_clock=lambda: 0.0)  # a round waits for all
    behind = {name: arguments.pop(name) for name in BACKEND_ARGUMENTS & arguments.keys()}
    backend = Backend(
        runner=OperationRunner(SCHEMA, broadcaster),
        make_context=_context,
        traffic=broadcaster.traffic,
        **behind,
    )
    app: Any = make(backend, **arguments)
    options: dict[str, Any] = {
        "http": StreamingProtocol,
        "ws": WebSocketProtocol,
        "lifespan": "off",
        "log_config": None,
        "port": 0,
        "timeout_graceful_shutdown": WAIT_S,
    }
    config = uvicorn.Config(wrap(app), **options | (uvicorn_options or {}))
    config.load()
    server = uvicorn.Server(config)
    server.lifespan = config.lifespan_class(config)
    # uvicorn's main loop looks ten times a second whether it is to end. Tests do not wait for that.
    async with broadcaster, app if hasattr(app, "__aenter__") else nullcontext():
        await server.startup()
        try:
            port = server.servers[0].sockets[0].getsockname()[1]
            yield Running(app, port, toys, broadcaster)
        finally:
            for _ in range(100):  # uvicorn looks ten times a second whether clients have gone
                if server.server_state.connections:
                    await asyncio.sleep(0)
            for listening in server.servers:
                await stop_listening(listening)
            await server.shutdown()


class Client:
    """A client that speaks the protocol word for word."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket

    async def send(self, *messages: Any) -> None:
        for message in messages:
            await self.socket.send(message if isinstance(message, str) else json.dumps(message))

    async def receive(self) -> Any:
        """The next message; if there is none any more, `(code, reason)` of the closure."""
        try:
            async with asyncio.timeout(WAIT_S):
                text = await self.socket.recv()
        except ConnectionClosed:
            return self.socket.close_code, self.socket.close_reason
        assert isinstance(text, str), "clients of graphql-transport-ws refuse binary frames"
        return json.loads(text)

    async def subscribe(self, query: str, id_: str = "a", **payload: Any) -> None:
        await self.send({"type": "subscribe", "id": id_, "payload": {"query": query} | payload})

    async def complete(self, id_: str = "a") -> None:
        await self.send({"type": "complete", "id": id_})

    async def fence(self) -> list[Any]:
        """Every message until the server answers a ping that it is sent now."""
        await self.send({"type": "ping", "payload": {"fence": True}})
        received = [await self.receive()]
        while received[-1] != {"type": "pong", "payload": {"fence": True}}:
            assert isinstance(received[-1], dict), received
            received.append(await self.receive())
        return received[:-1]


@asynccontextmanager
async def opened(running: Running, *subprotocols: str, **options: Any) -> AsyncIterator[Client]:
    """A socket, of which the server has not heard anything yet."""
    offered = [Subprotocol(name) for name in subprotocols or ("graphql-transport-ws",)]
    async with connect(
        running.url, subprotocols=offered, proxy=None, compression=None, **options
    ) as socket:
        yield Client(socket)


@asynccontextmanager
async def connected(running: Running, payload: Any = None, **options: Any) -> AsyncIterator[Client]:
    """A client that has been acknowledged."""
    async with opened(running, **options) as client:
        await client.send({"type": "connection_init", "payload": payload})
        assert await client.receive() == {"type": "connection_ack"}
        yield client
