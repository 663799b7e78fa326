"""Pool of open connections, for later queries: a handshake costs more than most queries."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Final, Self

from graphql_api.errors import DatabaseUnavailableError
from graphql_api.rethink.connection import Connection, Timeouts, connect
from graphql_api.rethink.url import DatabaseURL

MAX_CONNECTIONS: Final = 16
MAX_IDLE_S: Final = 15.0
"""How long an unused connection is trusted: a peer can vanish without closing it."""


@dataclass(frozen=True, slots=True)
class _Kept:
    connection: Connection
    stack: AsyncExitStack
    since: float


class ConnectionPool:
    """Connections to a database, each with one user at a time; a context manager, entered once.

    One that a user has broken, by being cancelled for instance, is not given to another.

    Args:
        url: The database.
        timeouts: Those of the connections; `query_s` also for a connection to become free.
    """

    def __init__(self, url: DatabaseURL, *, timeouts: Timeouts) -> None:
        self._url = url
        self._timeouts = timeouts
        self._free = asyncio.Semaphore(MAX_CONNECTIONS)
        self._idle: list[_Kept] = []
        self._closed = False

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """A connection of one's own, until the context is left.

        Raises:
            DatabaseUnavailableError: It does not come about in time.
            DatabaseRefusedError: The user is not known, or the password is wrong.
        """
        await self._acquire()
        try:
            kept = await self._take() or await self._open()
            try:
                yield kept.connection
            finally:
                await self._give_back(kept)
        finally:
            self._free.release()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._closed = True
        while self._idle:
            await self._idle.pop().stack.aclose()

    async def _acquire(self) -> None:
        try:
            async with asyncio.timeout(self._timeouts.query_s):
                await self._free.acquire()
        except TimeoutError as error:
            raise DatabaseUnavailableError(
                f"all {MAX_CONNECTIONS} connections to {self._url.address} are busy"
            ) from error

    async def _take(self) -> _Kept | None:
        """The connection that was used last, if there is one that can be trusted."""
        now = asyncio.get_running_loop().time()
        while self._idle:
            kept = self._idle.pop()
            if kept.connection.is_open and now - kept.since <= MAX_IDLE_S:
                return kept
            await kept.stack.aclose()
        return None

    async def _open(self) -> _Kept:
        stack = AsyncExitStack()
        connection = await stack.enter_async_context(connect(self._url, timeouts=self._timeouts))
        return _Kept(connection, stack, since=0.0)

    async def _give_back(self, kept: _Kept) -> None:
        if kept.connection.is_open and not self._closed:
            now = asyncio.get_running_loop().time()
            self._idle.append(replace(kept, since=now))
        else:
            await kept.stack.aclose()
