"""Stored bodies of responses in one piece, for protocols that send a response with its body.

```
 LogSubscription ─▶ BodiesInTurn ─▶ Member ─▶ socket
                      │ the socket's turn, and a place if the body is large
                      ▼
                    SocketBodies ─▶ WholeBodies ─▶ Answers
```

A body takes memory from when it is read until the client has taken it. So each socket has one at a
time, and all large ones of a server share the memory that `limits.answer_memory` bounds. Clients
that are sent the same body at the same time are sent the same bytes, which are read once.
"""

from __future__ import annotations

import asyncio
import logging
import sys
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple, TypeVar
from weakref import WeakValueDictionary

from graphql_api.errors import DatabaseError
from graphql_api.execution.sink import Sink, place, writable
from graphql_api.feeds.derived import DerivedSource
from graphql_api.feeds.subscription import EventSource
from graphql_api.feeds.view import Event
from graphql_api.limits.answer_memory import Answers, Taker
from graphql_api.limits.cpu_budget import ClientBudget
from graphql_api.protocols.inflater import Inflater
from graphql_api.store import PART_BYTES, Bodies, StoredBody

log = logging.getLogger(__name__)

T = TypeVar("T")

MAX_BYTES: Final = 16 * 1024 * 1024
"""How large a body may be: as a part of a message it is in memory as a whole, for each client."""
_MAX_READS: Final = 2
"""How many bodies are read at once: the reply of the database takes several times a body's size."""
_RETRY_S: Final = 0.5
_LAG: Final = timedelta(seconds=10)
"""How long after a response its body may be missing: the crawler writes the response first."""
_LENGTH_BYTES: Final = 4
"""The last bytes of a gzip say how much it holds (RFC 1952, 2.3.1)."""


class Body(NamedTuple):
    """A body in one piece.

    Attributes:
        content: Its bytes, in parts; None if there are none that can be sent.
        is_compressed: Whether they are gzip.
    """

    content: Sequence[bytes] | None
    is_compressed: bool


@dataclass(eq=False)
class WantedBody:
    """A body that clients wait for, or are being sent.

    Attributes:
        body: The body; None, as long as it has not been read.
        turn: Held by the one that reads it.
    """

    body: Body | None = None
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)


NO_BODY: Final = Body(content=None, is_compressed=False)


class WholeBodies:
    """Reads bodies, a few at a time.

    Args:
        bodies: Gives where they are, while the server runs.
        now: The time of day, in UTC. It may leap.
    """

    def __init__(self, bodies: Callable[[], Bodies], now: Callable[[], datetime]) -> None:
        self._bodies = bodies
        self._now = now
        self._reads = asyncio.Semaphore(_MAX_READS)
        self._is_lost = False
        self._latest: WantedBody | None = None  # for others that wait for a place
        self._wanted: WeakValueDictionary[tuple[int, bool], WantedBody] = WeakValueDictionary()
        # Those that wait take no memory, for they have not been read.
        self.places = Answers(
            quick_bytes=MAX_BYTES, slow_bytes=MAX_BYTES, waiting_bytes=sys.maxsize, wait_s=None
        )

    async def of(self, sequence: int, ended_at: datetime | None, *, compression_ok: bool) -> Body:
        """The body of a response; an outage of the database is waited for, and so is a new body.

        It is read once for all that want it at the same time; see `wanted`.

        Args:
            sequence: The response's number.
            ended_at: When it was downloaded, if that is known.
            compression_ok: Whether the body may be gzip.
        """
        wanted = self.wanted(sequence, compression_ok=compression_ok)

        async def read() -> Body | None:
            async with wanted.turn:
                if wanted.body is None:
                    self._latest = None  # its memory is needed now
                    async with self._reads:
                        wanted.body = await self._read(sequence, compression_ok=compression_ok)
                    self._latest = wanted
                return wanted.body

        return await self.wait_for(read, ended_at) or NO_BODY

    def wanted(self, sequence: int, *, compression_ok: bool) -> WantedBody:
        """The body of a response, which is not read again while a client keeps this."""
        key = sequence, compression_ok
        wanted = self._wanted.get(key)
        if wanted is None:
            wanted = self._wanted[key] = WantedBody()
        return wanted

    async def size_of(self, sequence: int, *, compression_ok: bool) -> int | None:
        """About how many bytes the body of a response has as it is sent; None if it is not there.

        Raises:
            DatabaseError: The database cannot be read.
        """
        body = await self._bodies().find(sequence)
        if body is None:
            return None
        size = body.size
        if body.is_compressed and not compression_ok:
            length = await self._bodies().part(body, max(0, size - _LENGTH_BYTES), size)
            size = int.from_bytes(length or b"", "little")
        return min(size, MAX_BYTES)

    async def wait_for(
        self, read: Callable[[], Awaitable[T | None]], ended_at: datetime | None
    ) -> T | None:
        """Wait for what `read` returns of a body; None if it does not come.

        Args:
            read: Is called again after a DatabaseError, which an outage is, or None.
            ended_at: When the response was downloaded, if that is known.
        """
        clock = asyncio.get_running_loop().time
        now = self._now()
        # A crawler's clock may be ahead, and a document may say any time.
        lag = timedelta() if ended_at is None else min(ended_at, now) + _LAG - now
        late_at_s = clock() + lag.total_seconds()
        while True:
            try:
                found = await read()
                self._is_lost = False
                if found is not None or clock() >= late_at_s:
                    return found
            except DatabaseError as error:
                if not self._is_lost:
                    log.warning("stored bodies cannot be read: %s; trying until it works", error)
                self._is_lost = True
            await asyncio.sleep(_RETRY_S)

    @asynccontextmanager
    async def place(self, size: int, sink: Sink, taker: Taker) -> AsyncIterator[None]:
        """Wait until a body may take memory; what it brings is written to a sink, which is empty.

        The sink is aborted if its client would take the body the longest while others wait for a
        place.
        """
        try:
            async with place(size, sink, self.places, taker):
                yield
        finally:
            if not self.places.held_bytes:
                self._latest = None

    async def _read(self, sequence: int, *, compression_ok: bool) -> Body | None:
        body = await self._bodies().find(sequence)
        if body is None:
            return None
        if body.size <= MAX_BYTES:
            inflates = body.is_compressed and not compression_ok
            try:
                content = await self._content(body, Inflater(MAX_BYTES) if inflates else None)
            except zlib.error:
                pass
            else:
                is_compressed = body.is_compressed and not inflates
                return None if content is None else Body(content, is_compressed)
        log.warning("response %d is sent without its body: damaged, or too large", sequence)
        return NO_BODY

    async def _content(self, body: StoredBody, inflater: Inflater | None) -> list[bytes] | None:
        parts: list[bytes] = []
        for begin in range(0, body.size, PART_BYTES):
            end = min(begin + PART_BYTES, body.size)
            part = await self._bodies().part(body, begin, end)
            if part is None or len(part) != end - begin:
                return None
            if inflater is None:
                parts.append(part)
            else:
                parts += await asyncio.to_thread(list, inflater.parts(part))
        if inflater is not None:
            inflater.end()
        return parts


