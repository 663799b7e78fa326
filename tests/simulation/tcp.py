"""TCP connections of a simulation: buffers, delays, and what is acknowledged.

Bytes take this way, and each place is as small as on a real machine:

```
 write ─▶ the transport's buffer ─▶ the sender's kernel ─▶ on its way ─▶ the reader's kernel ─▶ read
                                     until acknowledged                   while reading is paused
```
"""

from __future__ import annotations

import asyncio
from collections import deque
from termios import TIOCOUTQ
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from tests.simulation.network import Network, Process

_MAX_SEGMENT = 1460

Address: TypeAlias = tuple[str, int]


class FakeSocket:
    """What a transport shows of its socket, and what a server is given to listen on."""

    def __init__(
        self, name: Address, peer: Address | None = None, pipe: Pipe | None = None
    ) -> None:
        self._name = name
        self._peer = peer
        self.pipe = pipe
        self.family = 2

    def getsockname(self) -> Address:
        return self._name

    def getpeername(self) -> Address | None:
        return self._peer

    def setsockopt(self, level: int, option: int, value: int) -> None:
        if self.pipe is not None and option == 7:  # SO_SNDBUF
            self.pipe.send_buffer_bytes = value

    def listen(self, backlog: int) -> None:
        """Set how many connections may wait: here there is no limit."""

    def close(self) -> None:
        pass


def ask_kernel(sock: FakeSocket, question: int) -> int:
    """What Linux says of a socket's queues."""
    if sock.pipe is None:
        return 0
    return sock.pipe.kernel_bytes if question == TIOCOUTQ else sock.pipe.source.unread_bytes


class _Reset:
    """What arrives in the place of more data when a connection is reset."""


_RESET = _Reset()


class Pipe:
    """One direction of a connection."""

    def __init__(self, network: Network, source: Transport, target: Transport) -> None:
        self._network = network
        self.source = source
        self._target = target
        self._flying: deque[tuple[float, bytes | _Reset | None]] = deque()
        self._last_s = 0.0
        self._is_scheduled = False
        self._unacknowledged = 0
        self._is_finished = False
        self._is_held_up = False
        self.send_buffer_bytes = network.send_buffer_bytes
        self.kernel_bytes = 0
        """What the sender's kernel holds until it is acknowledged."""
        self.acknowledged_bytes = 0

    @property
    def _hosts(self) -> tuple[str, str]:
        return self.source.process.host, self._target.process.host

    def room(self) -> int:
        """How much more the sender's kernel takes."""
        return max(0, self.send_buffer_bytes - self.kernel_bytes)

    def send(self, data: bytes) -> None:
        """Take data into the sender's kernel."""
        self.kernel_bytes += len(data)
        network = self._network
        chance = network.chance(*self._hosts)
        if len(data) > 1 and chance.random() < network.fragment:
            at = chance.randrange(1, len(data))
            self._fly(data[:at])
            data = data[at:]
        for start in range(0, len(data), 4 * _MAX_SEGMENT):
            self._fly(data[start : start + 4 * _MAX_SEGMENT])

    def finish(self) -> None:
        """Let the other side see the end, after everything that was sent."""
        if not self._is_finished:
            self._is_finished = True
            self._fly(None)

    def reset(self) -> None:
        """Let the other side see a reset, after what is on its way already."""
        if self._is_held_up:
            self._flying.clear()  # the reader's kernel has no room: it was not sent yet
            self._is_held_up = False
        self._is_finished = True
        self._fly(_RESET)

    def drop(self) -> None:
        """Throw away what is on its way."""
        self._is_finished = True
        self._flying.clear()
        self._network.unblock(self)

    def _fly(self, data: bytes | _Reset | None) -> None:
        now_s = self._network.loop.time()
        self._last_s = max(self._last_s, now_s + self._network.latency_s(*self._hosts))
        self._flying.append((self._last_s, data))
        self._schedule()

    def _schedule(self) -> None:
        if self._flying and not self._is_scheduled:
            self._is_scheduled = True
            context = self._target.process.context
            self._network.loop.call_at(self._flying[0][0], self._arrive, context=context)

    def retry(self) -> None:
        """The link may be whole again, or the reader may read again."""
        self._network.unblock(self)
        source, target = self._hosts
        if self._unacknowledged and self._network.passes(target, source):
            acknowledged, self._unacknowledged = self._unacknowledged, 0
            self._acknowledge(acknowledged)
        elif self._unacknowledged:
            self._network.block(self)
        self._schedule()

    def go_on(self) -> None:
        """The reader has read: there may be room for what has arrived."""
        if self._is_held_up:
            self._is_held_up = False
            self._schedule()

    def _arrive(self) -> None:
        self._is_scheduled = False
        source, target = self._hosts
        while self._flying and self._flying[0][0] <= self._network.loop.time():
            if not self._network.passes(source, target):
                self._network.block(self)
                return
            _, data = self._flying[0]
            reader = self._target
            if reader.is_lost:
                self.drop()
                if isinstance(data, bytes) and not self.source.is_lost:
                    reader.out.reset()
                return
            if (
                isinstance(data, bytes)
                and reader.unread_bytes >= self._network.receive_buffer_bytes
            ):
                self._is_held_up = True
                return
            self._flying.popleft()
            if data is None:
                reader.receive_end()
                continue
            if isinstance(data, _Reset):
                reader.lose(ConnectionResetError(104, "Connection reset by peer"))
                return
            self._network.note_delivery(self.source.name, reader.name, data)
            if self._network.passes(target, source):
                self._acknowledge(len(data))
            else:
                self._unacknowledged += len(data)
                self._network.block(self)
            reader.receive(data)
        self._schedule()

    def _acknowledge(self, size: int) -> None:
        self.kernel_bytes -= size
        self.acknowledged_bytes += size
        self._network.loop.call_soon(self.source.flush, context=self.source.process.context)


