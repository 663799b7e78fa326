"""One change, many subscribers of one operation, each with a cursor of its own in `since`."""

from __future__ import annotations

import json

from tests.benchmarks.load_client import Variables, connected
from tests.benchmarks.measures import throughput
from tests.benchmarks.peers import OURS
from tests.benchmarks.processes import Program
from tests.benchmarks.results import Result
from tests.benchmarks.setting import Setting

_WITHOUT, _WITH = OURS.name, f"{OURS.name}, since"


def measure(setting: Setting) -> Result:
    """Messages a second after everybody resumed from another position, and after nobody did."""
    number = setting.sizes.subscribers
    result = Result("since", f"{number} subscribers, each with its own `since`", throughput.UNIT)
    for _ in range(setting.sizes.repeat):
        throughput.note(result, _WITHOUT, throughput.of_peer(setting, OURS))
        throughput.note(result, _WITH, _resumed(setting))
    result.at_least(0.9, _WITH, _WITHOUT, "at least 0.9 times as without")
    return result


def _resumed(setting: Setting) -> throughput.Throughput:
    database, sizes = setting.database, setting.sizes
    database.fill(throughput.DOCUMENTS)
    with OURS.serving(database.url, setting.cores.server) as program:
        cursors = _cursors(setting, program)
        variables: list[Variables] = [{"since": cursor} for cursor in cursors]
        with connected(program.host, program.port, sizes.subscribers) as client:
            client.subscribe(variables)
            for replayed, subscriber in enumerate(reversed(client.subscribers), 1):
                client.until(replayed, [subscriber])  # the first resumes from the first change
            return throughput.measure(client, database, program, sizes.seconds)


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
