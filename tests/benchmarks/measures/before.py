"""This version of the server beside an earlier one, work by work and in turn.

A change to the product must not cost throughput, latency or memory, but a machine's speed drifts by
more than such a change costs. So each measurement of one version is followed by the same of the
other, and the median of the ratios of these pairs counts.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from tests.benchmarks import documents
from tests.benchmarks.load_client import Variables
from tests.benchmarks.measures import join, latency, memory, throughput
from tests.benchmarks.peers import OURS, Peer
from tests.benchmarks.results import Result
from tests.benchmarks.setting import Setting

_WRITES_PER_S = 25
_LEAST = 0.97

Sample = Callable[[Setting, Peer], float]


def measure(setting: Setting, before: Peer) -> Result:
    """How many times as much, or as fast, this version is as the earlier one."""
    result = Result("before", "this version, as a multiple of the one before (1 is as before)", "x")
    for repetition in range(setting.sizes.repeat):
        pair = (OURS, before) if repetition % 2 else (before, OURS)
        for name, (sample, more_is_better) in _WORKS.items():
            values = {peer.name: sample(setting, peer) for peer in pair}
            ratio = values[OURS.name] / values[before.name]
            result.add(name, ratio if more_is_better else 1 / ratio, **values)
    for name in _WORKS:
        result.at_least_value(_LEAST, name, f"{name}: at least {_LEAST} times the one before")
    return result


def _shared(window: int) -> Sample:
    def sample(setting: Setting, peer: Peer) -> float:
        return throughput.of_peer(setting, peer, window=window).messages_per_core_s

    return sample


def _own_filters(setting: Setting, peer: Peer) -> float:
    variables: list[Variables] = [
        {"where": where, **throughput.LIVE_ONLY}
        for where in documents.own_filters(setting.sizes.subscribers)
    ]
    return throughput.of_peer(setting, peer, variables).messages_per_core_s


def _join(setting: Setting, peer: Peer) -> float:
    _, server_s = join.of_peer(setting, peer)
    return max(server_s, 0.01)


def _p99(setting: Setting, peer: Peer) -> float:
    return latency.percentile(sorted(latency.of_peer(setting, peer, _WRITES_PER_S)), 99)


def _memory(setting: Setting, peer: Peer) -> float:
    return max(memory.of_peer(setting, peer), 0.1)


_WORKS: Mapping[str, tuple[Sample, bool]] = {
    "one operation": (_shared(throughput.WINDOW), True),
    "one change at a time": (_shared(1), True),
    "by writes of 64 documents": (_shared(64), True),
    "own filters": (_own_filters, True),
    "join": (_join, False),
    "p99 of a change": (_p99, False),
    "memory of an idle subscriber": (_memory, False),
}
"""The works, and whether a larger figure is the better one."""
