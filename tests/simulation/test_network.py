from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Coroutine
from typing import Any, TypeAlias

import pytest

from tests.simulation.loop import SimulatedLoop, time_passes_until
from tests.simulation.network import Network, Process


class Peer(asyncio.Protocol):
    """One side of a connection, which notes what happens to it."""

    def __init__(self) -> None:
        self.received = b""
        self.events: list[str] = []
        self.transport: Any

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.received += data

    def pause_writing(self) -> None:
        self.events.append("paused")

    def resume_writing(self) -> None:
        self.events.append("resumed")

    def connection_lost(self, exc: Exception | None) -> None:
        self.events.append("lost" if exc is None else type(exc).__name__)


Test: TypeAlias = Callable[[Network, Process, Peer, Process, Peer], Coroutine[Any, Any, None]]


def simulate(test: Test) -> None:
    """Run a test with two processes, `a` and `b`, and a connection from `a` to `b`."""

    async def run() -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, SimulatedLoop)
        network = Network(loop, random.Random(1))
        a, b = Process(network, "a"), Process(network, "b")
        near, far = Peer(), Peer()
        b.context.copy().run(network.listen, lambda: far, "b", 1)
        await a.spawn(network.connect(lambda: near, "b", 1), "connect")
        await test(network, a, near, b, far)

    loop = SimulatedLoop()
    try:
        loop.run_until_complete(run())
    finally:
        loop.close()


def test_an_hour_passes_at_once() -> None:
    async def test(network: Network, *_: Any) -> None:
        before_s = network.loop.time()
        await asyncio.sleep(3600)
        assert 3600 <= network.loop.time() - before_s < 3601

    simulate(test)


def test_what_a_reader_does_not_read_waits_at_the_writer() -> None:
    async def test(network: Network, a: Process, near: Peer, b: Process, far: Peer) -> None:
        far.transport.pause_reading()
        near.transport.set_write_buffer_limits(high=1, low=0)
        near.transport.write(bytes(200_000))
        await asyncio.sleep(60)
        assert near.events == ["paused"]
        assert near.transport.get_write_buffer_size() > 0
        assert near.transport.out.kernel_bytes == near.transport.out.send_buffer_bytes
        far.transport.resume_reading()
        await asyncio.sleep(60)
        assert far.received == bytes(200_000)
        assert near.events == ["paused", "resumed"]

    simulate(test)


def test_what_waits_for_a_reader_that_goes_away_is_answered_with_a_reset() -> None:
    async def test(network: Network, a: Process, near: Peer, b: Process, far: Peer) -> None:
        far.transport.pause_reading()
        near.transport.write(bytes(200_000))
        out = near.transport.out
        await time_passes_until(lambda: out.kernel_bytes == out.send_buffer_bytes)
        far.transport.close()
        await time_passes_until(lambda: len(near.events) == 2)
        assert near.events == ["paused", "ConnectionResetError"]

    simulate(test)


def test_what_passes_a_one_way_cut_is_not_acknowledged() -> None:
    async def test(network: Network, a: Process, near: Peer, b: Process, far: Peer) -> None:
        network.cut("b", "a")
        near.transport.write(b"there")
        far.transport.write(b"back")
        await asyncio.sleep(10)
        assert (far.received, near.received) == (b"there", b"")
        assert near.transport.out.kernel_bytes == len(b"there")
        network.heal("b", "a")
        await asyncio.sleep(10)
        assert near.received == b"back"
        assert near.transport.out.kernel_bytes == 0

    simulate(test)


def test_killed_process_is_seen_to_end_and_one_without_power_is_not() -> None:
    async def test(network: Network, a: Process, near: Peer, b: Process, far: Peer) -> None:
        b.kill(power=False)
        await asyncio.sleep(10)
        assert near.events == ["lost"]

    async def test_power(network: Network, a: Process, near: Peer, b: Process, far: Peer) -> None:
        b.kill(power=True)
        near.transport.write(b"is somebody there?")
        await asyncio.sleep(600)
        assert near.events == []
        network.power_up("b")
        await asyncio.sleep(10)
        assert near.events == ["ConnectionResetError"]

    simulate(test)
    simulate(test_power)


def test_socket_that_belongs_to_no_process_is_an_error_of_the_story() -> None:
    async def test(network: Network, *_: Any) -> None:
        with pytest.raises(OSError, match="only processes"):
            await network.connect(Peer, "b", 1)
        assert network.loop.failures == ["what belongs to no process opens a socket"]

    simulate(test)
