"""The real server on a free port, in the test's own event loop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from urllib.parse import quote

import httpx
from pydantic import SecretStr

from graphql_api.app import create_app
from graphql_api.rethink.url import DatabaseURL
from graphql_api.server import uvicorn_server as server
from graphql_api.server.listening import listen
from graphql_api.settings import Settings
from tests.server.client import WAIT_S

CPU_LIMITS = ("max_cpu_per_connection", "max_cpu_per_address", "cpu_burst_s")
CLIENT_TIMES = ("feed_wait_s", "connection_init_timeout_s", "request_timeout_s", "send_timeout_s")
DATABASE_TIMES = (
    "database_timeout_s",
    "database_ready_timeout_s",
    "database_heartbeat_s",
    "ready_stale_s",
)
"""They are not over where a test puts the clock forward until a limit of clients is."""


@dataclass(frozen=True)
class Running:
    """Where a running server is."""

    host: str
    port: int

    @property
    def http(self) -> str:
        return f"http://{self.host}:{self.port}"

    @property
    def ws(self) -> str:
        return f"ws://{self.host}:{self.port}/graphql"

    @property
    def https(self) -> str:
        return f"https://{self.host}:{self.port}"

    @property
    def wss(self) -> str:
        return f"wss://{self.host}:{self.port}/graphql"


def settings_for(url: DatabaseURL, **settings: object) -> Settings:
    """Settings that name a database."""
    user, password = quote(url.user, safe=""), quote(url.password, safe="")
    tls = f"?ca_certs={quote(url.ca_certs, safe='')}" if url.ca_certs else ""
    text = f"rethinkdb://{user}:{password}@{url.address}/{url.database}{tls}"
    # Tests ask as fast as they can, on a machine that may be as slow as it likes.
    patient = dict.fromkeys(CLIENT_TIMES, WAIT_S) | dict.fromkeys(DATABASE_TIMES, 100 * WAIT_S)
    fast = dict.fromkeys(("max_operations_per_s", *CPU_LIMITS), 1e6)
    settings = {**fast, **patient, "job_pace_s": 0.0} | settings
    return Settings(database=SecretStr(text), **settings)  # type: ignore[arg-type]


@asynccontextmanager
async def running(settings: Settings, port: int = 0) -> AsyncIterator[Running]:
    """A server, until the context is left; then it has shut down, and nothing is left of it."""
    with listen("127.0.0.1", port) as listener:
        port = listener.getsockname()[1]
        settings = settings.model_copy(update={"port": port})
        uvicorn = server.Server(create_app(settings), settings)
        serving = asyncio.create_task(uvicorn.serve(sockets=[listener]))
        try:
            # A connection made now waits in the listening socket's queue until the server is up.
            yield Running("127.0.0.1", port)
        finally:
            uvicorn.should_exit = True
            await serving


async def until_ready(server: Running) -> None:
    """Wait until the server has read every table."""
    async with (
        httpx.AsyncClient(base_url=server.http, trust_env=False) as http,
        asyncio.timeout(WAIT_S),
    ):
        while (await http.get("/readyz")).status_code != 200:
            pass  # each question is a round trip to the server, in which it can get on
