"""How long it takes until many who join at once hold the table."""

from __future__ import annotations

import time

from tests.benchmarks.load_client import connected
from tests.benchmarks.peers import GRAPHQL_WS, OURS, SERVERS, STRAWBERRY, Peer
from tests.benchmarks.results import Result
from tests.benchmarks.setting import Setting

_STATES = 2
"""INITIALIZING and READY come beside the rows."""
_TIMEOUT_S = 240.0


def measure(setting: Setting) -> Result:
    """Seconds until the last is READY."""
    sizes = setting.sizes
    result = Result(
        "join",
        f"{sizes.joining} subscribers join a table of {sizes.joined_documents} documents at once",
        "s",
    )
    for _ in range(sizes.repeat):
        for peer in SERVERS:
            clock_s, server_s = of_peer(setting, peer)
            result.add(peer.name, clock_s, server_s=server_s)
    result.at_least(10, STRAWBERRY.name, OURS.name, "at least 10 times as fast as Strawberry")
    result.at_least(2, GRAPHQL_WS.name, OURS.name, "at least 2 times as fast as graphql-ws")
    return result


def of_peer(setting: Setting, peer: Peer) -> tuple[float, float]:
    database, sizes = setting.database, setting.sizes
    database.fill(sizes.joined_documents)
    with (
        peer.serving(database.url, setting.cores.server) as program,
        connected(program.host, program.port, sizes.joining) as client,
    ):
        cpu_s, started_s = program.cpu_s(), time.monotonic()
        client.subscribe({})
        messages = sizes.joined_documents + _STATES
        client.until(messages, timeout_s=_TIMEOUT_S)
        took_s = time.monotonic() - started_s
        client.check(messages, b'"READY"')
        return took_s, program.cpu_s() - cpu_s
