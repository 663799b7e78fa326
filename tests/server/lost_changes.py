"""Servers whose feed of policies has lost changes, and has found that out.

A feed reads such a table again within two seconds. Here a proxy in front of the database lets no
new connection through, so the reason is there to be read until the context is left.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from typing import Any

import httpx

from graphql_api.embedded import EmbeddedServer
from graphql_api.feeds import outage_log
from graphql_api.rethink.init import initialise
from graphql_api.rethink.url import DatabaseURL
from graphql_api.tables import TABLES
from tests.fault.clock import LoopClock
from tests.fault.proxy import Proxy
from tests.server.client import WAIT_S
from tests.server.database import Writer, writing
from tests.server.running import Running, running, settings_for, until_ready

Lose = Callable[[EmbeddedServer, Writer], Awaitable[None]]


async def _overflow(_: EmbeddedServer, writer: Writer) -> None:
    """Change more than the queue of a changefeed holds, at once."""
    await writer.insert("policy", *({"id": str(number), "name": "x"} for number in range(100)))


async def _keep_back(database: EmbeddedServer, writer: Writer) -> None:
    """Change a row while the database sends changes to no changefeed, which is a bug of it."""
    catalog = database._catalog
    assert catalog is not None
    changefeeds = catalog.databases["starbelly"].tables["policy"].changefeeds
    kept = dict(changefeeds)
    changefeeds.clear()
    await writer.insert("policy", {"id": "unheard", "name": "x"})
    changefeeds.update(kept)


CAUSES: dict[str, tuple[str, Lose, dict[str, Any]]] = {
    "overflow": ("the changefeed has a gap: ", _overflow, {"database_queue_size": 1}),
    "self-check": (
        "table `policy` differs from the database",
        _keep_back,
        {"self_check_s": 0.1},
    ),
}
"""What `Feed.problem` begins with, what brings it about, and the settings of the server."""


@asynccontextmanager
async def lost_changes(cause: str, **given: Any) -> AsyncIterator[Running]:
    """A server whose feed of policies is stale by one of `CAUSES`, with a database of its own.

    Settings may be given. It puts the clock of the event loop forward.
    """
    problem, lose, settings = CAUSES[cause]
    async with EmbeddedServer(None) as database:
        url = DatabaseURL(database.host, database.port, "starbelly")
        await initialise(url, TABLES)
        async with Proxy(url.host, url.port) as proxy, writing(url) as writer:
            behind = replace(url, host=proxy.host, port=proxy.port)
            async with running(settings_for(behind, **settings, **given)) as server:
                await until_ready(server)
                with _closing(proxy):
                    await lose(database, writer)
                    await _until_said(server, problem)
                yield server


@contextmanager
def _closing(proxy: Proxy) -> Iterator[None]:
    """Close the proxy to new connections at the moment at which the loss of a feed is logged."""

    def close(record: logging.LogRecord) -> bool:
        proxy.swallows = True
        return True

    log = logging.getLogger(outage_log.__name__)
    log.addFilter(close)
    try:
        yield
    finally:
        log.removeFilter(close)


async def _until_said(server: Running, problem: str) -> None:
    clock = LoopClock(asyncio.get_running_loop())
    async with (
        httpx.AsyncClient(base_url=server.http, trust_env=False, timeout=None) as http,
        asyncio.timeout(WAIT_S * 10),
    ):
        while problem not in (await http.get("/readyz")).text:
            clock.forward(1.0)  # the self-check looks a second time after 10
