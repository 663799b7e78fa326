"""The sink for other ASGI servers: order, room, and an end to waiting."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from starlette.types import Message

from graphql_api.execution.sink import ASGISink


class Peer:
    """The other end of `send`, which takes frames as a test lets it."""

    def __init__(self, *, takes: int) -> None:
        self.texts: list[str] = []
        self._takes = asyncio.Semaphore(takes)

    def take(self, frames: int) -> None:
        for _ in range(frames):
            self._takes.release()

    async def send(self, message: Message) -> None:
        await self._takes.acquire()
        assert message["type"] == "websocket.send"
        self.texts.append(message["text"])


@asynccontextmanager
async def running(peer: Peer, send_timeout_s: float = 10) -> AsyncIterator[ASGISink]:
    sink = ASGISink(peer.send, write_buffer_bytes=10, send_timeout_s=send_timeout_s)
    writer = asyncio.create_task(sink.run())
    yield sink
    writer.cancel()
    await asyncio.gather(writer, return_exceptions=True)


async def test_frames_are_sent_in_order() -> None:
    peer = Peer(takes=10)
    async with running(peer) as sink:
        sink.write_text(b"a")
        sink.write_texts(b"(", (b"b", "ä".encode()), b")")
        await sink.flush()
        assert peer.texts == ["a", "(b)", "(ä)"]


async def test_sink_is_not_writable_when_it_is_full_until_it_is_empty() -> None:
    peer = Peer(takes=0)
    async with running(peer) as sink:
        sink.write_text(b"12345")
        assert sink.is_writable
        sink.write_text(b"67890")
        assert not sink.is_writable
        emptied = asyncio.Event()
        sink.on_writable(emptied.set)
        peer.take(1)
        await asyncio.sleep(0)
        assert not emptied.is_set()
        peer.take(1)
        await emptied.wait()
        assert sink.is_writable
        assert peer.texts == ["12345", "67890"]


async def test_closed_sink_takes_nothing_and_calls_back() -> None:
    async with running(Peer(takes=0)) as sink:
        sink.write_text(b"1234567890")
        called: list[bool] = []
        sink.on_writable(lambda: called.append(sink.is_closed))
        sink.abort()
        sink.write_text(b"more")
        assert called == [True]
        assert not sink.is_writable
        await sink.flush()


async def test_client_that_takes_nothing_is_given_up() -> None:
    sink = ASGISink(Peer(takes=0).send, write_buffer_bytes=10, send_timeout_s=0.01)
    sink.write_text(b"12345")
    with pytest.raises(TimeoutError):
        await sink.run()
    assert sink.is_closed


async def test_client_that_has_gone_closes_the_sink() -> None:
    async def gone(message: Message) -> None:
        raise ConnectionResetError

    sink = ASGISink(gone, write_buffer_bytes=10, send_timeout_s=10)
    sink.write_text(b"12345")
    with pytest.raises(ConnectionResetError):
        await sink.run()
    assert sink.is_closed
