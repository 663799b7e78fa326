"""What others notice of an attack: how late answers and changes are, and what the server takes."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from http.client import HTTPException

from rethinkdb import RethinkDB
from websockets.exceptions import WebSocketException

from graphql_api.rethink.url import DatabaseURL
from tests.attacks.clients import opened
from tests.attacks.place import MARKED, Place
from tests.attacks.target import TIMEOUT_S, Target
from tests.benchmarks import documents

HEALTH_EVERY_S = 0.02
CHANGES_PER_S = 20
MEMORY_EVERY_S = 0.05
_SETTLE_S = 0.3


@dataclass(frozen=True)
class Times:
    """Some durations, in milliseconds; the last is how long the youngest still lasts, if longer."""

    values: Sequence[float]

    def at(self, share: float) -> float:
        """A quantile."""
        ordered = sorted(self.values) or [float("nan")]
        return ordered[min(int(len(ordered) * share), len(ordered) - 1)]

    def __str__(self) -> str:
        return f"{self.at(0.5):5.0f} {self.at(0.99):5.0f} {self.at(1):5.0f}"


@dataclass
class Seen:
    """What was seen while an attack ran.

    Attributes:
        health_ms: How long each answer of /healthz took.
        change_ms: How long each change took from its write to a subscriber.
        memory_mb: The server's resident memory, again and again.
        descriptors: How many files and sockets it had open.
        lost: Why a probe ended early.
    """

    health_ms: list[float] = field(default_factory=list)
    change_ms: list[float] = field(default_factory=list)
    memory_mb: list[float] = field(default_factory=list)
    descriptors: list[int] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)


@contextmanager
def watching(place: Place, url: DatabaseURL) -> Iterator[Seen]:
    """Probe a server until the context is left."""
    seen = Seen()
    is_over = threading.Event()
    is_subscribed = threading.Event()
    target = place.target.by("reader", 0)

    def guarded(probe: Callable[[], None]) -> Callable[[], None]:
        def run() -> None:
            try:
                probe()
            except (OSError, HTTPException, WebSocketException) as error:
                seen.lost.append(f"{probe.__name__}: {type(error).__name__} {error}")
                is_subscribed.set()

        return run

    def health() -> None:
        _ask(target, seen.health_ms, is_over)

    def change() -> None:
        _subscribe(target, seen.change_ms, is_subscribed, is_over)

    def writes() -> None:
        _write(url, is_over)

    def process() -> None:
        while not is_over.wait(MEMORY_EVERY_S):
            seen.memory_mb.append(place.program.resident_kb() / 1024)
            seen.descriptors.append(place.program.descriptors())

    with ExitStack() as stack:
        threads = [
            threading.Thread(target=guarded(probe)) for probe in (health, change, writes, process)
        ]
        for thread in threads:
            stack.callback(thread.join)
        stack.callback(is_over.set)
        for thread in threads:
            thread.start()
        is_subscribed.wait(TIMEOUT_S)
        time.sleep(_SETTLE_S)
        seen.health_ms.clear()
        seen.change_ms.clear()
        yield seen


def _ask(target: Target, took_ms: list[float], is_over: threading.Event) -> None:
    with closing(target.http()) as connection:
        while not is_over.wait(HEALTH_EVERY_S):
            began_s = time.monotonic()
            connection.request("GET", "/healthz")
            connection.getresponse().read()
            took_ms.append((time.monotonic() - began_s) * 1000)


def _subscribe(
    target: Target, took_ms: list[float], is_subscribed: threading.Event, is_over: threading.Event
) -> None:
    query = (
        "subscription ($ids: [ID!]) { policyChanges(where: {ids: $ids}, includeInitial: false) "
        "{ __typename ... on PolicyUpdated { policy { name } } } }"
    )
    payload = {"query": query, "variables": {"ids": [MARKED]}}
    with opened(target) as sock:
        sock.send('{"type":"connection_init"}')
        sock.recv(TIMEOUT_S)
        sock.send(json.dumps({"type": "subscribe", "id": "1", "payload": payload}))
        while not is_over.is_set():
            try:
                message = json.loads(sock.recv(0.1))
            except TimeoutError:
                continue
            is_subscribed.set()
            change = message.get("payload", {}).get("data", {}).get("policyChanges", {})
            _, is_timed, written = change.get("policy", {}).get("name", "").partition(" @")
            if is_timed:  # and not from the changes that fill the history
                written_s = float(written)
                took_ms.append((time.monotonic() - written_s) * 1000)


def _write(url: DatabaseURL, is_over: threading.Event) -> None:
    r = RethinkDB()
    with r.connect(
        host=url.host, port=url.port, user=url.user, password=url.password
    ) as connection:
        row = r.db(url.database).table("policy").get(MARKED)
        number = 0
        while not is_over.wait(1 / CHANGES_PER_S):
            number += 1
            name = f"{documents.marker(number)} @{time.monotonic()!r}"
            row.update({"name": name}, durability="soft").run(connection)
