"""What one change costs the server as subscribers become many, and as the table becomes large."""

from __future__ import annotations

import time

from tests.benchmarks.database import Database
from tests.benchmarks.load_client import LoadClient, connected
from tests.benchmarks.measures.throughput import LIVE_ONLY, PAUSE_S, WINDOW
from tests.benchmarks.peers import OURS
from tests.benchmarks.processes import Program
from tests.benchmarks.results import Bar, Result
from tests.benchmarks.setting import Setting

_DOCUMENTS = 1000
_SUBSCRIBERS = 100
_UNIT = "ms of the server's core"
_LINEAR = 1.3
"""What a subscriber's share may become, of what it was a step before."""
_FLAT = 1.2
"""What a change's cost may become, of what it was in the smallest table."""
_LEAST_CPU_S = 0.5
"""So long a server must have computed, or the kernel's clock is too coarse."""
_MOST_S = 10.0


def of_subscribers(setting: Setting) -> Result:
    """The cost of a change by the number of its receivers."""
    sizes = setting.sizes.growing_subscribers
    result = Result(
        "subscribers", "cost of one change, by the number of subscribers", _UNIT, is_curve=True
    )
    for _ in range(setting.sizes.repeat):
        for subscribers in sizes:
            result.add(str(subscribers), _cost_ms(setting, subscribers, _DOCUMENTS))
    before, last = sizes[-2:]
    value = result.ratio(str(last), str(before)) * before / last
    text = f"linear: a subscriber's share at {last} is at most {_LINEAR} times that at {before}"
    result.bars.append(Bar(text, value, value <= _LINEAR))
    return result


def of_documents(setting: Setting) -> Result:
    """The cost of a change by the size of its table."""
    sizes = setting.sizes.growing_documents
    result = Result(
        "documents",
        f"cost of one change, {_SUBSCRIBERS} subscribers, by the table's documents",
        _UNIT,
        is_curve=True,
    )
    for _ in range(setting.sizes.repeat):
        for documents in sizes:
            result.add(str(documents), _cost_ms(setting, _SUBSCRIBERS, documents))
    value = result.ratio(str(sizes[-1]), str(sizes[0]))
    text = f"flat: at {sizes[-1]} at most {_FLAT} times that at {sizes[0]}"
    result.bars.append(Bar(text, value, value <= _FLAT))
    return result


def _cost_ms(setting: Setting, subscribers: int, documents: int) -> float:
    database = setting.database
    database.fill(documents)
    with (
        OURS.serving(database.url, setting.cores.server) as program,
        connected(program.host, program.port, subscribers) as client,
    ):
        client.subscribe(LIVE_ONLY)
        client.until(1)
        costs = [
            _measure_ms(client, database, program, setting.sizes.growing_changes) for _ in range(2)
        ]
        return costs[-1]  # the first changes cost more: much is made then, and kept


def _measure_ms(client: LoadClient, database: Database, program: Program, at_least: int) -> float:
    changes = 0
    started_s, started_cpu_s = time.monotonic(), program.cpu_s()
    while True:
        _changes(client, database, WINDOW)
        changes += WINDOW
        cpu_s = program.cpu_s() - started_cpu_s
        is_enough = cpu_s >= _LEAST_CPU_S or time.monotonic() > started_s + _MOST_S
        if is_enough and changes >= at_least:
            return 1000 * cpu_s / changes


def _changes(client: LoadClient, database: Database, number: int) -> None:
    """Write so many changes, and wait until everybody has received them."""
    client.reset()
    database.write(number)
    while client.slowest < number:
        client.poll(1.0)
        time.sleep(PAUSE_S)
    client.check(number, database.marker)
