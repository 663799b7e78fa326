"""How many changefeeds a server has open in the database."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import replace

from graphql_api.rethink.url import DatabaseURL
from tests.benchmarks.load_client import connected
from tests.benchmarks.measures.throughput import LIVE_ONLY
from tests.benchmarks.peers import OURS, SERVERS, Peer
from tests.benchmarks.results import Result
from tests.benchmarks.setting import Setting
from tests.fault.proxy import CHANGES, Proxy

_DOCUMENTS = 10
_BAR = 3
"""One for each table; the peers know only one of the three."""


def measure(setting: Setting) -> Result:
    """Changefeeds, counted on their way to the database."""
    number = setting.sizes.joining
    result = Result("changefeeds", f"changefeeds open with {number} subscribers", "changefeeds")
    for peer in SERVERS:  # counting needs no repetition
        result.add(peer.name, _of_peer(setting, peer))
    result.at_most(_BAR, OURS.name, f"at most {_BAR}")
    return result


def _of_peer(setting: Setting, peer: Peer) -> int:
    setting.database.fill(_DOCUMENTS)
    with (
        _proxy(setting.database.url) as (proxy, url),
        peer.serving(url, setting.cores.server) as program,
        connected(program.host, program.port, setting.sizes.joining) as client,
    ):
        client.subscribe(LIVE_ONLY)
        client.until(1)
        return proxy.starts(CHANGES)


@contextmanager
def _proxy(url: DatabaseURL) -> Iterator[tuple[Proxy, DatabaseURL]]:
    """A proxy in front of the database, in a thread of its own, and the address behind it."""
    started: Future[tuple[Proxy, asyncio.AbstractEventLoop, asyncio.Event]] = Future()

    async def serve() -> None:
        stop = asyncio.Event()
        async with Proxy(url.host, url.port) as proxy:
            started.set_result((proxy, asyncio.get_running_loop(), stop))
            await stop.wait()

    thread = threading.Thread(target=lambda: asyncio.run(serve()), name="proxy")
    thread.start()
    proxy, loop, stop = started.result(timeout=10)
    try:
        yield proxy, replace(url, host=proxy.host, port=proxy.port)
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(timeout=10)
