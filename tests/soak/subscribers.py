"""The subscribers that stay.

Usage: python -m tests.soak.subscribers SERVER_HOST SERVER_PORT STATUS_FILE LOAD_STATUS_FILE NUMBER

They stay until they are terminated. It fails if one of them is closed, or does not have the load's
last write then.
"""

from __future__ import annotations

import signal
import sys
import time
from pathlib import Path
from types import FrameType

from tests.benchmarks import documents
from tests.benchmarks.load_client import LoadClient, Variables, connected
from tests.soak import status

_POLL_S = 0.005
_STATUS_S = 0.5
_LAST_S = 30.0


def main(host: str, port: int, status_file: Path, load_status_file: Path, number: int) -> None:
    is_over = False

    def end(_: int, __: FrameType | None) -> None:
        nonlocal is_over
        is_over = True

    signal.signal(signal.SIGTERM, end)
    with connected(host, port, number) as client:
        client.subscribe(_operations())
        client.until(1)
        client.reset()
        said_s = 0.0
        while not is_over:
            client.poll(0.1)
            if time.monotonic() - said_s > _STATUS_S:
                status.write(status_file, messages=client.messages)
                said_s = time.monotonic()
            time.sleep(_POLL_S)  # and take what has come until then in one go
        _converge(client, int(status.read(load_status_file)["policy_writes"]))


def _operations() -> list[Variables]:
    """Four in five watch the same, each of the rest one of ten filters, which all policies pass."""
    live: Variables = {"includeInitial": False}
    own = [{"includeInitial": False, "where": where} for where in documents.own_filters(10)]
    return [variables for each in own for variables in (live, live, live, live, each)]


def _converge(client: LoadClient, last_write: int) -> None:
    marker = documents.marker(last_write).encode()
    deadline_s = time.monotonic() + _LAST_S
    while lacking := [one for one in client.subscribers if marker not in one.end]:
        if time.monotonic() > deadline_s:
            raise TimeoutError(f"{len(lacking)} subscribers do not receive the last write")
        client.poll(0.1)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]), Path(sys.argv[4]), int(sys.argv[5]))
