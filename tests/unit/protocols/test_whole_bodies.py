"""Bodies that are sent in one piece are waited for, not for ever, and hold limited memory."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from graphql_api.errors import DatabaseRefusedError
from graphql_api.feeds.subscription import EventSource
from graphql_api.feeds.view import Event
from graphql_api.limits.answer_memory import LARGE_BYTES, Answers
from graphql_api.protocols import whole_bodies
from graphql_api.protocols.whole_bodies import (
    MAX_BYTES,
    NO_BODY,
    BodiesInTurn,
    SocketBodies,
    WholeBodies,
)
from graphql_api.store import PART_BYTES, StoredBody
from tests.fault.clock import LoopClock, some_steps
from tests.for_each import for_each
from tests.patience import LONGEST_S
from tests.unit.execution.toy import FakeSink

NOW = datetime(2020, 1, 1, tzinfo=UTC)


def whole(bodies: Any) -> WholeBodies:
    """Those of a machine whose clock stands."""
    return WholeBodies(lambda: bodies, lambda: NOW)


class NoBodies:
    """Bodies none of which is stored; the first reads fail."""

    def __init__(self, failures: int = 0) -> None:
        self._failures = failures

    async def find(self, sequence: int) -> None:
        if self._failures:
            self._failures -= 1
            raise DatabaseRefusedError("the user may not read the table")


@pytest.mark.parametrize("ahead", ["a year", "to the end of time"])
async def test_a_missing_body_of_a_response_from_the_future_is_given_up(
    ahead: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(whole_bodies, "_RETRY_S", 0.0)
    monkeypatch.setattr(whole_bodies, "_LAG", timedelta(days=1))
    clock = LoopClock(asyncio.get_running_loop())
    ended_at = datetime.max.replace(tzinfo=UTC)
    if ahead == "a year":
        ended_at = NOW + timedelta(days=365)
    bodies: Any = NoBodies()
    waiting = asyncio.ensure_future(whole(bodies).of(1, ended_at, compression_ok=False))
    await some_steps()
    assert not waiting.done()
    clock.forward(24 * 3600.0)
    assert await waiting == NO_BODY


async def test_an_outage_of_bodies_is_waited_for_and_logged_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(whole_bodies, "_RETRY_S", 0.001)
    failing: Any = NoBodies(failures=9)
    bodies = whole(failing)
    async with asyncio.timeout(LONGEST_S):
        found = await asyncio.gather(*(bodies.of(n, None, compression_ok=True) for n in range(3)))
    assert found == [NO_BODY] * 3
    assert [record.message for record in caplog.records] == [
        "stored bodies cannot be read: the user may not read the table; trying until it works"
    ]


class StoredBodies:
    """Bodies that are all as large."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.reads = 0

    async def find(self, sequence: int) -> StoredBody:
        return StoredBody(b"", self.size, is_compressed=False, content_type=None)

    async def part(self, _: StoredBody, begin: int, end: int) -> bytes:
        self.reads += 1
        await asyncio.sleep(0)
        return bytes(end - begin)


class Responses(EventSource[Any]):
    """The events of some responses with bodies."""

    def __init__(self, number: int) -> None:
        response = SimpleNamespace(sequence=1, completed_at=None, has_body=True)
        self.events = [Event(SimpleNamespace(response=response)) for _ in range(number)]
        self.is_closed = False

    def pull(self) -> Event[Any] | None:
        return self.events.pop() if self.events else None

    def on_wake(self, callback: Callable[[], None] | None) -> None: ...

    def close(self) -> None:
        self.is_closed = True


class Sockets:
    """Sockets whose clients are sent bodies of one size."""

    def __init__(self, size: int, tasks: asyncio.TaskGroup) -> None:
        self.stored: Any = StoredBodies(size)
        self.bodies = whole(self.stored)
        self._tasks = tasks

    def source(self, socket: SocketBodies, events: int = 1) -> BodiesInTurn:
        return BodiesInTurn(Responses(events), socket, compression_ok=True)

    def socket(self) -> tuple[FakeSink, SocketBodies]:
        sink = FakeSink()
        make: Any = lambda work, name: self._tasks.create_task(work, name=name)  # noqa: E731
        return sink, SocketBodies(self.bodies, sink, make)


