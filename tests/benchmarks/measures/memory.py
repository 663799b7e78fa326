"""What an idle subscriber costs in memory."""

from __future__ import annotations

import signal
import time

from tests.benchmarks.load_client import connected
from tests.benchmarks.measures.throughput import LIVE_ONLY
from tests.benchmarks.peers import OURS, SERVERS, STRAWBERRY, Peer
from tests.benchmarks.processes import Program
from tests.benchmarks.results import Result
from tests.benchmarks.setting import Setting

_FIRST = 100
"""So many are there before the others are counted, which are not charged with what these bring."""
_DOCUMENTS = 10
_LIMIT_KB = 18


def measure(setting: Setting) -> Result:
    """Kilobytes of the server's resident memory; what the kernel holds comes on top, for all."""
    number = setting.sizes.idle
    result = Result("memory", f"memory for each of {number} idle subscribers", "KB")
    for _ in range(setting.sizes.repeat):
        for peer in SERVERS:
            result.add(peer.name, of_peer(setting, peer))
    result.at_most(_LIMIT_KB, OURS.name, f"at most {_LIMIT_KB} KB")
    result.at_least(2, STRAWBERRY.name, OURS.name, "stock Strawberry's is at least 2 times ours")
    return result


def of_peer(setting: Setting, peer: Peer) -> float:
    database, number = setting.database, setting.sizes.idle
    database.fill(_DOCUMENTS)
    with (
        peer.serving(database.url, setting.cores.server) as program,
        connected(program.host, program.port, _FIRST) as first,
    ):
        first.subscribe(LIVE_ONLY)
        first.until(1)
        before = _settled_kb(program, peer)
        with connected(program.host, program.port, number) as client:
            client.subscribe(LIVE_ONLY)
            client.until(1)
            return (_settled_kb(program, peer) - before) / number


def _settled_kb(program: Program, peer: Peer) -> float:
    """The memory once node has collected its garbage, which would count otherwise."""
    for _ in range(2):
        if peer.runs_on_node:
            program.signal(signal.SIGUSR2)
        time.sleep(0.5)
    return program.resident_kb()
