"""Thousands of graphql-transport-ws clients in one loop, which count messages without reading them.

One core must be able to take 200 000 messages a second, so a message costs a look at its frame's
header (RFC 6455, 5.2), and no more. What is in the last of them is kept, to be checked at the end.
"""

from __future__ import annotations

import json
import select
import socket
import struct
import time
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from tests.benchmarks.documents import OPERATION

TIMEOUT_S = 30.0
_AT_ONCE = 200
"""How many sockets are opened at a time; more than a listening socket's queue would be refused."""
_BUFFER_BYTES = 1 << 18
_KEPT_BYTES = 8192
_KEY = "dGhlIHNhbXBsZSBub25jZQ=="
_TEXT, _CLOSE, _PING, _PONG = 0x1, 0x8, 0x9, 0xA
_FINAL = 0x80
_STORED = b'{"id":"1","type":"next","payload":'
_STORED_HEADER_BYTES = 5


class ClosedError(Exception):
    """The server has closed a socket, or refuses one."""


Variables = Mapping[str, Any]
Arrived = Callable[[int, int], None]
"""Called with how many messages a subscriber had before, and how many it has now."""


class Subscriber:
    """One socket with one subscription.

    Attributes:
        messages: How many have come since the last reset.
        end: The end of what has come.
    """

    __slots__ = ("end", "is_inside_message", "messages", "rest", "skip", "socket")

    def __init__(self, sock: socket.socket) -> None:
        self.socket = sock
        self.messages = 0
        self.end = b""
        self.rest = b""  # the beginning of a frame's header, or of a control frame
        self.skip = 0  # how much of a frame is still to come
        self.is_inside_message = False


class LoadClient:
    """Many subscribers. `connected` makes one.

    Attributes:
        subscribers: All of them.
        messages: How many messages have come since the last reset.
        received_bytes: How many bytes have come.
    """

    def __init__(self, offer: str | None = None) -> None:
        self.subscribers: list[Subscriber] = []
        self.messages = 0
        self.received_bytes = 0
        self._offer = offer
        self._by_descriptor: dict[int, Subscriber] = {}
        self._poll = select.epoll()
        self._buffer = bytearray(_BUFFER_BYTES)
        self._view = memoryview(self._buffer)

    def connect(self, host: str, port: int, number: int) -> None:
        """Open so many sockets more, and wait until each is acknowledged.

        Raises:
            ClosedError: One is not.
        """
        for start in range(0, number, _AT_ONCE):
            count = min(_AT_ONCE, number - start)
            new = [
                Subscriber(socket.create_connection((host, port), TIMEOUT_S)) for _ in range(count)
            ]
            self.subscribers += new
            for subscriber in new:
                subscriber.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                subscriber.socket.sendall(handshake(host, port, self._offer))
            for subscriber in new:
                _read_handshake(subscriber)
                subscriber.socket.sendall(text_frame({"type": "connection_init"}))
            for subscriber in new:
                subscriber.socket.setblocking(False)
                self._by_descriptor[subscriber.socket.fileno()] = subscriber
                self._poll.register(subscriber.socket.fileno(), select.EPOLLIN)
            self.until(1, new)
            for subscriber in new:
                subscriber.messages = 0

    def subscribe(self, variables: Sequence[Variables] | Variables) -> None:
        """Have everybody subscribe.

        Args:
            variables: Each subscriber's, or everybody's.
        """
        if isinstance(variables, Mapping):
            variables = [variables]
        frames = [subscribe_frame(one) for one in variables]
        for number, subscriber in enumerate(self.subscribers):
            subscriber.socket.sendall(frames[number % len(frames)])

    def send_operation(self, query: str) -> None:
        """Have everybody subscribe to something else."""
        payload = {"query": query}
        for subscriber in self.subscribers:
            frame = text_frame({"id": "1", "type": "subscribe", "payload": payload})
            subscriber.socket.sendall(frame)

    def poll(self, timeout_s: float, arrived: Arrived | None = None) -> None:
        """Take what there is; if there is nothing, wait for it.

        Raises:
            ClosedError: A server has closed a socket.
        """
        for descriptor, _ in self._poll.poll(timeout_s, 1024):
            subscriber = self._by_descriptor[descriptor]
            count = self._take(subscriber)
            if count:
                before = subscriber.messages
                subscriber.messages += count
                self.messages += count
                if arrived is not None:
                    arrived(before, subscriber.messages)

    def until(
        self,
        messages: int,
        subscribers: Sequence[Subscriber] | None = None,
        timeout_s: float = TIMEOUT_S,
        *,
        arrived: Arrived | None = None,
    ) -> None:
        """Take what comes until each subscriber has so many messages.

        Raises:
            ClosedError: A server has closed a socket.
            TimeoutError: They do not come.
        """
        waiting = list(self.subscribers if subscribers is None else subscribers)
        deadline_s = time.monotonic() + timeout_s
        while waiting := [one for one in waiting if one.messages < messages]:
            if time.monotonic() > deadline_s:
                raise TimeoutError(
                    f"{len(waiting)} of {len(self.subscribers)} subscribers do not get "
                    f"{messages} messages within {timeout_s} s; one has {waiting[0].messages}"
                )
            self.poll(0.1, arrived)

    def reset(self) -> None:
        """Count from 0."""
        self.messages = 0
        for subscriber in self.subscribers:
            subscriber.messages = 0

    @property
    def slowest(self) -> int:
        """How many messages every subscriber has at least."""
        return min(subscriber.messages for subscriber in self.subscribers)

    def check(self, messages: int, marker: bytes) -> None:
        """See that everybody has exactly so many messages, and the marker in the last of them.

        Raises:
            AssertionError: Somebody has not.
        """
        for subscriber in self.subscribers:
            got = subscriber.messages
            assert got == messages, f"a subscriber has {got} messages, not {messages}"
            end = _inflated(subscriber.end) if self._offer and marker else subscriber.end
            assert marker in end, f"the end {end!r} lacks {marker!r}"

    def close(self) -> None:
        """Close all sockets."""
        self._poll.close()
        for subscriber in self.subscribers:
            subscriber.socket.close()

    def _take(self, subscriber: Subscriber) -> int:
        """Read what is there, up to a buffer; how many messages are complete by that."""
        buffer, position, kept = self._buffer, subscriber.skip, len(subscriber.rest)
        if kept:
            buffer[:kept] = subscriber.rest
            subscriber.rest = b""
        try:
            received = subscriber.socket.recv_into(self._view[kept:])
        except ConnectionError as error:
            raise ClosedError(f"a socket was reset: {error}") from error
        if not received:
            raise ClosedError("a socket was closed")
        self.received_bytes += received
        end = kept + received
        messages = 0
        if subscriber.is_inside_message and position <= end:
            messages = 1
            subscriber.is_inside_message = False
        while position < end:
            header = _frame(buffer, position, end)
            if header is None:
                subscriber.rest = bytes(self._view[position:end])
                break
            start, length = header
            first = buffer[position]
            if first & 0x8:
                if start + length > end:
                    subscriber.rest = bytes(self._view[position:end])
                    break
                _answer(subscriber, first & 0xF, bytes(self._view[start : start + length]))
            elif first & _FINAL:
                if start + length <= end:
                    messages += 1
                else:
                    subscriber.is_inside_message = True
            position = start + length
        subscriber.skip = 0 if subscriber.rest else position - end
        fresh = bytes(self._view[max(0, end - _KEPT_BYTES) : end])
        subscriber.end = (
            fresh if received >= _KEPT_BYTES else (subscriber.end + fresh)[-_KEPT_BYTES:]
        )
        return messages


