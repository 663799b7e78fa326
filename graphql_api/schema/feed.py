"""The feeds themselves: what an operator sees of them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

import strawberry

from graphql_api.feeds.feed import Feed
from graphql_api.schema.context import Info
from graphql_api.schema.declaration import TableDeclaration
from graphql_api.schema.enums import FeedStatus


@strawberry.type(name="Feed", description="How this server keeps up with one table.")
class FeedReport:
    """One feed at one moment."""

    table: str = strawberry.field(description="The table's name in the database.")
    status: FeedStatus = strawberry.field(description="How the feed stands to the database.")
    since: datetime = strawberry.field(description="When it came to this status.")
    problem: str | None = strawberry.field(
        description="Why it is not READY, in the words of the log; null while it is, or while it "
        "reads the table for the first time."
    )
    documents: int = strawberry.field(description="How many rows it serves.")
    unread_documents: int = strawberry.field(
        description="How many documents it does not serve, or only in part, because they cannot "
        "be read: their key is not of the table's kind, or they are nested too deeply. The log "
        "names them."
    )
    subscribers: int = strawberry.field(description="How many subscriptions to it are open.")
    last_change_at: datetime | None = strawberry.field(
        description="When it saw the last change; null if there was none since the server started."
    )

    @classmethod
    def of(cls, feed: Feed[Any, Any]) -> FeedReport:
        """The report of a feed."""
        return cls(
            table=feed.table.name,
            status=feed.status,
            since=feed.since,
            problem=None if feed.problem is None else str(feed.problem),
            documents=feed.documents,
            unread_documents=feed.decoder.unread,
            subscribers=feed.subscribers,
            last_change_at=feed.reflector.last_change_at,
        )


def feed_query(tables: Iterable[TableDeclaration[Any]]) -> type:
    """A type with the fields of `Query` that report on the feeds of some tables."""
    needed = {table.name: table.needed_to_read for table in tables}

    def report_feeds(info: Info) -> list[FeedReport]:
        """The feeds of which this client may know; never waits."""
        scopes = info.context.scopes
        return [
            FeedReport.of(feed) for feed in info.context.feeds if needed[feed.table.name] <= scopes
        ]

    @strawberry.type
    class FeedQuery:
        """Fields of `Query`."""

        feeds: list[FeedReport] = strawberry.field(
            resolver=report_feeds, description="How this server keeps up with each table."
        )

    return FeedQuery
