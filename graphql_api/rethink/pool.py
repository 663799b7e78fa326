"""Pool of open connections, for later queries: a handshake costs more than most queries."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, nullcontext
from dataclasses import dataclass, replace
from typing import Any, Final, Self, TypeVar

from graphql_api.errors import DatabaseError, DatabaseUnavailableError, OutcomeUnknownError
from graphql_api.rethink.database_connection import DEFAULT_TIMEOUTS, DatabaseConnection, Timeouts
from graphql_api.rethink.driver import RAW, r
from graphql_api.rethink.failover import connect
from graphql_api.rethink.nodes import Node, Nodes, says_that_node_fails
from graphql_api.rethink.query_names import Observe
from graphql_api.rethink.url import DatabaseURL

T = TypeVar("T")

MAX_CONNECTIONS: Final = 16
MAX_IDLE_S: Final = 15.0
"""How long an unused connection is trusted: a peer can vanish without closing it."""


@dataclass(frozen=True, slots=True)
class _Kept:
    connection: DatabaseConnection
    stack: AsyncExitStack
    since: float


class ConnectionPool:
    """Connections to a database, each with one user at a time; a context manager, entered once.

    One that a user has broken, by being cancelled for instance, is not given to another.

    Args:
        url: The database.
        timeouts: Those of the connections; `query_s` also for a connection to become free.
        nodes: What is known of the database's nodes: an idle connection to one that has failed is
            not used any more.
        observe: Surrounds each query, and `connect`; nothing does, if absent.
    """

    def __init__(
        self,
        url: DatabaseURL,
        *,
        timeouts: Timeouts,
        nodes: Nodes,
        observe: Observe | None = None,
    ) -> None:
        self._url = url
        self._timeouts = timeouts
        self._nodes = nodes
        self._observe = observe
        self._free = asyncio.Semaphore(MAX_CONNECTIONS)
        self._idle: list[_Kept] = []
        self._closed = False

    async def run(self, work: Callable[[DatabaseConnection], Awaitable[T]]) -> T:
        """Run `work` on a connection, or on one to another node if the first cannot do it.

        Nothing is tried again of which it is not known whether it was done, nor later than
        `query_s` after the beginning.

        Raises:
            DatabaseError: As from `work`, and as from `connection`.
        """
        clock = asyncio.get_running_loop().time
        give_up_at = clock() + self._timeouts.query_s
        tried: set[Node] = set()
        while True:
            async with self.connection() as connection:
                try:
                    return await work(connection)
                except DatabaseError as error:
                    node = connection.node
                    if says_that_node_fails(error):
                        self._nodes.fails(node, error)
                        tried.add(node)
                    if (
                        node not in tried
                        or isinstance(error, OutcomeUnknownError)
                        or len(tried) >= self._nodes.number
                        or clock() >= give_up_at
                    ):
                        raise

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[DatabaseConnection]:
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

    async def __aexit__(self, *_: object) -> None:
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
            is_trusted = not self._nodes.is_failing(kept.connection.node)
            if is_trusted and kept.connection.is_open and now - kept.since <= MAX_IDLE_S:
                return kept
            await kept.stack.aclose()
        return None

    async def _open(self) -> _Kept:
        stack = AsyncExitStack()
        with nullcontext() if self._observe is None else self._observe("connect", None):
            connection = await stack.enter_async_context(
                connect(self._url, timeouts=self._timeouts, nodes=self._nodes)
            )
        connection.observe = self._observe
        return _Kept(connection, stack, since=0.0)

    async def _give_back(self, kept: _Kept) -> None:
        if kept.connection.is_open and not self._closed:
            now = asyncio.get_running_loop().time()
            self._idle.append(replace(kept, since=now))
        else:
            await kept.stack.aclose()


class PooledDatabase:
    """Base of what queries a database over a pool of connections; a context manager.

    Args:
        url: The database.
        timeouts: Those of its connections.
        nodes: What is known of the database's nodes.
        observe: Surrounds each query; see `ConnectionPool`.
    """

    def __init__(
        self,
        url: DatabaseURL,
        *,
        timeouts: Timeouts = DEFAULT_TIMEOUTS,
        nodes: Nodes | None = None,
        observe: Observe | None = None,
    ) -> None:
        self._url = url
        self._timeouts = timeouts
        self._nodes = nodes or Nodes()
        self._pool = ConnectionPool(url, timeouts=timeouts, nodes=self._nodes, observe=observe)

    async def __aenter__(self) -> Self:
        await self._pool.__aenter__()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._pool.__aexit__(*exc)

    def table(self, name: str) -> Any:
        """The term for a table."""
        return r.db(self._url.database).table(name)

    async def run(self, term: Any) -> Any:
        """Run a query; documents of its answer are as they are stored."""
        return await self._pool.run(lambda connection: connection.run(term, **RAW))
