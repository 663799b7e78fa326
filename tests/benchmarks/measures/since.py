"""One change, many subscribers of one operation, each with a cursor of its own in `since`."""

from __future__ import annotations

import json

from tests.benchmarks.load_client import Variables, connected
from tests.benchmarks.measures import throughput
from tests.benchmarks.peers import OURS
from tests.benchmarks.processes import Program
from tests.benchmarks.results import Result
from tests.benchmarks.setting import Setting

_SINCE = ", since"


def measure(setting: Setting) -> Result:
    """Messages a second after all resumed from other positions, and after none did.

    At the pace of the fan-out, where the server waits for the writer by turns, and which client is
    the last to be served decides how often; and in bulk, where it never waits.
    """
    sizes = setting.sizes
    title = f"{sizes.subscribers} subscribers, each with its own `since`"
    result = Result("since", title, throughput.UNIT)
    paces = {"": throughput.WINDOW, ", in bulk": sizes.bulk}
    for _ in range(sizes.repeat):
        for pace, window in paces.items():
            without = throughput.of_peer(setting, OURS, window=window)
            resumed = _resumed(setting, window)
            throughput.note(result, f"{OURS.name}{pace}", without)
            throughput.note(result, f"{OURS.name}{_SINCE}{pace}", resumed)
            result.add(f"{OURS.name}{pace}, by the clock", without.messages_per_s)
            result.add(f"{OURS.name}{_SINCE}{pace}, by the clock", resumed.messages_per_s)
    for pace in paces:
        for label in (pace, f"{pace}, by the clock"):
            above, below = f"{OURS.name}{_SINCE}{label}", f"{OURS.name}{label}"
            result.at_least(0.9, above, below, f"at least 0.9 times as without{label}")
    return result


def _resumed(setting: Setting, window: int) -> throughput.Throughput:
    database, sizes = setting.database, setting.sizes
    database.fill(throughput.DOCUMENTS)
    with OURS.serving(database.url, setting.cores.server) as program:
        cursors = _cursors(setting, program)
        variables: list[Variables] = [{"since": cursor} for cursor in cursors]
        with connected(program.host, program.port, sizes.subscribers) as client:
            client.subscribe(variables)
            for replayed, subscriber in enumerate(reversed(client.subscribers), 1):
                client.until(replayed, [subscriber])  # the first resumes from the first change
            return throughput.measure(client, database, program, sizes.seconds, window)


def _cursors(setting: Setting, program: Program) -> list[str]:
    """The cursors of as many changes as there will be subscribers, in their order."""
    database, number = setting.database, setting.sizes.subscribers
    with connected(program.host, program.port, 1) as client:
        (subscriber,) = client.subscribers
        client.send_operation(_WATCH_CURSORS)
        client.until(1)
        client.reset()
        cursors = []
        for received in range(1, number + 1):
            database.write()
            client.until(received)
            text = subscriber.end.decode(errors="replace")
            message = json.loads(text[text.rindex('{"id":') :])
            cursors.append(message["payload"]["data"]["policyChanges"]["cursor"])
    return cursors


_WATCH_CURSORS = """
subscription {
  policyChanges(includeInitial: false) {
    ... on FeedState { cursor }
    ... on PolicyAdded { cursor }
    ... on PolicyUpdated { cursor }
    ... on PolicyDeleted { cursor }
  }
}
"""
