"""Flow control for uvicorn's connections: direct writes, and a time limit for clients that stall.

By itself uvicorn has a task switch for each message and client, and sets no limit on how long a
client may take nothing, nor on how much of what it sends is handled at once, or waits. What
`WatchedConnection` adds to its protocols:

- Sinks put texts into the transport's buffer, and say whether it is too full.
- A client that takes nothing for `send_timeout_s` is dropped. Taken is what its side has
  acknowledged (on Linux), so that one which reads slowly but steadily is never dropped.
- The kernel gets a send buffer of limited size, that it may not hide the stall.
- A client that sends as much as it can has its turns like all others, and fills no memory.
"""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import socket
import struct
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Any, ClassVar, Self, TypeAlias

from graphql_api.limits.client_limits import ClientLimits
from graphql_api.limits.connection_limits import Leave
from graphql_api.limits.traffic import Traffic
from graphql_api.limits.turn_queue import TurnQueue

if sys.platform == "linux":
    from fcntl import ioctl
    from termios import FIONREAD, TIOCOUTQ

Kernel: TypeAlias = Callable[[Any, int], int]
"""Answers questions about the queues of a socket, as `ask_kernel` does."""

_LOOKS_PER_TIMEOUT = 4
_PART_BYTES = 1024
_PARTS_IN_A_TURN = 8
_TURN_S = 0.002
"""Of what one connection sends so much is read before others have their turn: so many parts of so
many bytes, or what has been read when so many seconds are over. A byte may cost little, as in a
long body, or much, as in a frame of one."""


def ask_kernel(sock: Any, question: int) -> int:
    """The length of a socket's queue in the kernel, in bytes; 0 if unknown, or closed.

    Args:
        sock: The socket.
        question: TIOCOUTQ, for what the other side has not acknowledged; FIONREAD, for what has
            come and was not read.
    """
    try:
        (amount,) = struct.unpack("i", ioctl(sock.fileno(), question, bytes(4)))
    except (OSError, ValueError):  # ValueError: a closed socket has no descriptor
        return 0
    return int(amount)


class StallWatch:
    """Detects a client that takes nothing, unlike one that is slow. Pure: has no clock of its own.

    Args:
        timeout_s: How long nothing may be taken.
        taken: How much has been taken so far.
        now_s: The time.
    """

    __slots__ = ("_at_s", "_taken", "_timeout_s")

    def __init__(self, timeout_s: float, *, taken: int, now_s: float) -> None:
        self._timeout_s = timeout_s
        self._taken = taken
        self._at_s = now_s

    def is_stalled(self, *, taken: int, now_s: float) -> bool:
        """Whether nothing has been taken for the whole time; to be asked now and then."""
        if taken > self._taken:
            self._taken = taken
            self._at_s = now_s
        return now_s - self._at_s >= self._timeout_s


