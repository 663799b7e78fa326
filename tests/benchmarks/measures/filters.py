"""One change, many subscribers, each with a filter of its own."""

from __future__ import annotations

from tests.benchmarks import documents
from tests.benchmarks.load_client import Variables
from tests.benchmarks.measures import throughput
from tests.benchmarks.peers import GRAPHQL_WS, OURS, SERVERS, STRAWBERRY
from tests.benchmarks.results import Result
from tests.benchmarks.setting import Setting


def measure(setting: Setting) -> Result:
    """Messages a second, everybody with other variables."""
    number = setting.sizes.subscribers
    result = Result(
        "filters", f"{number} subscribers, each with its own filter variables", throughput.UNIT
    )
    variables: list[Variables] = [
        {"where": where, **throughput.LIVE_ONLY} for where in documents.own_filters(number)
    ]
    for _ in range(setting.sizes.repeat):
        for peer in SERVERS:
            throughput.note(result, peer.name, throughput.of_peer(setting, peer, variables))
    result.at_least(2, OURS.name, STRAWBERRY.name, "at least 2 times stock Strawberry")
    result.at_least(0.5, OURS.name, GRAPHQL_WS.name, "at least 0.5 times graphql-ws")
    return result
