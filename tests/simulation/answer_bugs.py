"""The bugs that are planted in what queries and mutations are answered."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

from graphql_api.errors import NotFoundError
from graphql_api.feeds.events import FeedStatus
from graphql_api.feeds.feed import Feed
from tests.simulation.planting import Bug, Function


def _says_ready(original: Function) -> Function:
    async def page(self: Any, where: Any, **wanted: Any) -> Any:
        return replace(await original(self, where, **wanted), status=FeedStatus.READY)

    return page


def _refuses_while_stale(original: Function) -> Function:
    async def ready(self: Any, timeout_s: float) -> None:
        await original(self, timeout_s)
        if self.status is FeedStatus.STALE:
            await _refuse(self.table)

    return ready


def _finds_nothing(_: Function) -> Function:
    def failed_write(error: Any) -> Any:
        return NotFoundError("planted")

    return failed_write


async def _refuse(table: Any) -> None:
    """Raise what a feed does that has never been read: the error is not one of the bug's own."""
    unread: Any = SimpleNamespace(_is_ready=asyncio.Event(), problem=None, table=table)
    await _ready(unread, 0.0)


_ready = Feed.ready

_FEED = "graphql_api.feeds.feed:Feed"

ANSWER_BUGS = (
    Bug(
        "a page of an outage says READY",
        "6: queries say STALE",
        f"{_FEED}.page",
        _says_ready,
    ),
    Bug(
        "a stale feed refuses queries",
        "6: queries are answered from memory",
        f"{_FEED}.ready",
        _refuses_while_stale,
    ),
    Bug(
        "a mutation without its database says NOT_FOUND",
        "writing: an error says what is so",
        "graphql_api.schema.writing:failed_write",
        _finds_nothing,
    ),
)
