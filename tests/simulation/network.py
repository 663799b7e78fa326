"""Hosts, and the TCP connections between them: delays, cuts, slow readers, crashes.

A link can be cut in one direction: then data does not arrive, or arrives and is not acknowledged.
TCP sends it again when the link is whole. A process that is killed has its sockets closed by its
kernel; a machine that loses its power says nothing, and answers with a reset when it is back.
"""

from __future__ import annotations

import asyncio
import contextvars
import random
from collections.abc import Callable
from hashlib import blake2b
from typing import Any

from tests.simulation.loop import SimulatedLoop, current_process
from tests.simulation.tcp import Address, FakeSocket, Pipe, Transport

_EPHEMERAL_PORT = 40_000
_FIRST_RETRY_S, _LAST_RETRY_S = 1.0, 8.0


class Process:
    """One run of a program on a host: its tasks, sockets and listeners, until it ends."""

    def __init__(self, network: Network, host: str) -> None:
        self.network = network
        self.host = host
        self.is_alive = True
        self.tasks: dict[asyncio.Task[Any], None] = {}
        self.transports: dict[Transport, None] = {}
        self.context = contextvars.copy_context()
        self.context.run(current_process.set, self)
        network.processes.append(self)

    def spawn(self, coroutine: Any, name: str) -> asyncio.Task[Any]:
        """Run a coroutine as a task of this process."""
        return self.context.copy().run(self.network.loop.create_task, coroutine, name=name)

    def forget(self, task: asyncio.Task[Any]) -> None:
        self.tasks.pop(task, None)

    def kill(self, *, power: bool) -> None:
        """End it: its kernel closes its sockets, unless the whole machine loses its power."""
        self.is_alive = False
        self.network.close_listeners(self)
        for transport in [*self.transports]:
            transport.vanish(is_closed_by_kernel=not power)
        if power:
            self.network.down.add(self.host)
        # What is left of it runs to its end, and reaches nothing.
        for task in [*self.tasks]:
            task.cancel()


