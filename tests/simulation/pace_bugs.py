"""The bugs that are planted in live pages and in paced subscriptions."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from tests.simulation.planting import Bug, Function


def _ticks_twice_as_often(original: Function) -> Function:
    def begin(self: Any, every_s: float, context: Any) -> None:
        original(self, every_s / 2, context)

    return begin


def _does_not_wake(_: Function) -> Function:
    def touch(self: Any) -> None:
        self._is_touched = True

    return touch


def _keeps_what_has_left(original: Function) -> Function:
    def apply(self: Any, change: Any) -> None:
        if change.after is not None:
            original(self, change)

    return apply


def _keeps_the_first_cursor(original: Function) -> Function:
    def event(self: Any) -> Any:
        made = original(self)
        first = self.__dict__.setdefault("_planted", made.page.cursor)
        made.page = replace(made.page, cursor=first)
        return made

    return event


def _does_not_compare(_: Function) -> Function:
    def content(self: Any, payload: bytes) -> None:
        return None

    return content


def _follows_no_feed(_: Function) -> Function:
    def follow(self: Any, feeds: Any) -> None:
        pass

    return follow


def _forgets_what_has_merged(_: Function) -> Function:
    def release(self: Any) -> None:
        if self.awaits_tick:
            self._pending = None

    return release


def _lists_backwards(original: Function) -> Function:
    def page(self: Any, order_by: Any, offset: int, limit: int) -> Any:
        if not order_by.is_descending:
            return original(self, order_by, offset, limit)
        return [*reversed(list(self))][offset : offset + limit]

    return page


_LIVE_PAGES = "graphql_api.feeds.live_pages"

PACE_BUGS = (
    Bug(
        "a group ticks twice as often as it may",
        "pace: no two within everyMs",
        "graphql_api.execution.pace:Pace.__init__",
        _ticks_twice_as_often,
    ),
    Bug(
        "what has merged until a tick is forgotten",
        "pace: the final state is never lost",
        "graphql_api.feeds.subscriber:Subscriber.release",
        _forgets_what_has_merged,
    ),
    Bug(
        "a live page is not woken by a change",
        "live pages: after quiet it is the table's",
        f"{_LIVE_PAGES}:LivePage.touch",
        _does_not_wake,
    ),
    Bug(
        "what has left its filter stays on a live page",
        "live pages: a page is the table at one moment",
        f"{_LIVE_PAGES}:PageView._apply",
        _keeps_what_has_left,
    ),
    Bug(
        "a live page keeps its first cursor",
        "live pages: a page's cursor means what it says",
        f"{_LIVE_PAGES}:PageView.event",
        _keeps_the_first_cursor,
    ),
    Bug(
        "a live page is sent again that shows the same",
        "live pages: only what differs is sent",
        f"{_LIVE_PAGES}:PageEvent.content",
        _does_not_compare,
    ),
    Bug(
        "the rows that a live page leads to are not followed",
        "live pages: linked rows count",
        f"{_LIVE_PAGES}:PageView.follow",
        _follows_no_feed,
    ),
    Bug(
        "rows without a value come first in a descending order",
        "live pages: a page is in its order",
        "graphql_api.feeds.order:SortedRows.page",
        _lists_backwards,
    ),
)
