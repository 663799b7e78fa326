"""Sinks: they write the texts for one client without waiting, as frames or as an event stream.

The server gives each connection a sink as an ASGI extension, `EXTENSION`, which writes to the
transport directly: see `websocket_protocol` and `uvicorn_http`. Plain ASGI cannot say how much of
what a server was given has left.

A sink takes what it is given, and says when that becomes too much: a writer that has much to send
asks first whether there is room, and otherwise waits until the sink is empty again. Small answers
may be written at any time.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Protocol

from starlette.types import Scope

from graphql_api.errors import OverBudgetError
from graphql_api.execution.parts import Parts
from graphql_api.limits.answer_memory import LARGE_BYTES, NO_PLACE, Answers, Taker

EXTENSION = "graphql_api.sink"
"""The key in a scope's `extensions`; the value is `{"sink": Sink}`."""


class Sink(Protocol):
    """Takes the texts for one client, in UTF-8.

    Attributes:
        lost_because: Why the sink has dropped the connection; empty, if it has not.
    """

    lost_because: str

    @property
    def is_writable(self) -> bool:
        """Whether there is room for more; never, once it is closed."""

    @property
    def is_closed(self) -> bool:
        """Whether nothing that is written now would be sent."""

    @property
    def unsent_bytes(self) -> int:
        """How much of what was written the client's side has not taken from this process."""

    def on_writable(self, callback: Callable[[], None]) -> None:
        """Call `callback` once, as soon as the sink is empty again, or lost; not after that."""

    def write_text(self, text: bytes) -> None:
        """Send this text, as a frame of its own on a WebSocket."""

    def write_texts(self, prefix: bytes, middles: Sequence[bytes | Parts], suffix: bytes) -> None:
        """Send a text of `prefix + middle + suffix` for each of `middles`."""

    def abort(self) -> None:
        """Drop the connection, with all that is unsent."""


async def writable(sink: Sink) -> None:
    """Wait until there is room for more, or the sink is closed."""
    while not (sink.is_writable or sink.is_closed):
        woken = asyncio.Event()
        sink.on_writable(woken.set)
        await woken.wait()


@asynccontextmanager
async def place(size: int, sink: Sink, answers: Answers, taker: Taker) -> AsyncIterator[None]:
    """Wait for a place for an answer that is written to a sink as a whole; a small one needs none.

    The sink is aborted if its client would take the answer the longest while others wait for a
    place.

    Args:
        size: How long it is, in bytes.
        sink: Where it is written.
        answers: All that have a place.
        taker: The connection.

    Raises:
        OverBudgetError: There was no place for too long.
    """
    if size <= LARGE_BYTES:
        yield
        return

    def cut_off() -> None:
        sink.lost_because = "it took a large answer too slowly, while others waited"
        sink.abort()

    sending = await answers.begin(size, cut_off, lambda: sink.unsent_bytes, taker=taker)
    if sending is None:
        raise OverBudgetError(NO_PLACE)
    try:
        yield
    finally:
        answers.end(sending)


def sink_of(scope: Scope) -> Sink:
    """The sink that the server has given a connection."""
    sink: Sink = scope["extensions"][EXTENSION]["sink"]
    return sink
