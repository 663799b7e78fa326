"""Whole policies with what they were before: sent as they are, compressed once, and per socket."""

from __future__ import annotations

import math
from collections.abc import Mapping

from tests.benchmarks.documents import WHOLE_POLICIES
from tests.benchmarks.load_client import connected
from tests.benchmarks.measures import throughput
from tests.benchmarks.measures.throughput import DOCUMENTS, Throughput
from tests.benchmarks.peers import OURS, PER_SOCKET_DEFLATE, Peer
from tests.benchmarks.results import Bar, Result
from tests.benchmarks.setting import Setting

OFFER = "permessage-deflate; client_max_window_bits"
PLAIN, ONCE, PER_SOCKET = "as they are", "compressed once", "compressed for each socket"


class Added:
    """What each way of compression adds to the processor time of a message."""

    def __init__(self) -> None:
        self._shares = Result("", "", "")

    def note(self, each: Mapping[str, float]) -> None:
        """Note how long a message took in each of the three ways, in one repetition."""
        by_socket, once = each[PER_SOCKET] - each[PLAIN], each[ONCE] - each[PLAIN]
        self._shares.add("", once / by_socket if by_socket > 0 else math.inf)

    def bar(self) -> Bar:
        """That once for all takes a twentieth at most; a share below 0 saves."""
        text = "at most a twentieth of what a compressor for each socket adds; below 0 it saves"
        self._shares.at_most(1 / 20, "", text)
        return self._shares.bars.pop()


def measure(setting: Setting) -> Result:
    """Messages a second, and as notes the bytes of each; with the bars for both.

    Most of a message is a system call, whatever it holds. So a compressor for each socket is judged
    by what each way adds to the processor time of a message; `frames` has the same without sockets.
    """
    number = setting.sizes.subscribers
    title = f"{number} subscribers of whole policies with `previous`"
    result = Result("compression", title, throughput.UNIT)
    sizes, added = Result("", "", ""), Added()
    for _ in range(setting.sizes.repeat):
        each_s: dict[str, float] = {}
        for label, peer, offer in (
            (PLAIN, OURS, None),
            (ONCE, OURS, OFFER),
            (PER_SOCKET, PER_SOCKET_DEFLATE, OFFER),
        ):
            measured = _of(setting, peer, offer)
            throughput.note(result, label, measured)
            sizes.add(label, measured.bytes_per_message)
            each_s[label] = 1 / measured.messages_per_core_s
        added.note(each_s)
    result.at_least(1 / 1.15, ONCE, PLAIN, "at most 15% more of the processor than uncompressed")
    sizes.at_least(2.5, PLAIN, ONCE, "at most 40% of the bytes")
    result.bars += [added.bar(), *sizes.bars]
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
