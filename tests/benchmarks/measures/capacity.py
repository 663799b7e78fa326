"""Whether the load client can take what the servers send: else it would be what is measured."""

from __future__ import annotations

import sys
import time

from tests.benchmarks.load_client import connected
from tests.benchmarks.measures.throughput import LIVE_ONLY, PAUSE_S
from tests.benchmarks.processes import running
from tests.benchmarks.results import Result
from tests.benchmarks.setting import Setting

_AT_LEAST = 200_000
_MESSAGE_BYTES = 480
"""As long as a change of the fan-out."""
_ROW = "load client"
_BY_THE_CLOCK = "load client, by the clock"


def measure(setting: Setting) -> Result:
    """Messages a second that the load client takes on its core."""
    number = setting.sizes.subscribers
    result = Result(
        "capacity",
        f"the load client on one core, {number} sockets, ready-made messages",
        "messages/s of its core",
    )
    module = "tests.benchmarks.peers.ready_made"
    command = [sys.executable, "-m", module, str(number), str(_MESSAGE_BYTES)]
    for _ in range(setting.sizes.repeat):
        with (
            running(command, cores=setting.cores.server) as program,
            connected(program.host, program.port, number) as client,
        ):
            client.subscribe(LIVE_ONLY)
            client.until(1)
            client.reset()
            started_s, own_s = time.monotonic(), time.process_time()
            while time.monotonic() < started_s + setting.sizes.seconds:
                client.poll(0.1)
                time.sleep(PAUSE_S)
            took_s, own_s = time.monotonic() - started_s, time.process_time() - own_s
            result.add(_ROW, client.messages / own_s)
            result.add(_BY_THE_CLOCK, client.messages / took_s)
    for row in (_ROW, _BY_THE_CLOCK):
        result.at_least_value(_AT_LEAST, row, f"the {row} takes at least {_AT_LEAST} messages/s")
    return result
