"""One WebSocket connection on a transport that a test drains; slow clients, and stalled ones."""

from __future__ import annotations

import asyncio
import socket
import sys
import tracemalloc
import weakref
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import uvicorn
from hypothesis import given
from hypothesis import strategies as st
from uvicorn.server import ServerState
from websockets.client import ClientProtocol
from websockets.frames import Frame
from websockets.uri import parse_uri

from graphql_api.execution.compressed_payload import Payload
from graphql_api.limits.client_limits import ClientLimits
from graphql_api.server.flow_control import StallWatch
from graphql_api.server.receiver import LongText, Message
from graphql_api.server.websocket_protocol import WebSocketProtocol
from tests.for_each import for_each

# The watch


def test_client_that_takes_nothing_is_stalled_after_the_time() -> None:
    watch = StallWatch(10, taken=5, now_s=100)
    assert not watch.is_stalled(taken=5, now_s=109.9)
    assert watch.is_stalled(taken=5, now_s=110)


def test_what_is_taken_starts_the_time_again() -> None:
    watch = StallWatch(10, taken=5, now_s=100)
    assert not watch.is_stalled(taken=6, now_s=109)
    assert not watch.is_stalled(taken=6, now_s=118)
    assert watch.is_stalled(taken=6, now_s=119)


def test_more_waiting_is_not_more_taken() -> None:
    watch = StallWatch(10, taken=5, now_s=100)
    assert watch.is_stalled(taken=3, now_s=110)


@given(st.lists(st.tuples(st.integers(1, 9), st.integers(1, 1000)), min_size=1))
def test_client_that_takes_anything_in_time_is_never_stalled(
    steps: list[tuple[int, int]],
) -> None:
    watch = StallWatch(10, taken=0, now_s=0)
    now_s = taken = 0
    for waited_s, more in steps:
        now_s += waited_s
        taken += more
        assert not watch.is_stalled(taken=taken, now_s=now_s)


# The protocol, on a transport that a test drains


