"""How long a write takes until the last of many subscribers has received it."""

from __future__ import annotations

import time
from collections.abc import Sequence

from tests.benchmarks.load_client import connected
from tests.benchmarks.measures.throughput import DOCUMENTS, LIVE_ONLY
from tests.benchmarks.peers import BROADCAST, GRAPHQL_WS, MERCURIUS, OURS, Peer
from tests.benchmarks.results import Result
from tests.benchmarks.setting import Setting

_WRITES_PER_S = (25, 50)
"""What every peer can carry, and what is more than some can."""
_PEERS = (OURS, GRAPHQL_WS, MERCURIUS, BROADCAST)
"""Without stock Strawberry, which is given more here than it can send."""


def measure(setting: Setting) -> Result:
    """Milliseconds from a write to the last receipt, at some rates of writing."""
    number = setting.sizes.subscribers
    result = Result("latency", f"from a write to the last of {number} receipts", "ms")
    for _ in range(setting.sizes.repeat):
        for rate in _WRITES_PER_S:
            for peer in _PEERS:
                values = sorted(of_peer(setting, peer, rate))
                for percent in (50, 99):
                    result.add(_label(peer, rate, percent), percentile(values, percent))
    for rate in _WRITES_PER_S:
        theirs, ours = (_label(peer, rate, 99) for peer in (GRAPHQL_WS, OURS))
        result.at_least(1, theirs, ours, f"{rate} writes/s: p99 of graphql-ws, of ours")
    return result


def _label(peer: Peer, writes_per_s: int, percent: int) -> str:
    return f"{peer.name}, {writes_per_s} writes/s, p{percent}"


def of_peer(setting: Setting, peer: Peer, writes_per_s: int) -> list[float]:
    """Each write's latency, from the moment at which it was due."""
    database, sizes = setting.database, setting.sizes
    database.fill(DOCUMENTS)
    written_s: list[float] = []
    received_s: list[float] = []

    def arrived(before: int, after: int) -> None:
        now_s = time.monotonic()
        received_s.extend([now_s] * (after - len(received_s)))
        for write in range(before, after):
            received_s[write] = now_s

    with (
        peer.serving(database.url, setting.cores.server) as program,
        connected(program.host, program.port, sizes.subscribers) as client,
    ):
        client.subscribe(LIVE_ONLY)
        client.until(1)
        client.reset()
        due_s = time.monotonic()
        while len(written_s) < sizes.latency_writes:
            if time.monotonic() >= due_s:
                # Not the moment of the write: who is busy receiving writes late.
                written_s.append(due_s)
                database.write()
                due_s += 1 / writes_per_s
            client.poll(max(0.0, min(due_s - time.monotonic(), 0.1)), arrived)
        client.until(sizes.latency_writes, arrived=arrived)
        client.check(sizes.latency_writes, database.marker)
    return [
        1000 * (received - written) for written, received in zip(written_s, received_s, strict=True)
    ]


def percentile(ascending: Sequence[float], percent: int) -> float:
    return ascending[min(len(ascending) * percent // 100, len(ascending) - 1)]