class WatchedConnection(asyncio.Protocol):
    """Base class of both protocols, before uvicorn's own; with their framing it is a `Sink`."""

    # What few connections have must cost the others little, hence the slots, None and ().
    __slots__ = (
        "_callbacks",
        "_has_turn",
        "_is_paused",
        "_leave",
        "_look_timer",
        "_unread",
        "_watch",
        "_written",
        "client",
        "loop",
        "lost_because",
        "transport",
    )

    limits: ClassVar[ClientLimits] = ClientLimits()
    kernel: ClassVar[staticmethod[[Any, int], int]] = staticmethod(ask_kernel)
    turns: ClassVar[TurnQueue] = TurnQueue()
    traffic: ClassVar[Traffic] = Traffic()
    transport: asyncio.Transport
    loop: asyncio.AbstractEventLoop
    client: tuple[str, int] | None
    logger: logging.Logger

    @classmethod
    def with_limits(
        cls,
        limits: ClientLimits,
        kernel: Kernel = ask_kernel,
        turns: TurnQueue | None = None,
        traffic: Traffic | None = None,
    ) -> type[Self]:
        """A subclass with these limits, for uvicorn, which makes the connections of a class."""
        members = {
            "__slots__": (),
            "limits": limits,
            "kernel": staticmethod(kernel),
            "turns": turns or TurnQueue(),
            "traffic": traffic or Traffic(),
        }
        return type(cls.__name__, (cls,), members)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._unread: bytes | bytearray = b""
        self._is_paused = False
        self._has_turn = False
        self._callbacks: tuple[Callable[[], None], ...] | None = ()  # None, once it is lost
        self._written = 0
        self._watch: StallWatch | None = None
        self._look_timer: asyncio.TimerHandle | None = None
        self._leave: Leave | None = None
        self.lost_because = ""

    def take_over(self, earlier: WatchedConnection) -> None:
        """Go on with a connection that began by another protocol, and with what waits there."""
        self._leave, earlier._leave = earlier._leave, None
        self._unread += earlier._unread
        earlier._unread = b""
        self._arrange_reading()
        if earlier._watch is not None:
            earlier._stop_watch()
            self.pause_writing()

    # What sinks have in common.

    @property
    def is_writable(self) -> bool:
        """Whether there is room for more; never, once it is closed."""
        if self.is_closed:
            return False
        return self.unsent_bytes < self.limits.write_buffer_bytes

    @property
    def unsent_bytes(self) -> int:
        """How much of what was written the client's side has not taken from this process."""
        return self.transport.get_write_buffer_size()

    @property
    def is_closed(self) -> bool:
        """Whether nothing that is written now would be sent."""
        return self.transport.is_closing()

    def on_writable(self, callback: Callable[[], None]) -> None:
        """Call `callback` once, as soon as the sink is empty again, or lost; not after that."""
        # What is called refers to this connection: one that is lost would never be freed.
        if self._callbacks is not None:
            self._callbacks += (callback,)

    def abort(self) -> None:
        """Drop the connection, with all that is unsent."""
        # uvicorn closes a transport again when its connection is lost; a TLS transport then forgets
        # its protocol, and Python 3.11.2 stumbles over that here.
        with suppress(AttributeError):
            self.transport.abort()

    def _write(self, data: bytes) -> None:
        size = len(data)
        self._written += size
        self.traffic.bytes_written += size
        self.transport.write(data)

    # What the transport calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Limit the buffers, and send at once what is written."""
        super().connection_made(transport)
        self.client = client_of(transport)
        sock = transport.get_extra_info("socket")
        if sock is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, self.limits.send_buffer_bytes)
            # asyncio does so only for sockets that were made with the protocol's number. Without it
            # whatever is written after something else waits until that is acknowledged: 40 ms.
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        # So `pause_writing` means that something waits, and `resume_writing` that nothing does.
        # Over TLS it comes when `high` bytes wait, which 0 always do, elsewhere when more do: a
        # single last byte is not noticed there until something else is written.
        self.transport.set_write_buffer_limits(high=1, low=0)

    def connection_lost(self, exc: Exception | None) -> None:
        """End the watch, wake every waiting call, and make room for another connection."""
        if self._leave is not None:
            self._leave()
        self._stop_watch()
        self._unread = b""
        super().connection_lost(exc)
        self._call_back()
        self._callbacks = None

    def pause_writing(self) -> None:
        """Something waits: see that it is taken."""
        super().pause_writing()
        self._watch = StallWatch(
            self.limits.send_timeout_s, taken=self.taken_bytes, now_s=self.loop.time()
        )
        self._look_later()

    def resume_writing(self) -> None:
        """Nothing waits any more."""
        self._stop_watch()
        super().resume_writing()
        self._call_back()

    def data_received(self, data: bytes) -> None:
        """Read it; if it is much, a part of it, and the rest in turns with other connections."""
        self._unread += data
        if not self._has_turn and not self._is_paused:
            self._read_on()

    # What is read, and when.

    def pause_reading(self) -> None:
        """Read nothing more for now."""
        self._is_paused = True
        self._arrange_reading()

    def resume_reading(self) -> None:
        """Read on."""
        self._is_paused = False
        self._arrange_reading()

    def _read(self, data: bytes) -> None:
        """Have uvicorn read a part of what has come."""
        super().data_received(data)

    def _read_on(self) -> None:
        ends_at_s = self.turns.clock() + _TURN_S
        for _ in range(_PARTS_IN_A_TURN):
            self._read(self._take_part())
            is_over = self._is_paused or self.transport.is_closing()
            if is_over or not self._unread or self.turns.clock() >= ends_at_s:
                break
        self._arrange_reading()

    def _take_part(self) -> bytes:
        unread = self._unread
        if len(unread) <= _PART_BYTES:
            self._unread = b""
            return bytes(unread)
        if isinstance(unread, bytes):
            # Its beginning can be cut off without a copy of what is left each time.
            self._unread = unread = bytearray(unread)
        part = bytes(unread[:_PART_BYTES])
        del unread[:_PART_BYTES]
        return part

    def _arrange_reading(self) -> None:
        """Let more come once everything is read that is there; until then, read it turn by turn."""
        if self.transport.is_closing():
            self._unread = b""
        elif self._unread or self._is_paused:
            self.transport.pause_reading()
        else:
            self.transport.resume_reading()
        if self._unread and not self._is_paused and not self._has_turn:
            self._has_turn = True
            self.turns.call(self._turn, self.loop)

    def _turn(self) -> None:
        self._has_turn = False
        if not self._is_paused and not self.transport.is_closing():
            self._read_on()

    # The watch.

    @property
    def taken_bytes(self) -> int:
        """How much the other side has taken of what was written, as far as can be known."""
        return self._written - self.unsent_bytes - self._kernel_bytes()

    def _kernel_bytes(self) -> int:
        """How much the kernel holds that has not been acknowledged."""
        return self._ask_kernel(TIOCOUTQ) if sys.platform == "linux" else 0

    @property
    def has_unread(self) -> bool:
        """Whether something has come that is not read yet, as far as can be known."""
        return bool(self._unread) or (sys.platform == "linux" and self._ask_kernel(FIONREAD) > 0)

    def _ask_kernel(self, question: int) -> int:
        sock = self.transport.get_extra_info("socket")
        return 0 if sock is None else self.kernel(sock, question)

    def _look_later(self) -> None:
        interval_s = self.limits.send_timeout_s / _LOOKS_PER_TIMEOUT
        self._look_timer = self.loop.call_later(interval_s, self._look)

    def _look(self) -> None:
        assert self._watch is not None
        if self._watch.is_stalled(taken=self.taken_bytes, now_s=self.loop.time()):
            self._stop_watch()
            self.lost_because = f"it took nothing for {self.limits.send_timeout_s:g} s"
            self.transport.abort()
        else:
            self._look_later()

    def _stop_watch(self) -> None:
        self._watch = None
        if self._look_timer is not None:
            self._look_timer.cancel()
            self._look_timer = None

    def _call_back(self) -> None:
        callbacks, self._callbacks = self._callbacks, ()
        for callback in callbacks or ():
            callback()


def client_of(transport: asyncio.BaseTransport) -> tuple[str, int] | None:
    """Who is on the other side of a connection: address and port.

    A socket that serves IPv6 and IPv4 has another form of an IPv4 address.
    """
    peer = transport.get_extra_info("peername")
    if not isinstance(peer, tuple):
        return None
    host, port, *_ = peer
    if host.startswith("::ffff:"):
        address = ipaddress.ip_address(host.partition("%")[0])
        mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
        host = host if mapped is None else str(mapped)
    return host, port