class Network:
    """All hosts and links.

    Args:
        loop: Keeps the time.
        rng: Delays and fragments.
        latency_s: The least and the most that a segment takes.
        client_latency_s: The same, to and from a client.
        fragment: How often a write arrives in pieces.
    """

    def __init__(
        self,
        loop: SimulatedLoop,
        rng: random.Random,
        *,
        latency_s: tuple[float, float] = (0.001, 0.02),
        client_latency_s: tuple[float, float] = (0.001, 0.02),
        fragment: float = 0.0,
    ) -> None:
        self.loop = loop
        self.rng = rng
        self.chances: dict[str, random.Random] = {}
        """By host, the random numbers of those that have their own."""
        self._latency_s = latency_s
        self._client_latency_s = client_latency_s
        self.clients: set[str] = set()
        self.processes: list[Process] = []
        self.fragment = fragment
        self.send_buffer_bytes = 16_384
        self.receive_buffer_bytes = 16_384
        self.cuts: dict[tuple[str, str], int] = {}
        self.down: set[str] = set()
        self.digest = blake2b(digest_size=16)
        self.delivered_bytes = 0
        self._listeners: dict[Address, Listener] = {}
        self._blocked: dict[Pipe, None] = {}
        self._ports = _EPHEMERAL_PORT
        loop.network = self

    def chance(self, source: str, target: str) -> random.Random:
        """Where the random numbers for a segment come from."""
        return self.chances.get(source) or self.chances.get(target) or self.rng

    def latency_s(self, source: str, target: str) -> float:
        """How long the next segment takes from one host to another."""
        is_client = source in self.clients or target in self.clients
        range_s = self._client_latency_s if is_client else self._latency_s
        return self.chance(source, target).uniform(*range_s)

    def passes(self, source: str, target: str) -> bool:
        """Whether packets get from one host to another."""
        return not (self.cuts.get((source, target)) or source in self.down or target in self.down)

    def cut(self, source: str, target: str) -> None:
        """Let nothing pass in one direction."""
        self.cuts[source, target] = self.cuts.get((source, target), 0) + 1

    def heal(self, source: str, target: str) -> None:
        """Undo one cut."""
        left = self.cuts.pop((source, target)) - 1
        if left:
            self.cuts[source, target] = left
        self.send_again()

    def send_again(self) -> None:
        """TCP tries again on every connection, each in its own time."""
        for pipe in [*self._blocked]:
            self.loop.call_later(self.rng.uniform(0.0, 1.0), pipe.retry)

    def block(self, pipe: Pipe) -> None:
        self._blocked[pipe] = None

    def unblock(self, pipe: Pipe) -> None:
        self._blocked.pop(pipe, None)

    def power_up(self, host: str) -> None:
        """Bring a machine back."""
        self.down.discard(host)
        self.send_again()

    def listen(
        self, factory: Callable[[], asyncio.BaseProtocol], host: str | None, port: int
    ) -> Listener:
        process = self._process()
        address = (process.host, port)
        if address in self._listeners:
            raise OSError(98, f"Address already in use: {address}")
        listener = self._listeners[address] = Listener(self, process, factory, address)
        return listener

    def close_listeners(self, process: Process) -> None:
        for listener in [*self._listeners.values()]:
            if listener.process is process:
                listener.close()

    def forget_listener(self, listener: Listener) -> None:
        if self._listeners.get(listener.address) is listener:
            del self._listeners[listener.address]

    async def connect(
        self, factory: Callable[[], asyncio.BaseProtocol], host: str, port: int
    ) -> tuple[Transport, asyncio.BaseProtocol]:
        process = self._process()
        await self._round_trip(process, host)
        listener = self._listeners.get((host, port))
        if listener is None:
            raise ConnectionRefusedError(111, f"Connect call failed ('{host}', {port})")
        self._ports += 1
        client = Transport(self, process, (process.host, self._ports), (host, port))
        server = Transport(self, listener.process, (host, port), client.name)
        client.out = server.incoming = Pipe(self, client, server)
        server.out = client.incoming = Pipe(self, server, client)
        self.loop.call_soon(listener.accept, server, context=listener.process.context)
        try:
            await asyncio.sleep(self.latency_s(host, process.host))
        except BaseException:
            client.abort()
            raise
        if not process.is_alive:
            raise OSError(103, "this process has been killed")
        protocol = factory()
        client.start(protocol)
        return client, protocol

    async def _round_trip(self, process: Process, host: str) -> None:
        """A SYN and its answer, sent again as TCP does."""
        retry_s = _FIRST_RETRY_S
        while True:
            await asyncio.sleep(self.latency_s(process.host, host))
            if not process.is_alive:
                raise OSError(113, "this process has been killed")
            if self.passes(process.host, host) and self.passes(host, process.host):
                return
            await asyncio.sleep(retry_s)
            retry_s = min(2 * retry_s, _LAST_RETRY_S)

    def _process(self) -> Process:
        process = current_process.get()
        if process is None:
            # The driver takes any error for an outage, which would hide this one.
            self.loop.failures.append("what belongs to no process opens a socket")
            raise OSError(13, "only processes have sockets")
        if not process.is_alive:
            raise OSError(113, "this process has been killed")
        return process

    def note_delivery(self, source: Address, target: Address, data: bytes) -> None:
        """Make a delivery a part of what two runs of a seed must agree on."""
        self.delivered_bytes += len(data)
        line = f"{self.loop.time():.9f} {source[0]}:{source[1]} {target[0]}:{target[1]} "
        self.digest.update(line.encode() + data)


class Listener:
    """A listening socket; asyncio's `Server`, as far as anything here uses it."""

    def __init__(
        self,
        network: Network,
        process: Process,
        factory: Callable[[], asyncio.BaseProtocol],
        address: Address,
    ) -> None:
        self._network = network
        self._factory = factory
        self.process = process
        self.address = address

    @property
    def sockets(self) -> tuple[FakeSocket, ...]:
        return (FakeSocket(self.address),)

    def accept(self, transport: Transport) -> None:
        if self.process.is_alive:
            transport.start(self._factory())

    def close(self) -> None:
        self._network.forget_listener(self)

    async def wait_closed(self) -> None:
        pass
