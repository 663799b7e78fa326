"""Connections before their TLS handshake, on both event loops."""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, TypeAlias, cast

import pytest
import uvicorn
import uvloop
from uvicorn.server import ServerState

from graphql_api.limits.connection_limits import (
    AddressLimit,
    ConnectionLimits,
    ConnectionLimitsMiddleware,
)
from graphql_api.limits.turn_queue import TurnQueue
from graphql_api.server import tls_handshake, uvicorn_http
from graphql_api.server.listening import listen
from graphql_api.server.tls_handshake import HandshakeProtocols
from graphql_api.server.uvicorn_http import StreamingProtocol
from graphql_api.server.websocket_protocol import WebSocketProtocol
from graphql_api.settings.connections import ConnectionSettings
from tests.certificates import Authority
from tests.fault.clock import LIMIT_S
from tests.patience import LONGEST_S

WAIT_S = LONGEST_S
REQUEST = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"

Run: TypeAlias = Callable[[Coroutine[Any, Any, None]], None]


@pytest.fixture(params=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> Run:
    return cast("Run", asyncio.run if request.param == "asyncio" else uvloop.run)


class Loopback(AddressLimit):
    """Counts loopback addresses as well, from which all clients of a test come."""

    def key(self, text: str | None) -> Any:
        return text


class CountingContext(ssl.SSLContext):
    """Counts the handshakes that have begun."""

    begun = 0

    def wrap_bio(self, *args: Any, **kwargs: Any) -> ssl.SSLObject:
        self.begun += 1
        return super().wrap_bio(*args, **kwargs)


class HeldTurns(TurnQueue):
    """Gives turns at once, or keeps what waits for one."""

    def __init__(self) -> None:
        super().__init__()
        self.are_held = False
        self.held: asyncio.Queue[Callable[[], None]] = asyncio.Queue()

    def call(self, work: Callable[[], None], loop: asyncio.AbstractEventLoop) -> None:
        if self.are_held:
            self.held.put_nowait(work)
        else:
            super().call(work, loop)


class TLSServer:
    """What listens, and what counts its connections."""

    def __init__(self, directory: Path, *, timeout_s: float = 60, **limits: int) -> None:
        authority = Authority()
        chain, key = authority.issue(directory)
        self.context = CountingContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(chain, key)
        self.client_context = authority.client_context()
        settings = ConnectionSettings.model_validate(limits)
        self.admission = ConnectionLimits(settings, probes={"/"})
        self.admission._peers = Loopback(settings.max_connections_per_address)
        self.state = ServerState()
        self.turns = HeldTurns()
        self.made = HandshakeProtocols(
            make_next=self._make,
            admission=self.admission,
            server_state=self.state,
            context=self.context,
            timeout_s=timeout_s,
            turns=self.turns,
        )
        self.address: tuple[str, int]

    def _make(self) -> StreamingProtocol:
        config = uvicorn.Config(
            ConnectionLimitsMiddleware(self._answer, self.admission),
            interface="asgi3",
            log_config=None,
            access_log=False,
            ws=WebSocketProtocol,
        )
        return StreamingProtocol.with_admission(self.admission)(
            config=config, server_state=self.state, app_state={}
        )

    async def _answer(self, scope: Any, receive: Any, send: Any) -> None:
        await send(
            {"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]}
        )
        await send({"type": "http.response.body", "body": b"ok"})

    async def until_count(self, number: int) -> None:
        while len(self.state.connections) != number:
            await asyncio.sleep(0.001)

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A connection without TLS."""
        return await asyncio.open_connection(*self.address)

    async def ask(self) -> bytes:
        """The status line of an answer over TLS."""
        reader, writer = await asyncio.open_connection(*self.address, ssl=self.client_context)
        try:
            writer.write(REQUEST)
            return await reader.readline()
        finally:
            writer.transport.abort()


@pytest.fixture(autouse=True)
def connections_beyond_a_limit_have_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Connections beyond a limit are waited for as long as others."""
    monkeypatch.setattr(tls_handshake, "_LIMITED_HANDSHAKE_S", LIMIT_S)
    monkeypatch.setattr(uvicorn_http, "_REFUSED_WAIT_S", LIMIT_S)


@asynccontextmanager
async def serving(directory: Path, **options: Any) -> AsyncIterator[TLSServer]:
    server = TLSServer(directory, **options)
    listener = listen("127.0.0.1", 0)
    server.address = listener.getsockname()
    listening = await asyncio.get_running_loop().create_server(server.made, sock=listener)
    try:
        async with asyncio.timeout(WAIT_S):
            yield server
            for connection in [*server.state.connections]:
                connection.shutdown()
            await server.until_count(0)
            while server.state.tasks:
                await asyncio.sleep(0)
    finally:
        listening.close()


def descriptors() -> int:
    return len(list(Path("/dev/fd").iterdir()))


def test_connection_in_its_handshake_counts(run: Run, tmp_path: Path) -> None:
    async def test() -> None:
        async with serving(tmp_path, max_connections=5) as server:
            assert (await server.ask()).startswith(b"HTTP/1.1 200 ")
            await server.until_count(0)
            before = descriptors()
            clients = [await server.connect() for _ in range(200)]
            allowed = 5 + 16  # with those for probes, which make way for newer ones
            for reader, _ in clients[5:-16]:
                with suppress(ConnectionError):
                    assert await reader.read() == b""
            assert len(server.state.connections) == allowed
            assert descriptors() - before - len(clients) <= allowed
            assert (await server.ask()).startswith(b"HTTP/1.1 200 "), "for the oldest of them"
            for _, writer in clients:
                writer.transport.abort()
            await server.until_count(0)
            assert (await server.ask()).startswith(b"HTTP/1.1 200 ")

    run(test())


def test_connections_of_an_address_count_in_their_handshake(run: Run, tmp_path: Path) -> None:
    async def test() -> None:
        async with serving(tmp_path, max_connections_per_address=3) as server:
            clients = [await server.connect() for _ in range(3)]
            await server.until_count(3)
            assert (await server.ask()).startswith(b"HTTP/1.1 429 ")
            clients[0][1].transport.abort()
            await server.until_count(2)
            # What has left its handshake still counts, and once.
            reader, writer = await asyncio.open_connection(
                *server.address, ssl=server.client_context
            )
            writer.write(REQUEST)
            assert (await reader.readline()).startswith(b"HTTP/1.1 200 ")
            assert (await server.ask()).startswith(b"HTTP/1.1 429 ")
            for each in (writer, *(writer for _, writer in clients)):
                each.transport.abort()
            await server.until_count(0)
            assert len(server.admission._peers) == 0

    run(test())


def test_full_server_answers_over_tls(run: Run, tmp_path: Path) -> None:
    async def test() -> None:
        async with serving(tmp_path, max_connections=5) as server:
            clients = [await server.connect() for _ in range(5)]
            await server.until_count(5)
            assert (await server.ask()).startswith(b"HTTP/1.1 200 ")  # the probes' place
            for _, writer in clients:
                writer.transport.abort()

    run(test())


def test_silent_tls_connections_keep_no_probe_out(run: Run, tmp_path: Path) -> None:
    async def test() -> None:
        async with serving(tmp_path, max_connections=5) as server:
            clients = [
                await asyncio.open_connection(*server.address, ssl=server.client_context)
                for _ in range(60)
            ]
            for _, writer in clients[-8:]:
                writer.write(REQUEST[:-2])
            for _ in range(20):
                assert (await server.ask()).startswith(b"HTTP/1.1 200 ")
            assert len(server.state.connections) <= 5 + 16 + 1  # the last may not have gone yet
            for _, writer in clients:
                writer.transport.abort()
            await server.until_count(0)
            assert not server.admission._spare

    run(test())


ODD = {
    "plain HTTP": REQUEST,
    "garbage": bytes(range(256)) * 20,
    "huge hello": bytes.fromhex("160301400001ffffff0303") + bytes(0x4000) * 20,
}


@pytest.mark.parametrize("what", ODD)
def test_what_is_no_handshake_is_closed_at_once_and_silently(
    run: Run, tmp_path: Path, what: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def test() -> None:
        async with serving(tmp_path) as server:
            for _ in range(20):
                reader, writer = await server.connect()
                with suppress(ConnectionError):
                    writer.write(ODD[what])
                    answer = await reader.read()
                    assert len(answer) <= 7, "an alert at most"
                writer.transport.abort()
            await server.until_count(0)
            assert (await server.ask()).startswith(b"HTTP/1.1 200 ")

    with caplog.at_level(logging.INFO):
        run(test())
    assert not caplog.records


def hello(server: TLSServer) -> bytes:
    """What a client begins its handshake with."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = server.client_context.wrap_bio(incoming, outgoing, server_hostname="127.0.0.1")
    with suppress(ssl.SSLWantReadError):
        tls.do_handshake()
    return outgoing.read()


def test_each_handshake_waits_for_its_turn_once_its_first_record_has_come(
    run: Run, tmp_path: Path
) -> None:
    async def test() -> None:
        async with serving(tmp_path) as server:
            turns = server.turns
            turns.are_held = True
            begun = server.context.begun
            clients = [(*await server.connect(), hello(server)) for _ in range(5)]
            for _, writer, record in clients:
                writer.write(record[:-1])
            await server.until_count(5)
            for number, (reader, writer, record) in enumerate(clients):
                writer.write(record[-1:])
                begin = await turns.held.get()
                assert (turns.held.qsize(), server.context.begun - begun) == (0, number)
                begin()
                assert await reader.read(1) == b"\x16", "the server's part of the handshake"
            for _, writer, _ in clients:
                writer.transport.abort()

    run(test())


@pytest.mark.parametrize("beginning", [b"", bytes.fromhex("1603010200010001fc0303")])
def test_handshake_has_a_time_limit(run: Run, tmp_path: Path, beginning: bytes) -> None:
    async def test() -> None:
        async with serving(tmp_path, timeout_s=0.1) as server:
            reader, writer = await server.connect()
            writer.write(beginning)
            with suppress(ConnectionError):
                assert await reader.read() == b""
            await server.until_count(0)
            writer.transport.abort()

    run(test())


def test_request_that_comes_with_the_end_of_the_handshake_is_answered(
    run: Run, tmp_path: Path
) -> None:
    async def test() -> None:
        async with serving(tmp_path) as server:
            incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
            tls = server.client_context.wrap_bio(incoming, outgoing, server_hostname="127.0.0.1")
            reader, writer = await server.connect()
            while True:
                try:
                    tls.do_handshake()
                except ssl.SSLWantReadError:
                    writer.write(outgoing.read())
                    incoming.write(await reader.read(65_536))
                else:
                    break
            tls.write(REQUEST)
            writer.write(outgoing.read())  # in one segment: the last of the handshake, a request
            while True:
                incoming.write(await reader.read(65_536))
                with suppress(ssl.SSLWantReadError):
                    assert tls.read(65_536).startswith(b"HTTP/1.1 200 ")
                    break
            writer.transport.abort()

    run(test())


def test_server_that_ends_does_not_wait_for_handshakes(run: Run, tmp_path: Path) -> None:
    async def test() -> None:
        async with serving(tmp_path) as server:
            reader, writer = await server.connect()
            await server.until_count(1)
            for connection in [*server.state.connections]:
                connection.shutdown()
            with suppress(ConnectionError):
                assert await reader.read() == b""
            await server.until_count(0)
            writer.transport.abort()

    run(test())


def test_connection_that_ends_in_the_iteration_of_its_turn_leaves_nothing(
    run: Run, tmp_path: Path
) -> None:
    async def test() -> None:
        async with serving(tmp_path) as server:
            server.turns.are_held = True
            asking = asyncio.create_task(server.ask())
            begin = await server.turns.held.get()
            (connection,) = server.state.connections
            begin()
            connection.shutdown()
            with suppress(OSError):
                assert await asking == b""
            await server.until_count(0)

    run(test())
