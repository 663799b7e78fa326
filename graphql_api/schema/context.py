"""Context of an operation: what a resolver is given besides its arguments."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TypeAlias, TypeVar

import strawberry

from graphql_api.feeds.feed import Feed
from graphql_api.feeds.feeds import Feeds
from graphql_api.feeds.table import FeedTable
from graphql_api.log_feeds.log_feeds import LogFeeds
from graphql_api.schema.links import Links, PlainLinks
from graphql_api.scopes import Scope
from graphql_api.settings.documents import DocumentSettings
from graphql_api.store import Run, Store, at_once
from graphql_api.turns import Turns

RowT = TypeVar("RowT")
EventT = TypeVar("EventT")


FEW_ROWS = 10
"""How many rows of a page are read from the database without a place among the long answers."""

_DEFAULT = DocumentSettings()


async def at_any_time() -> None:
    """Wait for nothing."""


def _free(_: float) -> None:
    """Charge nothing."""


@dataclass(frozen=True, slots=True)
class Context:
    """One operation's context.

    Attributes:
        feeds: The feeds that every operation reads.
        store: Where mutations write.
        feed_wait_s: How long a query waits for a feed's first snapshot, and a mutation until its
            feed has seen what it wrote, in seconds.
        scopes: What the client may do.
        database: The database's URL, without its password; or that it is the embedded one.
        resume_from: The cursor that the connection gave for this operation, if it did; it wins over
            the operation's own `since`, which a client that reconnects sends as it first was.
        max_page_rows: How many rows a page may have.
        now: Returns the time at which mutations write.
        turns: Divides the operation's work into turns: between two of them others have theirs, and
            the client waits if it has used more than its budget.
        answer_turns: Divides the making of the operation's answer into turns.
        begin_long: Waits until the operation may begin to make a long answer.
        read_many: Waits until the operation may read many rows from the database for its answer.
        address: Stands for the client's address; None, if that has no limits.
        spend: Charges the client for what the database does for it, in seconds.
        apart: Calls a function that may take long without holding up the event loop.
        links: Makes links for this client.
        followed: The insert-only tables; absent where there are none.
        long_work: Held while a page is made: a client's pages are made one after the other, so that
            another client's need not wait for all of them.
    """

    feeds: Feeds
    store: Store
    feed_wait_s: float
    scopes: frozenset[Scope]
    database: str = ""
    resume_from: str | None = None
    max_page_rows: int = _DEFAULT.max_page_rows
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    turns: Turns = field(default_factory=Turns)
    answer_turns: Turns = field(default_factory=Turns)
    begin_long: Callable[[], Awaitable[None]] = at_any_time
    read_many: Callable[[], Awaitable[None]] = at_any_time
    address: Hashable | None = None
    spend: Callable[[float], None] = _free
    apart: Run = at_once
    links: Links = field(default_factory=PlainLinks)
    followed: LogFeeds | None = None
    long_work: asyncio.Lock = field(default_factory=asyncio.Lock)

    @property
    def logs(self) -> LogFeeds:
        """The insert-only tables, for the fields of one."""
        assert self.followed is not None, "a server of insert-only tables provides it"
        return self.followed

    async def ready(self, table: FeedTable[RowT, EventT]) -> Feed[RowT, EventT]:
        """A table's feed, once it can be read.

        Raises:
            FeedUnavailableError: Its first snapshot has not come within `feed_wait_s`.
        """
        feed = self.feeds[table]
        await feed.ready(self.feed_wait_s)
        return feed


Info: TypeAlias = strawberry.Info[Context, None]
"""The `info` argument of a resolver."""
