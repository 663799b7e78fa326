"""One change, many subscribers of the same operation."""

from __future__ import annotations

from tests.benchmarks.measures import throughput
from tests.benchmarks.peers import BROADCAST, GRAPHQL_WS, OURS, PEERS, STRAWBERRY
from tests.benchmarks.results import Result
from tests.benchmarks.setting import Setting


def measure(setting: Setting) -> Result:
    """Messages a second, everybody with the same operation."""
    number = setting.sizes.subscribers
    result = Result("fanout", f"{number} subscribers of one operation", throughput.UNIT)
    for _ in range(setting.sizes.repeat):
        for peer in PEERS:
            throughput.note(result, peer.name, throughput.of_peer(setting, peer))
    ours = OURS.name
    result.at_least(5, ours, GRAPHQL_WS.name, "at least 5 times graphql-ws")
    result.at_least(35, ours, STRAWBERRY.name, "at least 35 times stock Strawberry")
    result.at_least(0.9, ours, BROADCAST.name, "at least 0.9 times ws with one string")
    return result
