"""What many subscribers cost that are sent something once a second at most, or each change."""

from __future__ import annotations

import time

from tests.benchmarks import documents
from tests.benchmarks.database import Database
from tests.benchmarks.documents import OPERATION
from tests.benchmarks.load_client import LoadClient, connected
from tests.benchmarks.peers import OURS
from tests.benchmarks.results import Result
from tests.benchmarks.setting import Setting

_CHANGES_PER_S = 25
_DOCUMENTS = 10
"""They change in turn: 25 changes in a second are those of ten rows."""
_FIRST_EVENTS = _DOCUMENTS + 2
"""INITIALIZING, each row, and READY."""
_HALF_A_CORE = 0.5
_AGAIN_S = 5.0
_LAST_S = 60.0
_JOIN_S = 120.0

_LIVE_PAGE = """subscription { livePolicies(everyMs: %d, limit: 10) {
  total status items { id name } } }"""

EACH, PACED = "each change", "changes, once a second"
PAGE, QUICK_PAGE = "a live page, once a second", "a live page, every 250 ms"


def measure(setting: Setting) -> Result:
    """The share of a core that the server takes."""
    number = setting.sizes.paced
    result = Result(
        "every",
        f"{number} subscribers, {_CHANGES_PER_S} changes/s of {_DOCUMENTS} rows",
        "of the server's core",
    )
    operations = {
        EACH: (_every(0), _FIRST_EVENTS),
        PACED: (_every(1000), _FIRST_EVENTS),
        PAGE: (_LIVE_PAGE % 1000, 1),
        QUICK_PAGE: (_LIVE_PAGE % 250, 1),
    }
    for _ in range(setting.sizes.repeat):
        for label, (operation, first) in operations.items():
            result.add(label, _share(setting, operation, number, first))
    for label in (PACED, PAGE, QUICK_PAGE):
        result.at_most(_HALF_A_CORE, label, f"{label}: at most half a core")
        result.at_least(1, EACH, label, f"each change costs so many times {label}")
    return result


def _every(every_ms: int) -> str:
    """The operation of all other measures, with a pace."""
    return OPERATION.replace("policyChanges(", f"policyChanges(everyMs: {every_ms}, ", 1)


def _share(setting: Setting, operation: str, subscribers: int, first: int) -> float:
    """The share of a core, from when each subscriber has so many first messages."""
    database = setting.database
    database.fill(_DOCUMENTS)
    with (
        OURS.serving(database.url, setting.cores.server) as program,
        connected(program.host, program.port, subscribers) as client,
    ):
        client.send_operation(operation)
        client.until(first, timeout_s=_JOIN_S)
        began_s, cpu_s = time.monotonic(), program.cpu_s()
        _write_for(client, setting, 2 * setting.sizes.seconds)
        took_s, cpu_s = time.monotonic() - began_s, program.cpu_s() - cpu_s
        _until_all_have_the_last(client, database)
        return cpu_s / took_s


def _write_for(client: LoadClient, setting: Setting, seconds: float) -> None:
    began_s = time.monotonic()
    while (now_s := time.monotonic() - began_s) < seconds:
        if now_s * _CHANGES_PER_S > setting.database.writes:
            setting.database.write()
        client.poll(0.002)


def _until_all_have_the_last(client: LoadClient, database: Database) -> None:
    """Write until a change is the last that each has received: one that has merged may not be."""
    give_up_s = time.monotonic() + _LAST_S
    while time.monotonic() < give_up_s:
        database.write()
        marker = documents.marker(database.writes).encode()
        again_s = time.monotonic() + _AGAIN_S
        while time.monotonic() < again_s:
            if all(marker in each.end for each in client.subscribers):
                return
            client.poll(0.05)
    raise AssertionError("the last state did not arrive at every subscriber")