@contextmanager
def connected(
    host: str, port: int, number: int, *, offer: str | None = None
) -> Iterator[LoadClient]:
    """So many acknowledged sockets, until the context is left.

    Args:
        host: The server's.
        port: The server's.
        number: How many.
        offer: The extension that they offer.

    Raises:
        ClosedError: One is not acknowledged.
    """
    client = LoadClient(offer)
    try:
        client.connect(host, port, number)
        yield client
    finally:
        client.close()


def text_frame(message: Mapping[str, Any]) -> bytes:
    """A message as a client sends it; masked by zeros, which changes nothing."""
    payload = json.dumps(message).encode()
    return _client_frame(_TEXT, payload)


def subscribe_frame(variables: Variables) -> bytes:
    """The message by which a subscription begins."""
    payload = {"query": OPERATION, "variables": variables}
    return text_frame({"id": "1", "type": "subscribe", "payload": payload})


def _client_frame(opcode: int, payload: bytes) -> bytes:
    length = len(payload)
    if length < 126:
        head = struct.pack("!BB", _FINAL | opcode, 0x80 | length)
    else:
        assert length <= 0xFFFF
        head = struct.pack("!BBH", _FINAL | opcode, 0x80 | 126, length)
    return head + bytes(4) + payload


def _frame(buffer: bytearray, position: int, end: int) -> tuple[int, int] | None:
    """Where the payload of the frame at `position` starts, and its length; None, if unknown yet."""
    if position + 2 > end:
        return None
    length = buffer[position + 1]
    if length < 126:
        return position + 2, length
    if length == 126:
        if position + 4 > end:
            return None
        return position + 4, buffer[position + 2] << 8 | buffer[position + 3]
    if position + 10 > end:
        return None
    return position + 10, int.from_bytes(buffer[position + 2 : position + 10], "big")


def _answer(subscriber: Subscriber, opcode: int, payload: bytes) -> None:
    """Do what a control frame asks for: a server cuts off those who do not answer its pings."""
    if opcode == _PING:
        subscriber.socket.send(_client_frame(_PONG, payload))
    elif opcode == _CLOSE:
        code = int.from_bytes(payload[:2], "big")
        raise ClosedError(f"a socket was closed: {code} {payload[2:].decode(errors='replace')}")


def _inflated(end: bytes) -> bytes:
    """The last message of what has come, which is a stored block and compressed ones."""
    begin = end.rindex(_STORED) - _STORED_HEADER_BYTES
    length = int.from_bytes(end[begin - 2 : begin], "big")  # of more than 125 bytes
    message = end[begin : begin + length] + b"\0\0\xff\xff"
    return zlib.decompressobj(wbits=-15).decompress(message)


def handshake(host: str, port: int, offer: str | None = None) -> bytes:
    lines = [
        "GET /graphql HTTP/1.1",
        f"Host: {host}:{port}",
        "Upgrade: websocket",
        "Connection: Upgrade",
        f"Sec-WebSocket-Key: {_KEY}",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Protocol: graphql-transport-ws",
        *([f"Sec-WebSocket-Extensions: {offer}"] if offer else []),
    ]
    return "".join(f"{line}\r\n" for line in [*lines, ""]).encode()


def _read_handshake(subscriber: Subscriber) -> None:
    answer = b""
    while not answer.endswith(b"\r\n\r\n"):
        data = subscriber.socket.recv(1)
        if not data:
            break
        answer += data
    if not answer.startswith(b"HTTP/1.1 101 "):
        raise ClosedError(f"a handshake was refused: {answer[:200]!r}")