async def given(*sources: BodiesInTurn) -> list[int]:
    """Which sources have an event, once nothing happens any more."""
    found = []
    for _ in range(20):
        found += [number for number, source in enumerate(sources) if source.pull() is not None]
        await asyncio.sleep(0)
        if found:
            break
    return found


async def until_given(source: BodiesInTurn) -> None:
    """Wait for an event of a source."""
    woken = asyncio.Event()
    source.on_wake(woken.set)
    while source.pull() is None:
        await woken.wait()
        woken.clear()


@for_each("size", [0, LARGE_BYTES + 1])
async def test_one_body_of_a_socket_is_made_at_a_time(size: int) -> None:
    async with asyncio.TaskGroup() as tasks:
        sockets = Sockets(size, tasks)
        _, socket = sockets.socket()
        one, two = sockets.source(socket, 2), sockets.source(socket, 2)
        order = []
        for _ in range(4):
            (number,) = await given(one, two)
            order.append(number)
            other = two if number == 0 else one
            assert await given(other) == []  # until the first is written, and asks for more
        assert order == [0, 1, 0, 1]
        assert await given(one, two) == []
    assert sockets.bodies.places.held_bytes == 0


async def test_place_of_a_body_lasts_until_it_is_sent_even_if_it_is_unsubscribed() -> None:
    size = LARGE_BYTES + 1
    async with asyncio.TaskGroup() as tasks:
        sockets = Sockets(size, tasks)
        sink, socket = sockets.socket()
        one, waiting = sockets.source(socket), sockets.source(socket)
        assert await given(one, waiting) == [0]
        sink.frames, sink.room = [b"x" * size], False
        waiting.close()
        one.close()
        for _ in range(20):
            await asyncio.sleep(0)
        assert sockets.bodies.places.held_bytes == size
        sink.make_room()
    assert sockets.bodies.places.held_bytes == 0


async def test_slowest_socket_is_dropped_when_others_wait_for_its_place() -> None:
    size = LARGE_BYTES + 1
    async with asyncio.timeout(LONGEST_S), asyncio.TaskGroup() as tasks:
        sockets = Sockets(size, tasks)
        sockets.bodies.places = Answers(
            quick_bytes=size, slow_bytes=size, waiting_bytes=sys.maxsize, quick_s=0.01, wait_s=None
        )
        sinks, sources = [], []
        for unsent in (size, size // 2):
            sink, socket = sockets.socket()
            source = sockets.source(socket)
            sources.append(source)
            await until_given(source)
            sink.frames, sink.room = [b"x" * unsent], False
            sinks.append(sink)
        reading, socket = sockets.socket()
        last = sockets.source(socket)
        await until_given(last)
        assert [sink.is_closed for sink in (*sinks, reading)] == [True, False, False]
        assert "slowly" in sinks[0].lost_because
        for source in (*sources, last):
            source.close()
        for sink in sinks:
            sink.make_room()
    assert sockets.bodies.places.held_bytes == 0


async def test_a_large_body_is_read_once_for_all_that_want_it_and_then_forgotten() -> None:
    size = MAX_BYTES
    response = SimpleNamespace(sequence=1, completed_at=None)
    contents: list[Any] = []

    async def take(sockets: Sockets) -> None:
        _, socket = sockets.socket()
        async with socket.turn(response, compression_ok=True):
            body = await sockets.bodies.of(1, None, compression_ok=True)
            contents.append(body.content)

    async with asyncio.TaskGroup() as tasks:
        sockets = Sockets(size, tasks)
        for _ in range(5):
            tasks.create_task(take(sockets))
    reads = size // PART_BYTES
    assert sockets.stored.reads == reads
    assert len(contents) == 5
    assert all(content is contents[0] for content in contents)
    await take(sockets)
    assert sockets.stored.reads == 2 * reads
