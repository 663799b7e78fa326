"""Whole policies with what they were before: sent as they are, compressed once, and per socket."""

from __future__ import annotations

from tests.benchmarks.documents import WHOLE_POLICIES
from tests.benchmarks.load_client import connected
from tests.benchmarks.measures import throughput
from tests.benchmarks.measures.throughput import DOCUMENTS, Throughput
from tests.benchmarks.peers import OURS, PER_SOCKET_DEFLATE, Peer
from tests.benchmarks.results import Result
from tests.benchmarks.setting import Setting

OFFER = "permessage-deflate; client_max_window_bits"
PLAIN, ONCE, PER_SOCKET = "as they are", "compressed once", "compressed for each socket"


def measure(setting: Setting) -> Result:
    """Messages a second, and as notes the bytes of each; with the bars for both."""
    number = setting.sizes.subscribers
    title = f"{number} subscribers of whole policies with `previous`"
    result = Result("compression", title, throughput.UNIT)
    sizes = Result("", "", "")
    for _ in range(setting.sizes.repeat):
        for label, peer, offer in (
            (PLAIN, OURS, None),
            (ONCE, OURS, OFFER),
            (PER_SOCKET, PER_SOCKET_DEFLATE, OFFER),
        ):
            measured = _of(setting, peer, offer)
            throughput.note(result, label, measured)
            sizes.add(label, measured.bytes_per_message)
    result.at_least(1 / 1.15, ONCE, PLAIN, "at most 15% more of the processor than uncompressed")
    result.at_least(20, ONCE, PER_SOCKET, "at least 20 times a compressor for each socket")
    sizes.at_least(2.5, PLAIN, ONCE, "at most 40% of the bytes")
    result.bars += sizes.bars
    return result


def _of(setting: Setting, peer: Peer, offer: str | None) -> Throughput:
    database, sizes = setting.database, setting.sizes
    database.fill(DOCUMENTS)
    with (
        peer.serving(database.url, setting.cores.server) as program,
        connected(program.host, program.port, sizes.subscribers, offer=offer) as client,
    ):
        client.send_operation(WHOLE_POLICIES)
        client.until(1)
        reads = peer is not PER_SOCKET_DEFLATE
        return throughput.measure(
            client, database, program, sizes.seconds, reads_last=reads, window=setting.sizes.bulk
        )
