"""This server, with the fields of `schema.py`, and the reference server."""

from __future__ import annotations

import asyncio
import json
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

from graphql_api.app import create_app
from graphql_api.protocols.websocket import GraphQLTransportWS
from graphql_api.server import uvicorn_server as server
from graphql_api.server.listening import listen
from graphql_api.settings import Settings
from tests.conformance.raw_websocket import WAIT_S
from tests.conformance.schema import build_schema
from tests.fault.clock import LIMIT_S
from tests.toy_world import current_toys

_REFERENCE_SERVER = Path(__file__).with_name("reference-server.mjs")


INIT_TIMEOUT_S = 61.0
"""How long a server waits for `connection_init`; it has no other limit of this length."""


@dataclass(frozen=True)
class Server:
    """Where a running server is.

    Attributes:
        end_init_time: Lets the time be over in which connections were to send `connection_init`. It
            is not over by itself.
    """

    host: str
    port: int
    end_init_time: Callable[[], None]


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


class _InitTimers:
    """The timers of connections that wait for `connection_init`: they end when a test says so."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._call_later = loop.call_later
        self._waiting: list[tuple[asyncio.TimerHandle, Callable[[], object]]] = []

    def start(self, delay: float, callback: Callable[..., object], *args: Any, **more: Any) -> Any:
        """Start a timer, as `call_later` of the event loop."""
        if delay != INIT_TIMEOUT_S:
            return self._call_later(delay, callback, *args, **more)
        timer = self._call_later(LIMIT_S, callback, *args, **more)
        self._waiting.append((timer, callback))
        return timer

    def end(self) -> None:
        waiting, self._waiting = self._waiting, []
        for timer, callback in waiting:
            if not timer.cancelled():
                timer.cancel()
                callback()


@asynccontextmanager
async def our_server(settings: Settings) -> AsyncIterator[OurServer]:
    """The whole application on the real uvicorn, until the context is left."""
    loop = asyncio.get_running_loop()
    timers = _InitTimers(loop)
    with listen("127.0.0.1", 0) as listener, patch.object(loop, "call_later", timers.start):
        port: int = listener.getsockname()[1]
        settings = settings.model_copy(update={"port": port})
        with patch("graphql_api.app.build_schema", build_schema):
            app = create_app(settings)
        uvicorn = server.Server(app, settings)
        serving = asyncio.create_task(uvicorn.serve(sockets=[listener]))
        try:
            # A connection made now waits in the listening socket's queue until the server is up.
            yield OurServer("127.0.0.1", port, timers.end, app._websocket)
        finally:
            uvicorn.should_exit = True
            await serving


@asynccontextmanager
async def reference_server(*, max_message_bytes: int) -> AsyncIterator[Server]:
    """graphql-ws on Node, until the context is left."""
    options = {
        "connectionInitWaitTimeout": INIT_TIMEOUT_S * 1000,
        "maxPayload": max_message_bytes,
    }
    process = await asyncio.create_subprocess_exec(
        "node", _REFERENCE_SERVER, json.dumps(options), stdin=PIPE, stdout=PIPE
    )
    try:
        assert process.stdin is not None
        assert process.stdout is not None
        async with asyncio.timeout(WAIT_S):
            port = int(await process.stdout.readline())
        yield Server("127.0.0.1", port, partial(process.stdin.write, b"\n"))
    finally:
        await process.communicate(b"")  # closes stdin, which is its end
