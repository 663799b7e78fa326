"""What one HTTP connection may ask at once, and what it waits for."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest
import uvicorn
from uvicorn._types import ASGI3Application
from uvicorn.server import ServerState

from graphql_api.limits.client_limits import ClientLimits
from graphql_api.limits.connection_limits import LIMITED, ConnectionLimits
from graphql_api.limits.origin_check import Refusal
from graphql_api.server import request_size, uvicorn_http
from graphql_api.server.listening import listen, listening
from graphql_api.server.receiver import Message, WebSocketSink
from graphql_api.server.uvicorn_http import StreamingProtocol
from graphql_api.server.websocket_protocol import WebSocketProtocol
from tests.fault.clock import LIMIT_S, LoopClock, some_steps
from tests.patience import LONGEST_S

REQUEST = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 6\r\n\r\na body"
HANDSHAKE = (
    b"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
)
WAIT_S = LONGEST_S


class Served:
    """A protocol with an application that answers what it has read, once it is let go."""

    def __init__(
        self,
        app: ASGI3Application | None = None,
        request_timeout_s: float = 60,
        keep_alive_s: float = 75,
    ) -> None:
        self._app = app or self._answer
        self._keep_alive_s = keep_alive_s
        self.admission = ConnectionLimits()
        self._request_timeout_s = request_timeout_s
        self.go = asyncio.Event()
        self.connected = asyncio.Event()
        self.protocol: StreamingProtocol
        self.most_waiting = 0

    def make(self) -> StreamingProtocol:
        config = uvicorn.Config(
            self._app,
            interface="asgi3",
            log_config=None,
            ws=WebSocketProtocol,
            timeout_keep_alive=self._keep_alive_s,  # type: ignore[arg-type]
        )
        limits = ClientLimits(request_timeout_s=self._request_timeout_s)
        self.protocol = StreamingProtocol.with_limits(limits).with_admission(self.admission)(
            config=config, server_state=ServerState(), app_state={}
        )
        self.connected.set()
        return self.protocol

    async def _answer(self, scope: Any, receive: Any, send: Any) -> None:
        while (await receive()).get("more_body", False):
            pass
        await self.go.wait()
        await asyncio.sleep(0)  # and more is read, if anything is
        self.most_waiting = max(self.most_waiting, len(self.protocol.pipeline))
        await ok(send)


async def ok(send: Any, *headers: tuple[bytes, bytes]) -> None:
    headers = ((b"content-length", b"2"), *headers)
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"ok"})


@asynccontextmanager
async def serving(
    app: ASGI3Application | None = None, **options: float
) -> AsyncIterator[tuple[Served, asyncio.StreamReader, asyncio.StreamWriter]]:
    served = Served(app, **options)
    listener = listen("127.0.0.1", 0)
    server = await asyncio.get_running_loop().create_server(served.make, sock=listener)
    reader, writer = await asyncio.open_connection(*listener.getsockname())
    await served.connected.wait()
    while served.protocol.transport is None:  # it is given to a protocol a little later
        await asyncio.sleep(0)
    try:
        async with asyncio.timeout(WAIT_S):
            yield served, reader, writer
    finally:
        writer.transport.abort()
        with suppress(ConnectionError):
            await writer.wait_closed()
        server.close()
        await asyncio.wait_for(asyncio.gather(*served.protocol.tasks), WAIT_S)


async def test_nothing_that_is_written_waits_for_an_acknowledgement() -> None:
    async with serving() as (served, _, _):
        sock = served.protocol.transport.get_extra_info("socket")
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) != 0


@pytest.mark.parametrize("request_", [REQUEST, POST], ids=["GET", "POST"])
async def test_requests_that_are_sent_at_once_are_all_answered_and_few_of_them_wait(
    request_: bytes,
) -> None:
    number = 1000
    async with serving() as (served, reader, writer):
        writer.write(request_ * number)
        served.go.set()
        answers = b""
        while answers.count(b"HTTP/1.1 200 OK") < number:
            part = await reader.read(65_536)
            assert part
            answers += part
        assert 0 < served.most_waiting < 200
        writer.write(REQUEST)
        assert await reader.readline() == b"HTTP/1.1 200 OK\r\n"


async def test_little_is_read_of_a_client_that_waits_for_its_answer() -> None:
    async with serving() as (served, reader, writer):
        writer.write(REQUEST * 200_000)
        while served.protocol.transport.is_reading():
            await asyncio.sleep(0)
        assert 0 < len(served.protocol.pipeline) < 200
        assert writer.transport.get_write_buffer_size() > 0
        served.go.set()
        assert await reader.readline() == b"HTTP/1.1 200 OK\r\n"


@pytest.mark.parametrize(
    "behind", [REQUEST, POST * 100, HANDSHAKE], ids=["GET", "POSTs", "Upgrade"]
)
async def test_who_answers_learns_that_its_client_has_gone_whatever_that_has_sent_since(
    behind: bytes,
) -> None:
    answering, gone = asyncio.Event(), asyncio.Event()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        answering.set()
        while (await receive())["type"] != "http.disconnect":
            pass
        gone.set()

    async with serving(app) as (served, _, writer):
        writer.write(REQUEST)
        await answering.wait()
        writer.write(behind)
        while served.protocol.transport.is_reading():
            await asyncio.sleep(0)
        writer.transport.abort()
        while not gone.is_set():  # as a stream does that is kept alive
            served.protocol.write_text(b":\n\n")
            await asyncio.sleep(0)
        assert not served.protocol.pipeline


@pytest.mark.parametrize("sent_first", [0, 100, 5999, 6000])
async def test_nothing_is_begun_behind_an_answer_that_ends_the_connection(sent_first: int) -> None:
    """The answer is there before the rest of the request, and what comes behind it."""
    begun = []
    is_answered = asyncio.Event()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        begun.append(scope["method"])
        await ok(send, (b"connection", b"close"))
        is_answered.set()

    async with serving(app) as (served, _, writer):
        head = b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 6000\r\n\r\n"
        writer.write(head + b"x" * sent_first)
        await is_answered.wait()
        writer.write(b"x" * (6000 - sent_first) + REQUEST)
        while not served.protocol.is_closed:
            await asyncio.sleep(0)
        await asyncio.gather(*served.protocol.tasks)
        assert begun == ["POST"]


async def test_socket_is_not_read_before_its_handshake_is_taken() -> None:
    taken = asyncio.Event()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await taken.wait()
        await receive()
        await send({"type": "websocket.close"})

    async with serving(app) as (served, reader, writer):
        transport = served.protocol.transport
        writer.write(HANDSHAKE)
        while transport.get_protocol() is served.protocol:
            await asyncio.sleep(0)
        assert not transport.is_reading()
        taken.set()
        assert (await reader.read()).startswith(b"HTTP/1.1 403 ")


@pytest.mark.parametrize("is_late", [True, False], ids=["late request", "shutdown"])
async def test_connection_is_closed_once(is_late: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = LoopClock(asyncio.get_running_loop())
    async with serving(request_timeout_s=60) as (served, reader, writer):
        protocol = served.protocol
        close = protocol.transport.close
        closes: list[None] = []

        def count() -> None:
            if protocol in protocol.connections:  # and not when it has been lost
                closes.append(None)
            close()

        monkeypatch.setattr(protocol.transport, "close", count)
        if is_late:
            writer.write(REQUEST[:-1])
            while not protocol._has_begun:
                await asyncio.sleep(0)
            clock.forward(60)
        else:
            protocol.shutdown()
            protocol.shutdown()
        await reader.read()
        assert len(closes) == 1


async def answer(reader: asyncio.StreamReader) -> bytes:
    """The head of the next answer; its body is `ok`."""
    head = await reader.readuntil(b"\r\n\r\n")
    assert await reader.readexactly(2) == b"ok"
    return head


async def test_idle_connection_is_kept_longer_than_announced_and_then_ends() -> None:
    clock = LoopClock(asyncio.get_running_loop(), stands_still=True)
    async with serving(keep_alive_s=8) as (served, reader, writer):
        served.go.set()
        for _ in range(3):
            writer.write(REQUEST)
            assert b"keep-alive: timeout=8\r\n" in await answer(reader)
            clock.forward(12)
            await some_steps()
        clock.forward(14)
        assert await reader.read() == b""


@pytest.mark.parametrize("ends", ["timeout_keep_alive_handler", "shutdown", "_request_is_late"])
async def test_request_that_arrives_as_its_connection_ends_is_answered(ends: str) -> None:
    async with serving() as (served, reader, writer):
        served.go.set()
        writer.write(REQUEST)
        await answer(reader)
        writer.write(REQUEST)  # it has arrived, and nothing has read it
        getattr(served.protocol, ends)()
        assert b"connection: close\r\n" in await answer(reader)
        assert await reader.read() == b""


async def test_request_that_has_begun_is_answered_by_a_server_that_ends() -> None:
    async with serving() as (served, reader, writer):
        served.go.set()
        writer.write(POST[:-1])
        while not served.protocol._has_begun:
            await asyncio.sleep(0)
        served.protocol.shutdown()
        writer.write(POST[-1:])
        assert b"connection: close\r\n" in await answer(reader)
        assert await reader.read() == b""


async def test_answers_of_a_server_that_sends_its_clients_away_end_their_connections() -> None:
    async with serving() as (served, reader, writer):
        served.go.set()
        writer.write(REQUEST)
        assert b"connection: keep-alive\r\n" in await answer(reader)
        served.admission.is_draining = True
        writer.write(REQUEST)
        assert b"connection: close\r\n" in await answer(reader)
        assert await reader.read() == b""


async def test_connection_that_is_not_to_be_kept_ends_behind_its_answer() -> None:
    async with serving(keep_alive_s=0) as (served, reader, writer):
        served.go.set()
        writer.write(REQUEST)
        assert b"connection: close\r\n" in await answer(reader)
        assert await reader.read() == b""


async def test_request_that_began_behind_another_may_not_take_as_long_as_an_idle_connection() -> (
    None
):
    clock = LoopClock(asyncio.get_running_loop())
    async with serving(request_timeout_s=10) as (served, reader, writer):
        writer.write(REQUEST + REQUEST[:-2])
        while not served.protocol._has_begun:
            await asyncio.sleep(0)
        served.go.set()
        await answer(reader)
        await some_steps()
        clock.forward(11)
        assert (await reader.readline()).startswith(b"HTTP/1.1 408 ")


class Refusing(ConnectionLimits):
    """Lets no connection in."""

    def admit_connection(self, peer: str | None, connections: int) -> Refusal:
        return Refusal(429, "too many")


async def test_connection_that_is_refused_is_answered_at_its_first_request_and_ends(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(uvicorn_http, "_REFUSED_WAIT_S", LIMIT_S)
    seen: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append(scope["extensions"][LIMITED]["refusal"])
        await ok(send)

    served = Served(app)
    served.admission = Refusing()
    listener = listen("127.0.0.1", 0)
    server = await asyncio.get_running_loop().create_server(served.make, sock=listener)
    async with asyncio.timeout(WAIT_S):
        many = [await asyncio.open_connection(*listener.getsockname()) for _ in range(9)]
        # There is room for eight that are answered in time; the last one is answered at once.
        last, writer = many.pop()
        assert (await last.read()).startswith(b"HTTP/1.1 429 ")
        writer.close()
        await writer.wait_closed()
        for reader, writer in many:
            writer.write(REQUEST)
            assert b"connection: close\r\n" in await answer(reader)
            assert await reader.read() == b""
            writer.close()
            await writer.wait_closed()
        assert seen == [Refusal(429, "too many")] * 8
        reader, writer = await asyncio.open_connection(*listener.getsockname())
        writer.write(HANDSHAKE)
        assert (await reader.read()).startswith(b"HTTP/1.1 429 ")
        writer.close()
        await writer.wait_closed()
    server.close()


async def test_connection_that_is_refused_and_asks_nothing_is_closed_with_a_reason() -> None:
    clock = LoopClock(asyncio.get_running_loop())
    served = Served()
    served.admission = Refusing()
    listener = listen("127.0.0.1", 0)
    server = await asyncio.get_running_loop().create_server(served.make, sock=listener)
    async with asyncio.timeout(WAIT_S):
        reader, writer = await asyncio.open_connection(*listener.getsockname())
        await served.connected.wait()
        clock.forward(3)
        assert (await reader.read()).startswith(b"HTTP/1.1 429 ")
        writer.close()
        await writer.wait_closed()
    server.close()


async def test_ipv4_client_of_a_socket_for_both_has_its_own_address() -> None:
    clients: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        clients.append(scope["client"][0])
        if scope["type"] == "http":
            await ok(send)
        else:
            await receive()
            await send({"type": "websocket.close"})

    served = Served(app)
    with listening(["::"], 0) as (listener,):
        server = await asyncio.get_running_loop().create_server(served.make, sock=listener)
        port = listener.getsockname()[1]
        async with asyncio.timeout(WAIT_S):
            for host in ("127.0.0.1", "::1"):
                reader, writer = await asyncio.open_connection(host, port)
                writer.write(REQUEST)
                await answer(reader)
                writer.write(HANDSHAKE)
                assert (await reader.readline()).startswith(b"HTTP/1.1 403 ")
                writer.close()
                await writer.wait_closed()
        server.close()
    assert clients == ["127.0.0.1"] * 2 + ["::1"] * 2


CHUNKED = b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
CHUNKED_BODY = b"6\r\na body\r\n0\r\n"
TRAILERS = (
    b"Authorization: Bearer stolen\r\nHost: example.org\r\nContent-Type: text/plain\r\n"
    b"X-Forwarded-For: 192.0.2.1\r\nExpect: 100-continue\r\nConnection: upgrade\r\n"
    b"Upgrade: websocket\r\n\r\n"
)


async def echo_headers(scope: Any, receive: Any, send: Any) -> None:
    """Answer by the names of the request's headers, once its body has come as a whole."""
    while (await receive()).get("more_body", False):
        pass
    names = b",".join(name for name, _ in scope["headers"])
    headers = [(b"content-length", b"%d" % len(names))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": names})


@pytest.mark.parametrize("version", [b"1.1", b"1.0"])
async def test_trailers_are_no_headers_of_their_request_or_of_the_next(version: bytes) -> None:
    async with serving(echo_headers) as (_, reader, writer):
        end = b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
        head = CHUNKED.replace(b"HTTP/1.1", b"HTTP/" + version)
        # In pieces: the first request is read, and perhaps answered, before its trailers come.
        for piece in (head, CHUNKED_BODY, TRAILERS[:40], TRAILERS[40:] + end):
            writer.write(piece)
            await some_steps()
        answers = (await reader.read()).split(b"HTTP/1.1 200 OK")[1:]
        bodies = [answer.partition(b"\r\n\r\n")[2] for answer in answers]
        expected = [b"host,transfer-encoding", b"host,connection"]
        assert bodies == (expected if version == b"1.1" else expected[:1])


ENDLESS = {
    "trailers": (CHUNKED_BODY, b"X-T: abcdefghijklmnop\r\n" * 200),
    "a trailer's value": (CHUNKED_BODY + b"X-T: ", b"a" * 4096),
    "a trailer's name": (CHUNKED_BODY, b"a" * 4096),
    "extensions": (b"1;a=", b"a" * 4096),
    "extensions of small chunks": (b"", (b"1;" + b"a" * 60 + b"\r\n{\r\n") * 60),
    "the smallest chunks": (b"", b"1\r\n{\r\n" * 680),
    "zeros of a size": (b"", b"0" * 4096),
}


@pytest.mark.parametrize("what", ENDLESS)
@pytest.mark.parametrize("is_early", [False, True], ids=["waited for", "answered early"])
async def test_bytes_of_a_request_that_are_no_data_are_limited(what: str, is_early: bool) -> None:
    async def early(scope: Any, receive: Any, send: Any) -> None:
        await ok(send)

    beginning, more = ENDLESS[what]
    async with serving(early if is_early else echo_headers) as (served, reader, writer):
        writer.write(CHUNKED + beginning)
        reading = asyncio.create_task(reader.read())
        sent = 0
        while not served.protocol.is_closed:
            assert sent < 10_000_000
            writer.write(more)
            sent += len(more)
            await some_steps()
        # In each of these fewer than two thirds are data, or what is as free as data.
        assert sent < 300_000
        with suppress(ConnectionError):  # a part of what has come is not read
            answered = await reading
            assert answered.count(b"HTTP/1.1 ") == 1
            assert answered.startswith(b"HTTP/1.1 200 " if is_early else b"HTTP/1.1 431 ")


async def test_trailers_and_small_chunks_of_a_good_client_are_taken() -> None:
    async with serving(echo_headers) as (_, reader, writer):
        for _ in range(2):  # and nothing of the first counts for the second
            body = b"40\r\n" + b"x" * 64 + b"\r\n"
            trailer = b"Digest: " + b"a" * 40_000 + b"\r\n\r\n"
            writer.write(CHUNKED + body * 4000 + b"0\r\n" + trailer)
            assert await reader.readline() == b"HTTP/1.1 200 OK\r\n"
            await reader.readuntil(b"host,transfer-encoding")


async def test_rest_of_a_request_that_is_answered_is_limited(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(request_size, "MAX_DRAINED_BYTES", 100_000)

    async def early(scope: Any, receive: Any, send: Any) -> None:
        await ok(send)

    async with serving(early) as (served, _, writer):
        writer.write(b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9999999999\r\n\r\n")
        sent = 0
        while not served.protocol.is_closed:
            assert sent < 10_000_000
            writer.write(b"x" * 4096)
            sent += 4096
            await some_steps()
        assert sent >= 100_000


@pytest.mark.parametrize("head", [b"HTTP/1.0\r\n", b"HTTP/1.1\r\nConnection: close\r\n"])
@pytest.mark.parametrize("is_whole", [True, False])
async def test_answer_before_the_end_of_a_body_is_not_lost_when_the_connection_ends(
    head: bytes, is_whole: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    length = 500_000
    monkeypatch.setattr(request_size, "MAX_DRAINED_BYTES", length if is_whole else 100_000)

    async def early(scope: Any, receive: Any, send: Any) -> None:
        await ok(send)

    async with serving(early) as (served, reader, writer):
        writer.write(b"POST / " + head + b"Host: localhost\r\nContent-Length: %d\r\n\r\n" % length)
        assert (await reader.read()).startswith(b"HTTP/1.1 200 "), "the server has sent its end"
        assert not served.protocol.is_closed
        sent = 0
        while sent < length and not served.protocol.is_closed:
            writer.write(b"x" * 4096)
            sent += 4096
            await some_steps()
        while not served.protocol.is_closed:
            await some_steps()
        assert (sent >= length) == is_whole
        assert sent >= 100_000


async def test_trailers_that_do_not_end_are_given_up_in_the_time_of_a_request() -> None:
    clock = LoopClock(asyncio.get_running_loop())
    async with serving(echo_headers, request_timeout_s=60) as (served, reader, writer):
        writer.write(CHUNKED + CHUNKED_BODY + b"X-T: a\r\n")
        while not served.protocol._has_begun:
            await asyncio.sleep(0)
        clock.forward(60)
        assert await reader.readline() == b"HTTP/1.1 408 Request Timeout\r\n"


async def test_connection_whose_trailers_close_it_ends_behind_its_answer() -> None:
    async with serving(echo_headers) as (_, reader, writer):
        writer.write(CHUNKED + CHUNKED_BODY + b"Connection: close\r\n\r\n" + REQUEST)
        assert (await reader.read()).count(b"HTTP/1.1 200 OK") == 1


@pytest.mark.parametrize("kind", [REQUEST, HANDSHAKE, POST], ids=["GET", "handshake", "POST"])
@pytest.mark.parametrize("number", [0, 2], ids=["first", "behind others"])
@pytest.mark.parametrize("where", ["URL", "value", "many"])
async def test_head_is_as_long_as_it_may_be_and_no_longer(
    kind: bytes, number: int, where: str
) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await ok(send)

    start, filler, end = {
        "URL": (b" /", b" /", b""),
        "value": (b"\r\n\r\n", b"\r\nx: ", b"\r\n\r\n"),
        "many": (b"\r\n\r\n", b"\r\nx: a" * 9000 + b"\r\nx: ", b"\r\n\r\n"),
    }[where]
    size = len(kind.partition(b"\r\n\r\n")[0]) + 4
    sizes = {65_536: b"200", 65_537: b"431"}
    if kind is HANDSHAKE:  # of which the WebSocket library takes less
        del sizes[65_536]
    for limit, status in sizes.items():
        room = limit - size - len(filler) - len(end) + len(start)
        long = kind.replace(start, filler + b"a" * room + end, 1)
        assert len(long.partition(b"\r\n\r\n")[0]) + 4 == limit
        async with serving(app) as (_, reader, writer):
            writer.write(POST * number + long)
            for _ in range(number):
                await answer(reader)
            assert (await reader.readline()).split()[1] == status


LATER = {
    "garbage": (b"garbage\r\n\r\n", b"HTTP/1.1 400 "),
    "a bad URL": (b"GET /\xff HTTP/1.1\r\n\r\n", b"HTTP/1.1 400 "),
    "CONNECT": (b"CONNECT localhost:80 HTTP/1.1\r\n\r\n", b"HTTP/1.1 400 "),
    "a bad chunk": (CHUNKED + b"zz\r\n", b"HTTP/1.1 400 "),
    "a head without end": (REQUEST[:-2] + b"a: " + b"a" * 80_000, b"HTTP/1.1 431 "),
    "a URL without end": (b"GET /" + b"a" * 1_200_000, b"HTTP/1.1 431 "),
    "a handshake": (HANDSHAKE, b"HTTP/1.1 403 "),
}


@pytest.mark.parametrize("number", [1, 3])
@pytest.mark.parametrize("later", LATER)
async def test_requests_are_answered_before_what_is_wrong_behind_them(
    later: str, number: int
) -> None:
    begun: list[str] = []
    go = asyncio.Event()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        begun.append(scope["type"])
        if scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close"})
            return
        while (await receive()).get("more_body", False):
            pass
        await go.wait()
        await ok(send)

    behind, status = LATER[later]
    async with serving(app) as (served, reader, writer):
        writer.write(POST * number + behind)
        if len(behind) < 4096:
            writer.write(REQUEST * 1000)  # which are not read
        # Requests that wait for their turn keep the rest from being read.
        while served.protocol._next is None and not served.protocol.pipeline:
            await asyncio.sleep(0)
        assert not served.protocol.transport.is_reading()
        go.set()
        for _ in range(number):
            assert (await answer(reader)).startswith(b"HTTP/1.1 200 ")
        with suppress(ConnectionError):  # a part of what has come is not read
            assert (await reader.readline()).startswith(status)
        assert begun == ["http"] * number + ["websocket"] * (later == "a handshake")


class Echo:
    """Sends each text back."""

    def __init__(self, sink: WebSocketSink) -> None:
        self._sink = sink

    def receive(self, message: Message) -> None:
        assert isinstance(message, str)
        self._sink.write_text(message.encode())

    def lost(self, code: int, reason: str) -> None:
        pass


async def test_handshake_behind_a_request_becomes_a_socket() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            await ok(send)
            return
        await receive()
        await send({"type": "websocket.accept"})
        extension = scope["extensions"]["graphql_api.sink"]
        extension["attach"](Echo(extension["sink"]))

    async with serving(app) as (_, reader, writer):
        writer.write(REQUEST + HANDSHAKE)
        await answer(reader)
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 101 ")
        writer.write(b"\x81\x82\x00\x00\x00\x00hi")
        assert await reader.readexactly(4) == b"\x81\x02hi"


@pytest.mark.parametrize("behind", [b"garbage\r\n\r\n", HANDSHAKE], ids=["garbage", "handshake"])
async def test_nothing_follows_an_answer_that_ends_the_connection(behind: bytes) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await ok(send, (b"connection", b"close"))

    async with serving(app) as (_, reader, writer):
        writer.write(REQUEST + behind)
        assert (await reader.read()).count(b"HTTP/1.1 ") == 1


async def test_answer_that_has_begun_is_not_spoiled_by_a_refusal() -> None:
    begun, go = asyncio.Event(), asyncio.Event()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        begun.set()
        await go.wait()
        await send({"type": "http.response.body", "body": b"ok"})

    async with serving(app) as (served, reader, writer):
        writer.write(REQUEST)
        await begun.wait()
        writer.write(b"garbage\r\n\r\n")
        while served.protocol._next is None:
            await asyncio.sleep(0)
        go.set()
        answered = await reader.read()
        assert answered.startswith(b"HTTP/1.1 200 ")
        assert b"\r\n\r\n2\r\nok\r\n0\r\n\r\nHTTP/1.1 400 " in answered


async def test_answer_whose_request_breaks_off_in_its_body_is_ended_and_no_other_follows() -> None:
    begun = asyncio.Event()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        begun.set()
        while (await receive())["type"] != "http.disconnect":
            pass

    async with serving(app) as (_, reader, writer):
        writer.write(CHUNKED)
        await begun.wait()
        writer.write(b"zz\r\n")
        assert (await reader.read()).count(b"HTTP/1.1 ") == 1
