"""The rows of a table, kept live."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import AsyncGenerator, Callable, Mapping
from random import Random
from typing import Any, Self

from graphql_api.client.endpoint import Endpoint
from graphql_api.client.events import (
    Connected,
    Disconnected,
    FeedProblem,
    Happening,
    State,
    Status,
)
from graphql_api.client.follow import TableSubscription, follow
from graphql_api.client.held_rows import Change, HeldRows
from graphql_api.client.table import Row, table_named
from graphql_api.client.text import clean

_logger = logging.getLogger(__name__)


class LiveTable:
    """The rows of a table that pass a filter, and an asynchronous iterator of their changes.

    Entering the context waits for the rows, however long the server or its database takes.
    Iterating has no end: it goes on over lost connections and restarts of the server. What has
    changed while there was no connection comes as ordinary changes. Lost connections are logged,
    and why the server cannot follow the table in its database.

    The rows change only while the next change is waited for. A program that takes long over a
    change gets later changes of one row as one.

    One task at a time may iterate.

    Args:
        url: Where the server is: a URL of `http`, `https`, `ws` or `wss`; without a path it is
            `/graphql`.
        table: The name of the query's root field, such as `policies` or `domainLogins`.
        where: The filter, by the names of the schema: `{"nameContains": "crawl"}`.
        token: A bearer token for the server.
        on_live: Called with `is_live` each time that it changes, in the task that iterates.

    Raises:
        ConfigurationError: The URL is none, or there is no such table.
        SubscriptionError: On entering and while iterating: the server refuses, or it is none of
            this version; trying again would not help.
    """

    def __init__(
        self,
        url: str,
        table: str,
        *,
        where: Mapping[str, Any] | None = None,
        token: str | None = None,
        on_live: Callable[[bool], None] = lambda _: None,
    ) -> None:
        self._endpoint = Endpoint.parse(url)
        self._subscription = TableSubscription(table_named(table), where)
        self._token = token
        self._on_live = on_live
        self._held = HeldRows()
        self._pending: deque[Change] = deque()
        self._is_connected = False
        self._happenings: AsyncGenerator[Happening, None] | None = None

    @property
    def rows(self) -> Mapping[str, Row]:
        """The rows by their keys; a view, which changes with them."""
        return self._held.rows

    @property
    def is_live(self) -> bool:
        """Whether the rows are up to date, as far as is known.

        They may be old while there is no connection, and while the server has lost its database.
        """
        return self._is_connected and self._held.status is Status.READY

    async def __aenter__(self) -> Self:
        rng = Random()  # noqa: S311 - jitter
        self._happenings = follow(self._endpoint, self._subscription, token=self._token, rng=rng)
        try:
            while not await self._take():
                pass
        except BaseException:
            await self._happenings.aclose()
            raise
        self._pending.clear()  # the first rows are no changes
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._happenings is not None, "entered"
        await self._happenings.aclose()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Change:
        await self._some()
        return self._pending.popleft()

    async def changes(self) -> list[Change]:
        """The next changes, at least one: those that came together, such as after an outage."""
        await self._some()
        changes = list(self._pending)
        self._pending.clear()
        return changes

    async def _some(self) -> None:
        while not self._pending:
            await self._take()

    async def _take(self) -> bool:
        """Process what happens next. Returns whether the rows are complete with it."""
        assert self._happenings is not None, "entered"
        was_live = self.is_live
        match happening := await anext(self._happenings):
            case Connected():
                self._is_connected = True
            case Disconnected(reason):
                self._is_connected = False
                _logger.warning("no connection: %s; trying again", reason)
            case FeedProblem(reason):
                _logger.warning("the server cannot follow the table: %s", clean(reason))
            case event:
                self._pending.extend(self._held.apply(event))
        if self.is_live is not was_live:
            self._on_live(self.is_live)
        return isinstance(happening, State) and happening.has_all_rows


async def live_rows(
    url: str,
    table: str,
    *,
    where: Mapping[str, Any] | None = None,
    token: str | None = None,
) -> AsyncGenerator[Mapping[str, Row], None]:
    """The rows of a table by their keys: first as they are, and then again after each change.

    Args:
        url: As for `LiveTable`.
        table: As for `LiveTable`.
        where: As for `LiveTable`.
        token: As for `LiveTable`.

    Yields:
        A mapping of its own each time.

    Raises:
        ConfigurationError: As `LiveTable`.
        SubscriptionError: As `LiveTable`.
    """
    async with LiveTable(url, table, where=where, token=token) as live:
        while True:
            yield dict(live.rows)
            await live.changes()