class SocketBodies:
    """The bodies that one socket is sent: of one at a time, until the client has taken it.

    Args:
        bodies: Those of the server.
        sink: The socket's.
        create_task: Makes a task of the socket.
        budget: That of the client, which has its address.
    """

    __slots__ = ("_bodies", "_taker", "_turn", "create_task", "sink")

    def __init__(
        self,
        bodies: WholeBodies,
        sink: Sink,
        create_task: Callable[[Coroutine[Any, Any, None], str], asyncio.Task[None]],
        budget: ClientBudget | None = None,
    ) -> None:
        self._bodies = bodies
        self._taker = Taker(None if budget is None else budget.address)
        self._turn = asyncio.Lock()
        self.sink = sink
        self.create_task = create_task

    @asynccontextmanager
    async def turn(self, response: Any, *, compression_ok: bool) -> AsyncIterator[None]:
        """Wait until the body of a response is there, and may be read and sent."""
        bodies, turn = self._bodies, self._turn

        async def take() -> int | None:
            await turn.acquire()
            size = None
            try:
                size = await bodies.size_of(response.sequence, compression_ok=compression_ok)
            finally:
                if size is None:
                    turn.release()  # what is not there holds up no other
            return size

        size = await bodies.wait_for(take, response.completed_at)
        if size is None:
            yield
            return
        try:
            await writable(self.sink)
            async with bodies.place(size, self.sink, self._taker):
                wanted = bodies.wanted(response.sequence, compression_ok=compression_ok)
                yield
                del wanted  # until now it is not read again
        finally:
            turn.release()


class BodiesInTurn(DerivedSource):
    """The events of a log, each of which is given when its body may be read and sent.

    Args:
        source: The events, of which each has a response; it is closed with this.
        socket: The socket to which they are sent.
        compression_ok: Whether bodies may be gzip.
    """

    def __init__(
        self, source: EventSource[Any], socket: SocketBodies, *, compression_ok: bool
    ) -> None:
        super().__init__(source)
        self._socket = socket
        self._compression_ok = compression_ok
        self._ready: Event[Any] | Exception | None = None
        self._waiting: asyncio.Task[None] | None = None  # for the turn
        self._given: asyncio.Event | None = None  # set, once what was given has been written

    def pull(self) -> Event[Any] | None:
        """The next event; called once everything that was pulled before has been written."""
        ready, self._ready = self._ready, None
        if isinstance(ready, Exception):
            raise ready
        if ready is not None or self._waiting is not None:
            return ready
        self._end_turn()
        event = self._source.pull()
        if event is None or not event.value.response.has_body:
            return event
        self._waiting = self._socket.create_task(self._wait(event), "body of a response")
        return None

    def close(self) -> None:
        """Free everything. A turn lasts until what was written in it has been sent."""
        super().close()
        if self._waiting is not None:
            self._waiting.cancel()
        self._end_turn()

    async def _wait(self, event: Event[Any]) -> None:
        response, is_ok = event.value.response, self._compression_ok
        try:
            async with self._socket.turn(response, compression_ok=is_ok):
                given = self._given = asyncio.Event()
                self._waiting, self._ready = None, event
                self._wake()
                await given.wait()
                await writable(self._socket.sink)
        except Exception as error:  # noqa: BLE001 - the member's group logs it
            self._waiting, self._ready = None, error
            self._wake()

    def _end_turn(self) -> None:
        if self._given is not None:
            self._given.set()
            self._given = None
