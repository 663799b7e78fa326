"""The bugs that are planted in what is kept over a restart, and in the choice of a node."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

from graphql_api.feeds.cursor import At
from graphql_api.feeds.events import Point
from graphql_api.feeds.resumption import Resumption
from tests.simulation.planting import Bug, Function

_LATE_S = 0.5


def _keeps_late(original: Function) -> Function:
    def append(self: Any, change: Any) -> None:
        asyncio.get_running_loop().call_later(_LATE_S, original, self, change)

    return append


def _keeps_no_deletions(original: Function) -> Function:
    def append(self: Any, change: Any) -> None:
        if change.after is not None:
            original(self, change)

    return append


def _loads_nothing(_: Function) -> Function:
    async def load(self: Any, content_version: str) -> None:
        pass

    return load


class _Right(int):
    """A digest that equals whatever it is compared with."""

    def __ne__(self, other: object) -> bool:
        return False

    __hash__ = int.__hash__


def _believes_kept_digests(original: Function) -> Function:
    async def restore(cache: Any, kept: Any, *others: Any) -> Any:
        changes = [each._replace(digest=_Right(each.digest)) for each in kept.changes]
        right = await original(cache, replace(kept, changes=changes), *others)
        history = cache.history
        for position in range(history.tail + 1, history.head + 1):
            point = Point(position, int(changes[position - 1].digest))
            history._changes[position] = history[position]._replace(point=point)
        return right

    return restore


def _believes_positions_of_other_runs(original: Function) -> Function:
    def find(self: Any, cursor: Any, filter_: bytes) -> Any:
        history = self._history
        is_here = isinstance(cursor, At) and cursor.filter == filter_
        if is_here and history.reaches(cursor.point.position):
            return Resumption(history.point(cursor.point.position))
        return original(self, cursor, filter_)

    return find


def _keeps_the_broken_end(original: Function) -> Function:
    def resume(self: Any, right: int) -> None:
        ends = self._file.ends
        ends[right] = len(self._file._data)
        original(self, right)

    return resume


def _tries_the_first_node_only(original: Function) -> Function:
    def order(self: Any, nodes: Any) -> Any:
        original(self, nodes)
        return [*nodes][:1]

    return order


_KEEPER = "graphql_api.state.feed_file:FileKeeper"

STATE_BUGS = (
    Bug(
        "a change is kept after its clients have its cursor",
        "restart: kept before a cursor is sent",
        f"{_KEEPER}.append",
        _keeps_late,
    ),
    Bug(
        "deletions are not kept",
        "restart: all changes are kept",
        f"{_KEEPER}.append",
        _keeps_no_deletions,
    ),
    Bug(
        "what was kept is not loaded",
        "restart: clients go on",
        f"{_KEEPER}.load",
        _loads_nothing,
    ),
    Bug(
        "the digests of what was kept are not checked",
        "restart: a position counts where its digest agrees",
        "graphql_api.feeds.feed:restore",
        _believes_kept_digests,
    ),
    Bug(
        "a position counts in any run",
        "restart: a position counts where its digest agrees",
        "graphql_api.feeds.resumption:Resumptions.find",
        _believes_positions_of_other_runs,
    ),
    Bug(
        "what is broken at the end of a file stays there",
        "restart: goes on behind what is right",
        f"{_KEEPER}.resume",
        _keeps_the_broken_end,
    ),
    Bug(
        "only the first node is tried",
        "nodes: on the other one soon",
        "graphql_api.rethink.nodes:Nodes.order",
        _tries_the_first_node_only,
    ),
)
