"""This server, with the fields of `schema.py`, and the reference server."""

from __future__ import annotations

import asyncio
import json
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

from graphql_api.app import create_app
from graphql_api.protocols.websocket import GraphQLTransportWS
from graphql_api.server import uvicorn_server as server
from graphql_api.server.listening import listen
from graphql_api.settings import Settings
from tests.conformance.raw_websocket import WAIT_S
from tests.conformance.schema import build_schema
from tests.toy_world import current_toys

_REFERENCE_SERVER = Path(__file__).with_name("reference-server.mjs")


@dataclass(frozen=True)
class Server:
    """Where a running server is."""

    host: str
    port: int


@dataclass(frozen=True)
class OurServer(Server):
    """This server, in the test's own event loop."""

    transport: GraphQLTransportWS

    @property
    def url(self) -> str:
        return f"ws://{self.host}:{self.port}/graphql"

    async def until(self, predicate: Callable[[], bool]) -> None:
        """Wait until something is so; looks again whenever the event loop has had a turn."""
        async with asyncio.timeout(WAIT_S):
            while not predicate():
                await asyncio.sleep(0)

    async def until_only(self, *, connections: int = 0, operations: int = 0) -> None:
        """Wait until nothing is left of all others."""
        await self.until(lambda: self.transport.connections <= connections)
        assert self.transport.connections == connections
        assert self.transport.operations == operations
        await self.until(lambda: current_toys().open + current_toys().blocked == 0)


@asynccontextmanager
async def our_server(settings: Settings) -> AsyncIterator[OurServer]:
    """The whole application on the real uvicorn, until the context is left."""
    with listen("127.0.0.1", 0) as listener:
        port: int = listener.getsockname()[1]
        settings = settings.model_copy(update={"port": port})
        with patch("graphql_api.app.build_schema", build_schema):
            app = create_app(settings)
        uvicorn = server.Server(app, settings)
        serving = asyncio.create_task(uvicorn.serve(sockets=[listener]))
        try:
            # A connection made now waits in the listening socket's queue until the server is up.
            yield OurServer("127.0.0.1", port, app._websocket)
        finally:
            uvicorn.should_exit = True
            await serving


@asynccontextmanager
async def reference_server(
    *, connection_init_timeout_s: float, max_message_bytes: int
) -> AsyncIterator[Server]:
    """graphql-ws on Node, until the context is left."""
    options = {
        "connectionInitWaitTimeout": connection_init_timeout_s * 1000,
        "maxPayload": max_message_bytes,
    }
    process = await asyncio.create_subprocess_exec(
        "node", _REFERENCE_SERVER, json.dumps(options), stdin=PIPE, stdout=PIPE
    )
    try:
        assert process.stdout is not None
        async with asyncio.timeout(WAIT_S):
            port = int(await process.stdout.readline())
        yield Server("127.0.0.1", port)
    finally:
        await process.communicate(b"")  # closes stdin, which is its end