class FakeLoop:
    """An event loop's clock and timers, which go on when a test says so."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self.soon: list[Any] = []
        self._timers: list[FakeTimer] = []

    def time(self) -> float:
        return self.now_s

    def call_later(self, delay_s: float, callback: Any) -> FakeTimer:
        timer = FakeTimer(self.now_s + delay_s, callback)
        self._timers.append(timer)
        return timer

    def call_soon(self, callback: Any, *, context: Any = None) -> None:
        self.soon.append(callback)

    def create_task(self, work: Any) -> Any:
        return asyncio.get_running_loop().create_task(work)

    def advance(self, seconds: float) -> None:
        until_s = self.now_s + seconds
        while due := [t for t in self._timers if not t.cancelled and t.at_s <= until_s]:
            timer = min(due, key=lambda timer: timer.at_s)
            self._timers.remove(timer)
            self.now_s = timer.at_s
            timer.callback()
        self.now_s = until_s


class FakeTimer:
    def __init__(self, at_s: float, callback: Any) -> None:
        self.at_s = at_s
        self.callback = callback
        self.cancelled = False

    def cancel(self) -> None:
        self.cancelled = True


class FakeTransport(asyncio.Transport):
    """Takes what a test drains; the rest waits in its buffer."""

    def __init__(self) -> None:
        super().__init__()
        self.protocol: WebSocketProtocol
        self.sent = bytearray()
        self.buffer = bytearray()
        self.room = 0
        self.is_aborted = False
        self.reads = True
        self._high: int | None = None
        self._is_paused = False
        self._is_closing = False

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        self._high = high

    def get_write_buffer_size(self) -> int:
        return len(self.buffer)

    def write(self, data: Any) -> None:
        self.buffer += data
        self.drain(0)
        if len(self.buffer) > (self._high or 0) and not self._is_paused:
            self._is_paused = True
            self.protocol.pause_writing()

    def drain(self, size: int) -> None:
        self.room += size
        self.sent += self.buffer[: self.room]
        taken = min(self.room, len(self.buffer))
        del self.buffer[:taken]
        self.room -= taken
        if self._is_paused and not self.buffer:
            self._is_paused = False
            self.protocol.resume_writing()

    def is_closing(self) -> bool:
        return self._is_closing

    def pause_reading(self) -> None:
        self.reads = False

    def resume_reading(self) -> None:
        self.reads = True

    def close(self) -> None:
        self._is_closing = True

    def abort(self) -> None:
        self.is_aborted = True
        self._is_closing = True
        self.protocol.connection_lost(None)


MAX_BYTES = 1_000_000
"""How long a message may be."""


class Connection:
    """An open connection, whose application only keeps what it is given.

    Attributes:
        taken: The messages.
        end: The close code and the reason with which it was lost.
    """

    def __init__(self, *, limits: ClientLimits, compression: bool = False) -> None:
        self.scope: Any = None
        self.taken: list[Message] = []
        self.end: tuple[int, str] | None = None
        self.loop = FakeLoop()
        self.transport = FakeTransport()
        self.state = ServerState()
        self.config = uvicorn.Config(
            self._app,
            interface="asgi3",
            log_config=None,
            ws_max_size=MAX_BYTES,
            ws_per_message_deflate=compression,
        )
        self.config.load()
        self.protocol = WebSocketProtocol.with_limits(limits)(
            config=self.config,
            server_state=self.state,
            app_state={},
            _loop=self.loop,  # type: ignore[arg-type]
        )
        self.transport.protocol = self.protocol
        extensions = []
        if compression:
            from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory

            extensions = [ClientPerMessageDeflateFactory()]
        self.client = ClientProtocol(parse_uri("ws://localhost/"), extensions=extensions)

    async def open(self) -> None:
        self.protocol.connection_made(self.transport)
        self.client.send_request(self.client.connect())
        self.protocol.data_received(b"".join(self.client.data_to_send()))
        self.transport.room = 10_000
        while self.state.tasks:
            await asyncio.sleep(0)
        self.transport.room = 0
        self.received()

    async def _app(self, scope: Any, receive: Any, send: Any) -> None:
        self.scope = scope
        await receive()
        await send({"type": "websocket.accept"})
        scope["extensions"]["graphql_api.sink"]["attach"](self)

    def receive(self, message: Message) -> None:
        self.taken.append(message)

    def lost(self, code: int, reason: str) -> None:
        assert self.end is None
        self.end = code, reason

    def received(self) -> list[str]:
        self.client.receive_data(bytes(self.transport.sent))
        self.transport.sent.clear()
        events = self.client.events_received()
        return [bytes(event.data).decode() for event in events if isinstance(event, Frame)]


@asynccontextmanager
async def opened(limits: ClientLimits, *, compression: bool = False) -> AsyncIterator[Connection]:
    connection = Connection(limits=limits, compression=compression)
    await connection.open()
    yield connection


@pytest.fixture
async def connection() -> AsyncIterator[Connection]:
    async with opened(ClientLimits(send_timeout_s=10, write_buffer_bytes=100)) as connection:
        yield connection


async def test_sink_is_offered_to_the_application(connection: Connection) -> None:
    extensions = connection.scope["extensions"]
    assert extensions["graphql_api.sink"]["sink"] is connection.protocol
    assert "websocket.http.response" in extensions


@for_each("compression", [False, True])
async def test_texts_arrive_as_they_were_written(compression: bool) -> None:
    long = "x" * 70_000
    middles = ["ä", "", "y" * 200, long]
    async with opened(ClientLimits(), compression=compression) as connection:
        connection.transport.room = 1_000_000
        connection.protocol.write_text(b"a")
        payloads = [Payload(middle.encode()) for middle in middles]
        connection.protocol.write_texts(b"(", payloads, b")")
        size = len(connection.transport.sent)
        assert (size < 2000) == compression
        assert connection.received() == ["a", *(f"({middle})" for middle in middles)]


async def test_sink_is_full_above_the_mark_and_calls_back_when_it_is_empty(
    connection: Connection,
) -> None:
    sink = connection.protocol
    sink.write_text(b"x" * 90)
    assert sink.is_writable
    sink.write_text(b"x" * 90)
    assert not sink.is_writable
    calls: list[int] = []
    sink.on_writable(lambda: calls.append(connection.transport.get_write_buffer_size()))
    connection.transport.drain(100)
    assert sink.is_writable
    assert calls == []
    connection.transport.drain(100)
    assert calls == [0]


async def test_connection_that_is_lost_keeps_nothing_that_waits_for_room(
    connection: Connection,
) -> None:
    class Waiting:
        calls = 0

        def go_on(self) -> None:
            Waiting.calls += 1
            connection.protocol.on_writable(self.go_on)

    waiting = Waiting()
    left = weakref.ref(waiting)
    connection.protocol.write_text(b"x" * 200)
    waiting.go_on()
    connection.transport.abort()
    connection.protocol.on_writable(waiting.go_on)
    del waiting
    assert Waiting.calls == 2
    assert left() is None


async def test_stalled_client_is_dropped(connection: Connection) -> None:
    calls: list[bool] = []
    connection.protocol.write_text(b"x" * 200)
    connection.protocol.on_writable(lambda: calls.append(connection.protocol.is_closed))
    connection.loop.advance(9.9)
    assert not connection.transport.is_aborted
    connection.loop.advance(3)
    assert connection.transport.is_aborted
    assert calls == [True]
    connection.protocol.write_text(b"more")
    assert not connection.protocol.is_writable


async def test_slow_client_is_never_dropped(connection: Connection) -> None:
    connection.protocol.write_text(b"x" * 200)
    for _ in range(150):
        connection.loop.advance(7)
        connection.transport.drain(1)
    assert not connection.transport.is_aborted


async def test_idle_client_is_not_watched(connection: Connection) -> None:
    connection.protocol.write_text(b"x" * 200)
    connection.transport.drain(300)
    connection.loop.advance(1000)
    assert not connection.transport.is_aborted


async def test_client_that_takes_what_is_before_a_ping_is_not_dead(connection: Connection) -> None:
    interval_s = connection.config.ws_ping_interval
    timeout_s = connection.config.ws_ping_timeout
    assert interval_s is not None
    assert timeout_s is not None
    connection.protocol.write_text(b"x" * 150)
    for _ in range(15):
        connection.transport.drain(10)
        connection.loop.advance(timeout_s / 3)
    assert connection.loop.now_s > interval_s + 2 * timeout_s
    assert not connection.transport.is_closing()
    connection.transport.drain(1000)
    connection.loop.advance(timeout_s)  # it has taken something since the last look
    assert not connection.transport.is_closing()
    connection.loop.advance(timeout_s)
    assert connection.transport.is_closing()


async def test_client_that_answers_no_ping_is_dead(connection: Connection) -> None:
    connection.transport.room = 1000
    connection.loop.advance(39)
    assert not connection.transport.is_closing()
    connection.loop.advance(40)
    assert connection.transport.is_closing()


async def test_close_ends_the_sink(connection: Connection) -> None:
    connection.protocol.close(1000, "", 1)
    assert connection.protocol.is_closed
    connection.protocol.write_text(b"late")
    assert b"late" not in connection.transport.buffer


# What a client sends


def pings(connection: Connection, number: int) -> bytes:
    for i in range(number):
        connection.client.send_ping(str(i).encode())
    return b"".join(connection.client.data_to_send())


async def test_one_who_sends_much_is_read_in_turns_in_order_and_to_the_end(
    connection: Connection,
) -> None:
    connection.transport.room = 1_000_000
    connection.protocol.data_received(pings(connection, 5_000))
    answers = connection.received()
    assert 0 < len(answers) < 1_000
    turns = 1
    while not connection.transport.reads:
        (read_on,) = connection.loop.soon
        connection.loop.soon = []
        read_on()
        more = connection.received()
        assert len(more) < 1_000
        answers += more
        turns += 1
    assert turns > 5
    assert answers == [str(i) for i in range(5_000)]
    assert connection.transport.reads


async def test_what_comes_between_two_turns_is_read_after_what_came_before(
    connection: Connection,
) -> None:
    connection.transport.room = 1_000_000
    for data in (pings(connection, 1_000), pings(connection, 3)):
        connection.protocol.data_received(data)
    while connection.loop.soon:
        connection.loop.soon.pop()()
    assert connection.received() == [str(i) for i in [*range(1_000), 0, 1, 2]]


async def test_answer_to_a_close_frame_is_read_whatever_else_has_come(
    connection: Connection,
) -> None:
    connection.transport.room = 1_000_000
    connection.protocol.data_received(pings(connection, 1_000))
    connection.protocol.close(4400, "", 1)
    while connection.loop.soon:
        connection.loop.soon.pop()()
    assert connection.transport.reads


async def test_client_that_is_sent_away_is_read_until_it_answers_and_not_listened_to(
    connection: Connection,
) -> None:
    connection.transport.room = 10_000
    connection.protocol.close(4400, "bye", 1)
    assert connection.end == (4400, "bye")
    connection.client.send_text(b"late")
    connection.client.send_ping(b"late")
    await send(connection, b"".join(connection.client.data_to_send()))
    assert not connection.transport.is_closing()
    assert connection.received() == ["\x11\x30bye"]  # the close frame, and no pong
    assert connection.client.close_rcvd is not None
    assert connection.client.close_rcvd.code == 4400
    assert await send(connection, b"".join(connection.client.data_to_send())) == []
    assert connection.transport.is_closing()


async def test_client_that_does_not_answer_a_close_frame_is_left_after_a_while(
    connection: Connection,
) -> None:
    connection.transport.room = 10_000
    connection.protocol.close(1012, "", 1)
    connection.loop.advance(5)
    assert not connection.transport.is_closing()
    connection.loop.advance(10)
    assert connection.transport.is_closing()
    assert not connection.transport.is_aborted


async def test_client_that_does_not_take_a_close_frame_is_aborted(connection: Connection) -> None:
    connection.protocol.write_text(b"x" * 200)
    connection.protocol.close(1012, "", 1)
    assert connection.end is None
    connection.loop.advance(1)
    assert connection.transport.is_aborted
    assert connection.end is not None


async def test_one_who_takes_no_answers_to_pings_fills_no_memory_and_gets_the_last(
    connection: Connection,
) -> None:
    connection.protocol.write_text(b"x" * 200)
    before = connection.transport.get_write_buffer_size()
    for i in range(100):
        connection.client.send_ping(str(i).encode())
        connection.protocol.data_received(b"".join(connection.client.data_to_send()))
    assert connection.transport.get_write_buffer_size() == before
    connection.transport.drain(1_000)
    assert connection.received() == ["x" * 200, "99"]


async def send(connection: Connection, *data: bytes) -> list[Message]:
    """Have the server read this; what its application is given."""
    for part in data:
        connection.protocol.data_received(part)
        while connection.loop.soon:
            connection.loop.soon.pop()()
    return connection.taken


def known(connection: Connection) -> None:
    connection.protocol.accept_long_texts()


def closed_with(connection: Connection) -> int | None:
    connection.transport.room = 10_000
    connection.transport.drain(0)
    connection.client.receive_data(bytes(connection.transport.sent))
    return connection.client.close_rcvd.code if connection.client.close_rcvd else None


BEGINNING = b'{"id":"a","type":"subscribe","payload":"'


async def test_endless_fragments_fill_no_memory(connection: Connection) -> None:
    connection.client.send_text(b"{", fin=False)
    for _ in range(10_000):
        connection.client.send_continuation(b"", fin=False)
    connection.client.send_continuation(b"}", fin=True)
    (message,) = await send(connection, b"".join(connection.client.data_to_send()))
    assert message == "{}"
    assert connection.protocol._message is None


@for_each("fragment", [1_000, 200_000, 5_000_000])
@for_each("compression", [False, True])
async def test_long_message_leaves_its_ends_and_the_next_one_is_read(
    compression: bool, fragment: int
) -> None:
    async with opened(ClientLimits(), compression=compression) as connection:
        known(connection)
        text = BEGINNING + b"x" * 2_000_000 + b'"}'
        connection.client.send_text(text[:fragment], fin=False)
        for start in range(fragment, len(text), fragment):
            connection.client.send_continuation(text[start : start + fragment], fin=False)
        connection.client.send_continuation(b"", fin=True)
        connection.client.send_text(b"next")
        data = b"".join(connection.client.data_to_send())
        assert compression == (len(data) < 1_000_000)
        long, after = await send(
            connection, *(data[i : i + 50_000] for i in range(0, len(data), 50_000))
        )
        assert isinstance(long, LongText)
        beginning, end, max_bytes = long
        assert text.startswith(beginning)
        assert text.endswith(end)
        assert len(beginning) == 4096
        assert len(end) == (0 if compression else 4096), "no more is inflated than may be taken"
        assert max_bytes == MAX_BYTES
        assert after == "next"
        assert closed_with(connection) is None


async def test_stranger_gets_no_further_than_64_kb(connection: Connection) -> None:
    connection.client.send_text(b" " * 65_536)
    connection.client.send_text(b" " * 65_537)
    assert await send(connection, b"".join(connection.client.data_to_send())) == [" " * 65_536]
    assert connection.end == (1009, "")
    assert closed_with(connection) == 1009


@for_each("is_known", [False, True])
async def test_little_that_stands_for_much_fills_no_memory(is_known: bool) -> None:
    async with opened(ClientLimits(), compression=True) as connection:
        if is_known:
            known(connection)
        connection.client.send_text(BEGINNING + b"x" * (65 * 1024 * 1024))
        data = b"".join(connection.client.data_to_send())
        assert len(data) < 100_000
        tracemalloc.start()
        taken = await send(connection, *(data[i : i + 4096] for i in range(0, len(data), 4096)))
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert most < 4 * MAX_BYTES
        if is_known:  # its beginning names the operation
            assert [type(message) for message in taken] == [LongText]
            assert closed_with(connection) is None
        else:
            assert taken == []
            assert connection.end == (1009, "")
            assert closed_with(connection) == 1009


async def test_frame_without_end_is_refused_by_its_header(connection: Connection) -> None:
    known(connection)
    await send(connection, b"\x81\xff" + (2**40).to_bytes(8, "big") + b"mask")
    assert closed_with(connection) == 1009


async def test_client_that_answers_no_ping_is_closed_so_that_it_comes_again(
    connection: Connection,
) -> None:
    connection.transport.room = 10_000
    connection.loop.advance(60)
    assert closed_with(connection) == 1013


# The kernel


@pytest.fixture
def tcp() -> Iterator[tuple[socket.socket, socket.socket]]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        near = socket.create_connection(listener.getsockname())
        far, _ = listener.accept()
        with near, far:
            yield near, far


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells what was acknowledged")
async def test_what_the_other_side_acknowledges_is_taken(
    tcp: tuple[socket.socket, socket.socket],
) -> None:
    near, far = tcp
    near.setblocking(False)
    transport = SocketTransport(near)
    connection = Connection(limits=ClientLimits())
    connection.protocol.transport = transport
    transport.fill()
    connection.protocol._written = transport.written
    before = connection.protocol.taken_bytes
    assert 0 < before < transport.written
    while connection.protocol.taken_bytes == before:
        far.recv(65_536)
        await asyncio.sleep(0)


class SocketTransport(asyncio.Transport):
    """A real socket that is written to until the kernel takes no more."""

    def __init__(self, sock: socket.socket) -> None:
        super().__init__({"socket": sock})
        self._sock = sock
        self.written = 0

    def fill(self) -> None:
        try:
            while True:
                self.written += self._sock.send(bytes(65_536))
        except BlockingIOError:
            pass

    def get_write_buffer_size(self) -> int:
        return 0