class Transport(asyncio.Transport):
    """One side of a connection, as asyncio has it."""

    def __init__(self, network: Network, process: Process, name: Address, peer: Address) -> None:
        super().__init__()
        self._network = network
        self.process = process
        self.name = name
        self.peer = peer
        self.out: Pipe
        self.incoming: Pipe
        self.unread_bytes = 0
        self.most_waiting_bytes = 0
        self.before_last_bytes = 0
        """What was not acknowledged yet when the last was written."""
        self.is_lost = False
        self._unread: deque[bytes | None] = deque()
        self._waiting = bytearray()
        self._high, self._low = 65_536, 16_384
        self._protocol: Any = None
        self._is_closing = False
        self._is_reading = True
        self._is_writing_paused = False
        self._is_delivering = False
        process.transports[self] = None

    def start(self, protocol: asyncio.BaseProtocol) -> None:
        self._protocol = protocol
        protocol.connection_made(self)
        self._deliver_soon()

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        match name:
            case "peername":
                return self.peer
            case "sockname":
                return self.name
            case "socket":
                return FakeSocket(self.name, self.peer, self.out)
        return default

    def get_protocol(self) -> Any:
        return self._protocol

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        self._protocol = protocol

    def is_closing(self) -> bool:
        return self._is_closing

    # Writing.

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        self._high = 65_536 if high is None else high
        self._low = self._high // 4 if low is None else low

    def get_write_buffer_size(self) -> int:
        return len(self._waiting)

    def write(self, data: bytes | bytearray | memoryview) -> None:
        if self.is_lost or self._is_closing:
            return
        self.before_last_bytes = len(self._waiting) + self.out.kernel_bytes
        self._waiting += data
        self.flush()
        self.most_waiting_bytes = max(self.most_waiting_bytes, len(self._waiting))
        if len(self._waiting) > self._high and not self._is_writing_paused:
            self._is_writing_paused = True
            self._protocol.pause_writing()

    def flush(self) -> None:
        """Give the kernel what it takes."""
        if self.is_lost:
            return
        while self._waiting and (room := self.out.room()):
            self.out.send(bytes(self._waiting[:room]))
            del self._waiting[:room]
        if self._is_writing_paused and len(self._waiting) <= self._low:
            self._is_writing_paused = False
            self._protocol.resume_writing()
        if self._is_closing and not self._waiting:
            self._end()

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        self.out.finish()

    def close(self) -> None:
        if not self._is_closing:
            self._is_closing = True
            if not self._waiting:
                self._network.loop.call_soon(self._end, context=self.process.context)

    def _end(self) -> None:
        if not self.is_lost:
            self.out.finish()
            self.lose(None)

    def abort(self) -> None:
        if not self.is_lost:
            self._is_closing = True
            self._waiting.clear()
            if self._unread:
                self.out.reset()
            else:
                self.out.finish()
            self._network.loop.call_soon(self.lose, None, context=self.process.context)

    def lose(self, error: Exception | None) -> None:
        """The connection is over for this side."""
        if self.is_lost:
            return
        self._forget()
        if self._protocol is not None:
            self.process.context.copy().run(self._protocol.connection_lost, error)

    def vanish(self, *, is_closed_by_kernel: bool) -> None:
        """The process is gone: its protocol hears of nothing any more."""
        if self.is_lost:
            return
        self._forget()
        if is_closed_by_kernel:
            self.out.finish()
        else:
            self.out.drop()

    def _forget(self) -> None:
        self.is_lost = self._is_closing = True
        self._waiting.clear()
        self._unread.clear()
        self.process.transports.pop(self, None)
        self.incoming.go_on()  # what was held up for this side is answered with a reset

    # Reading.

    def is_reading(self) -> bool:
        return self._is_reading

    def pause_reading(self) -> None:
        self._is_reading = False

    def resume_reading(self) -> None:
        if not self._is_reading:
            self._is_reading = True
            self._deliver_soon()

    def receive(self, data: bytes) -> None:
        self._unread.append(data)
        self.unread_bytes += len(data)
        self._deliver()

    def receive_end(self) -> None:
        self._unread.append(None)
        self._deliver()

    def _deliver_soon(self) -> None:
        if self._unread and not self._is_delivering:
            self._is_delivering = True
            self._network.loop.call_soon(self._deliver_now, context=self.process.context)

    def _deliver_now(self) -> None:
        self._is_delivering = False
        self._deliver()

    def _deliver(self) -> None:
        """Hand over what there is, while it is read."""
        while self._unread and self._is_reading and not self._is_closing:
            if self._protocol is None:
                return
            data = self._unread.popleft()
            if data is None:
                if not self._protocol.eof_received():
                    self.close()
                return
            self.unread_bytes -= len(data)
            self._protocol.data_received(data)
            self.incoming.go_on()
