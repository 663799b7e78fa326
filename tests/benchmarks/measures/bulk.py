"""One write that changes many documents: the database tells of them all at once."""

from __future__ import annotations

from tests.benchmarks.load_client import connected
from tests.benchmarks.measures import throughput
from tests.benchmarks.peers import BROADCAST, GRAPHQL_WS, MERCURIUS, OURS
from tests.benchmarks.results import Result
from tests.benchmarks.setting import Setting

_PEERS = (OURS, GRAPHQL_WS, MERCURIUS, BROADCAST)


def measure(setting: Setting) -> Result:
    """Messages a second, while writes come in bulk."""
    sizes = setting.sizes
    result = Result(
        "bulk",
        f"{sizes.subscribers} subscribers of one operation, writes of {sizes.bulk} documents",
        throughput.UNIT,
    )
    for _ in range(sizes.repeat):
        for peer in _PEERS:
            setting.database.fill(throughput.DOCUMENTS)
            with (
                peer.serving(setting.database.url, setting.cores.server) as program,
                connected(program.host, program.port, sizes.subscribers) as client,
            ):
                client.subscribe(throughput.LIVE_ONLY)
                client.until(1)
                measured = throughput.measure(
                    client, setting.database, program, sizes.seconds, sizes.bulk
                )
                throughput.note(result, peer.name, measured)
    result.at_least(1, OURS.name, GRAPHQL_WS.name, "at least as many as graphql-ws")
    return result
