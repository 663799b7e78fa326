"""The fan-out again, at the two ends: one change at a time, and many by one write."""

from __future__ import annotations

from tests.benchmarks.measures import throughput
from tests.benchmarks.peers import BROADCAST, GRAPHQL_WS, MERCURIUS, OURS
from tests.benchmarks.results import Result
from tests.benchmarks.setting import Setting

_PEERS = (OURS, GRAPHQL_WS, MERCURIUS, BROADCAST)


def single(setting: Setting) -> Result:
    """Messages a second, when a change is written once everybody has received the one before.

    So none can be sent together with another, and a server is idle between them.
    """
    number = setting.sizes.subscribers
    title = f"{number} subscribers of one operation, one change at a time"
    result = _measure(setting, "single", title, window=1)
    # What the fan-out must show with several changes on their way, held against this too.
    result.at_least(5, OURS.name, GRAPHQL_WS.name, "at least 5 times graphql-ws")
    result.at_least(0.9, OURS.name, BROADCAST.name, "at least 0.9 times ws with one string")
    return result


def bulk(setting: Setting) -> Result:
    """Messages a second, when the database tells of many changes at once."""
    number, window = setting.sizes.subscribers, setting.sizes.bulk
    title = f"{number} subscribers of one operation, writes of {window} documents"
    result = _measure(setting, "bulk", title, window=window)
    result.at_least(5, OURS.name, GRAPHQL_WS.name, "at least 5 times graphql-ws")
    return result


def _measure(setting: Setting, name: str, title: str, window: int) -> Result:
    result = Result(name, title, throughput.UNIT)
    for _ in range(setting.sizes.repeat):
        for peer in _PEERS:
            measured = throughput.of_peer(setting, peer, window=window)
            throughput.note(result, peer.name, measured)
    return result
