"""Failover: a connection to the first node of a database that can serve a query."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, nullcontext
from typing import TypeVar

from graphql_api.cancellation import to_its_end
from graphql_api.errors import DatabaseError
from graphql_api.rethink.database_connection import (
    DEFAULT_TIMEOUTS,
    DatabaseConnection,
    Timeouts,
    connected,
)
from graphql_api.rethink.nodes import Node, Nodes, failure_of_all, says_that_node_fails
from graphql_api.rethink.resolution import HEAD_START_S, Failures, resolved
from graphql_api.rethink.url import DatabaseURL

T = TypeVar("T")


@asynccontextmanager
async def connect(
    url: DatabaseURL, *, timeouts: Timeouts = DEFAULT_TIMEOUTS, nodes: Nodes | None = None
) -> AsyncIterator[DatabaseConnection]:
    """A connection to the first node that can be reached, until the context is left.

    Leaving takes at most `close_s` and a little, never raises of itself, and frees the socket and
    every task of the driver, also when it is cancelled while it does.

    Args:
        url: The database.
        timeouts: How long to wait.
        nodes: What is known of the database's nodes, which is more afterwards.

    Yields:
        The connection.

    Raises:
        DatabaseUnavailableError: It does not come about within `connect_s`.
        DatabaseRefusedError: The user is not known, or the password is wrong.
    """
    async with serving(url, nullcontext, timeouts=timeouts, nodes=nodes) as connection:
        yield connection


@asynccontextmanager
async def serving(
    url: DatabaseURL,
    ask: Callable[[DatabaseConnection], AbstractAsyncContextManager[T]],
    *,
    timeouts: Timeouts,
    nodes: Nodes | None,
) -> AsyncIterator[T]:
    """Ask the first node that can serve a query; the answer holds until the context is left.

    A node on which `ask` fails is left for the next one.

    Args:
        url: The database.
        ask: Begins the query on a connection, which is closed after it.
        timeouts: How long to wait on each node.
        nodes: As for `connect`.

    Raises:
        DatabaseError: As from `connect` and from `ask`, if it is so on every node.
    """
    known = Nodes() if nodes is None else nodes
    found, failures = await resolved(url, timeouts.connect_s)
    waiting = deque(known.order(found))
    while (opened := await _first(waiting, url, timeouts, known, failures)) is not None:
        connection, stack = opened
        async with stack:
            try:
                answer = await stack.enter_async_context(ask(connection))
            except DatabaseError as error:
                if not says_that_node_fails(error):
                    raise
                known.fails(connection.node, error)
                failures.append((connection.node, error))
                continue
            known.works(connection.node)
            try:
                yield answer
            except DatabaseError as error:
                if says_that_node_fails(error):
                    known.fails(connection.node, error)
                raise
            return
    raise failure_of_all(failures) from failures[-1][1]


async def _first(
    waiting: deque[Node], url: DatabaseURL, timeouts: Timeouts, nodes: Nodes, failures: Failures
) -> tuple[DatabaseConnection, AsyncExitStack] | None:
    """A connection to the first node that can be reached, which is taken from `waiting`.

    The next node is tried when one has failed, and besides one that is slow: a machine that has no
    power does not refuse a connection.
    """
    running: dict[asyncio.Task[tuple[DatabaseConnection, AsyncExitStack]], Node] = {}
    opened = None
    try:
        while waiting or running:
            if waiting:
                node = waiting.popleft()
                running[asyncio.ensure_future(_open(node, url, timeouts, nodes))] = node
            done, _ = await asyncio.wait(
                running,
                timeout=HEAD_START_S if waiting else None,
                return_when=asyncio.FIRST_COMPLETED,
            )
            for task in done:
                try:
                    opened = task.result()
                except DatabaseError as error:
                    failed = running.pop(task)
                    nodes.fails(failed, error)
                    failures.append((failed, error))
                else:
                    del running[task]
                    return opened
        return None
    finally:
        try:
            if running:
                await to_its_end(_give_up(running))
        except asyncio.CancelledError:
            if opened is not None:  # the caller does not get it
                await to_its_end(opened[1].aclose())
            raise


async def _give_up(
    attempts: Collection[asyncio.Task[tuple[DatabaseConnection, AsyncExitStack]]],
) -> None:
    """End attempts, and close the connections that they have made."""
    for task in attempts:
        task.cancel()
    await asyncio.wait(attempts)
    for task in attempts:
        if not task.cancelled() and task.exception() is None:
            await task.result()[1].aclose()


async def _open(
    node: Node, url: DatabaseURL, timeouts: Timeouts, nodes: Nodes
) -> tuple[DatabaseConnection, AsyncExitStack]:
    """A connection to a node, and what closes it."""
    stack = AsyncExitStack()
    connection = await stack.enter_async_context(connected(node, url, timeouts))
    nodes.count_opened(node)
    stack.callback(nodes.count_closed, node)
    return connection, stack
