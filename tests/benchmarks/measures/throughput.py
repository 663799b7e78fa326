"""How many messages a second a server sends while it always has something to send."""

from __future__ import annotations

import time
from dataclasses import dataclass

from tests.benchmarks.database import Database
from tests.benchmarks.load_client import LoadClient, Variables, connected
from tests.benchmarks.peers import Peer
from tests.benchmarks.processes import Program
from tests.benchmarks.results import Result
from tests.benchmarks.setting import Setting

UNIT = "messages/s of the server's core"
WINDOW = 16
"""How many writes are under way: not yet received by everybody. So there is always something to
send, or soon will be, and a server may send what has come until then in one go; `pace` has the two
ends, where it cannot and where it must."""
DOCUMENTS = 2000
"""Writes touch them in turn. Far more than the window, so that no two pending ones could merge."""
PAUSE_S = 0.003
"""The load client looks up this often, and takes what has come until then in one go."""
_DRAIN_S = 60.0

LIVE_ONLY: Variables = {"includeInitial": False}


@dataclass(frozen=True)
class Throughput:
    """What a server did.

    Attributes:
        messages_per_core_s: How many messages all clients together received in the time that the
            server computed a second. On a quiet machine that is a second of the clock, since it
            always has something to do; where others want its core too, it is what counts.
        messages_per_s: The same by the clock.
        server_load: How much of its core the server used.
        client_load: How much of theirs the clients and the writer used.
        bytes_per_message: How long a message was on its way, with its frame's header.
    """

    messages_per_core_s: float
    messages_per_s: float
    server_load: float
    client_load: float
    bytes_per_message: float


def of_peer(
    setting: Setting,
    peer: Peer,
    variables: list[Variables] | Variables = LIVE_ONLY,
    *,
    window: int = WINDOW,
) -> Throughput:
    """Start a server, have it watched, and measure it.

    Raises:
        AssertionError: A client did not receive every change, exactly once.
    """
    database, sizes = setting.database, setting.sizes
    database.fill(DOCUMENTS)
    with (
        peer.serving(database.url, setting.cores.server) as program,
        connected(program.host, program.port, sizes.subscribers) as client,
    ):
        client.subscribe(variables)
        client.until(1)
        return measure(client, database, program, sizes.seconds, window)


def measure(
    client: LoadClient,
    database: Database,
    program: Program,
    seconds: float,
    window: int = WINDOW,
    *,
    reads_last: bool = True,
) -> Throughput:
    """Write, and count what comes of it.

    The subscribers have received what comes before changes.

    Args:
        client: The subscribers.
        database: Where to write.
        program: The server.
        seconds: For how long.
        window: How many writes are under way.
        reads_last: Whether the last message can be read; else it is only counted.

    Raises:
        AssertionError: A client did not receive every change, exactly once.
    """
    client.reset()
    before = database.writes
    _write_until(client, database, window, messages=window, until_s=time.monotonic() + _DRAIN_S)
    started_s, started = time.monotonic(), client.messages
    before_bytes = client.received_bytes
    cpu_s, own_cpu_s = program.cpu_s(), time.process_time()
    _write_until(client, database, window, until_s=started_s + seconds)
    while client.messages == started:  # a very busy machine
        _write_until(client, database, window, until_s=time.monotonic() + seconds)
    took_s = time.monotonic() - started_s
    messages, server_s = client.messages - started, program.cpu_s() - cpu_s
    received_bytes = client.received_bytes - before_bytes
    throughput = Throughput(
        messages / max(server_s, 0.01),
        messages / took_s,
        server_s / took_s,
        (time.process_time() - own_cpu_s) / took_s,
        received_bytes / messages,
    )
    client.until(database.writes - before, timeout_s=_DRAIN_S)
    client.check(database.writes - before, database.marker if reads_last else b"")
    return throughput


def _write_until(
    client: LoadClient,
    database: Database,
    window: int,
    *,
    until_s: float,
    messages: int | None = None,
) -> None:
    """Keep the window full until a time, or until everybody has so many messages."""
    before = database.writes - client.slowest
    while time.monotonic() < until_s and (messages is None or client.slowest < messages):
        room = window - (database.writes - before - client.slowest)
        if room >= window // 4:
            database.write(room)
        client.poll(0.1)
        time.sleep(PAUSE_S)


def note(result: Result, label: str, measured: Throughput) -> None:
    """Add a throughput to a result."""
    result.add(
        label,
        measured.messages_per_core_s,
        by_the_clock=measured.messages_per_s,
        server_load=measured.server_load,
        client_load=measured.client_load,
        bytes_per_message=measured.bytes_per_message,
    )
