"""What jobs cost: one that changes all the time beside many subscribers, paced and not.

`python -m tests.benchmarks.jobs [SECONDS]` prints how much of a processor the server takes while a
job changes 65 times a second, with the pace of a second and with none, and the ratio of the two. In
both runs the last state must arrive at every subscriber.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from tests.benchmarks.database import Database, database
from tests.benchmarks.documents import policy
from tests.benchmarks.load_client import LoadClient, connected
from tests.benchmarks.machine import raise_descriptor_limit
from tests.benchmarks.peers import OURS
from tests.benchmarks.processes import Program
from tests.benchmarks.setting import Cores

CHANGES_PER_S: Final = 65
SUBSCRIBERS: Final = 500
_EPOCH: Final = datetime(2026, 1, 1, tzinfo=UTC)

SUBSCRIPTION: Final = """subscription { jobChanges(includeInitial: false) {
  __typename
  ... on FeedState { status }
  ... on JobUpdated { changedFields job {
    id runState itemCount httpSuccessCount httpErrorCount exceptionCount
    httpStatusCounts { statusCode count } name
  } }
} }"""


def job(number: int, *, ended: datetime | None = None) -> dict[str, Any]:
    """A job as Starbelly stores it, about 1 KB, most of which is the copy of its policy."""
    copy = {name: value for name, value in policy(number).items() if name != "captcha_solver_id"}
    return {
        "id": f"7c2d8f11-90ab-4e5f-8c3d-{number:012d}",
        "name": f"Weekly crawl of news archives and their mirrors #{number}",
        "run_state": "running" if ended is None else "completed",
        "seeds": ["https://www.example.com/", "https://www.example.org/archive"],
        "tags": ["news", "weekly"],
        "started_at": _EPOCH + timedelta(minutes=number),
        "completed_at": ended,
        "duration": None if ended is None else 3600.0,
        "item_count": number,
        "http_success_count": number,
        "http_error_count": 0,
        "exception_count": 0,
        "http_status_counts": {"200": number, "404": 0},
        "schedule_id": f"5a1c9e00-77aa-4b3f-9d2e-{number % 50:012d}",
        "policy": copy,
    }


@contextmanager
def _serving(stored: Database, cores: Cores, pace_s: float) -> Iterator[Program]:
    command = [*OURS.command(stored.url), "--job-pace-s", str(pace_s)]
    peer = type(OURS)(OURS.name, lambda _: command, has_readyz=True)
    with peer.serving(stored.url, cores.server) as program:
        yield program


def _measure(stored: Database, cores: Cores, pace_s: float, seconds: float) -> float:
    """The share of a processor that the server takes."""
    key = job(0)["id"]
    stored.put("job", [job(0)])
    with (
        _serving(stored, cores, pace_s) as program,
        connected(program.host, program.port, SUBSCRIBERS) as client,
    ):
        client.send_operation(SUBSCRIPTION)
        client.until(1)
        client.reset()
        began_s, cpu_s = time.monotonic(), program.cpu_s()
        changes = 0
        while (now_s := time.monotonic()) < began_s + seconds:
            if (now_s - began_s) * CHANGES_PER_S > changes:
                changes += 1
                stored.update("job", key, _counts(changes))
            client.poll(0.002)
        _until_all_have(client, changes)
        took_s, used_s = time.monotonic() - began_s, program.cpu_s() - cpu_s
        messages = [each.messages for each in client.subscribers]
    most = max(messages) / took_s
    _print(
        f"pace {pace_s:g} s: {changes} changes in {took_s:.1f} s; {used_s / took_s:6.1%} of a "
        f"processor; at most {most:.2f} updates/s for a subscriber; {min(messages)} to "
        f"{max(messages)} updates each, the last state at all"
    )
    return used_s / took_s


def _counts(number: int) -> dict[str, Any]:
    counts = {"200": number, "404": 0}
    return {"item_count": number, "http_success_count": number, "http_status_counts": counts}


def _until_all_have(client: LoadClient, changes: int) -> None:
    marker = f'"itemCount":{changes},'.encode()
    give_up_s = time.monotonic() + 30
    while not all(marker in each.end for each in client.subscribers):
        if time.monotonic() > give_up_s:
            raise AssertionError("the last state did not arrive at every subscriber")
        client.poll(0.05)


def _print(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main() -> None:
    """Measure with the pace and without."""
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 60.0
    raise_descriptor_limit()
    cores = Cores.of_this_machine()
    with database(None, cores.rest) as stored:
        paced = _measure(stored, cores, 1.0, seconds)
        unpaced = _measure(stored, cores, 0.0, seconds)
    _print(f"ratio: {paced / unpaced:.3f} (at most 0.1)")


if __name__ == "__main__":
    main()
