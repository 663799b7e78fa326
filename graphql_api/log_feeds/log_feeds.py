"""All partitions that are followed on one server."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Hashable
from contextvars import Context, copy_context
from math import inf
from typing import Any, Final

from graphql_api.errors import (
    BadCursorError,
    DatabaseError,
    FeedUnavailableError,
    NotFoundError,
    OverBudgetError,
)
from graphql_api.feeds.keys import is_text
from graphql_api.log_feeds import cursor as cursors
from graphql_api.log_feeds.cursor import START, Cursor, LogPlace, partition_digest
from graphql_api.log_feeds.log import Log
from graphql_api.log_feeds.partition import Partition
from graphql_api.log_feeds.rows import RowCache
from graphql_api.log_feeds.source import LogSource
from graphql_api.log_feeds.subscription import LogSubscription
from graphql_api.log_feeds.surroundings import LogSettings, Surroundings

log = logging.getLogger(__name__)

_AFTER_A_FAULT_S: Final = 1.0
_MAX_KEY_BYTES: Final = 100


class LogFeeds:
    """Follows partitions of logs for as long as they have followers.

    A partition without followers costs nothing: it has no changefeed, and no row is kept of it.

    Args:
        surroundings: What all of them share.
    """

    def __init__(self, surroundings: Surroundings) -> None:
        self._around = surroundings
        self._partitions: dict[tuple[str, str], Partition[Any]] = {}
        self._clients: dict[Partition[Any], Hashable | None] = {}
        """The address of the client that began each partition."""
        self._finished_at_s: dict[tuple[str, str], float] = {}
        """When the owners of partitions that are not followed now were seen to be finished: those
        who come back again and again need not wait for the bound each time."""
        self._running: dict[Partition[Any], asyncio.Task[None]] = {}
        self._rows: dict[str, RowCache[Any]] = {}
        self._tasks: asyncio.TaskGroup | None = None
        self._context: Context | None = None
        self._has_new = asyncio.Event()
        self.rows_sent = 0
        """How many rows subscriptions have been given."""

    @property
    def source(self) -> LogSource:
        """Where logs are read."""
        return self._around.source

    @property
    def settings(self) -> LogSettings:
        """How they are followed."""
        return self._around.settings

    @property
    def epoch_s(self) -> Callable[[], float]:
        """Returns the time of day, in seconds since 1970."""
        return self._around.epoch_s

    @property
    def partitions(self) -> int:
        """How many partitions are followed."""
        return len(self._partitions)

    @property
    def followers(self) -> int:
        """How many subscriptions follow them."""
        return sum(len(partition.followers) for partition in self._partitions.values())

    @staticmethod
    def may_be_key(key: str) -> bool:
        """Whether there can be a partition with a key: RethinkDB has others only."""
        return is_text(key) and "\0" not in key and len(key.encode()) <= _MAX_KEY_BYTES

    @property
    def row_bytes(self) -> int:
        """How much the rows that are in memory take, about; of each log `max_row_bytes` at most."""
        return sum(rows.size for rows in self._rows.values())

    def subscribe(
        self,
        table: Log[Any],
        key: str,
        *,
        kinds: int,
        since: str | None,
        words: str,
        client: Hashable | None = None,
    ) -> LogSubscription:
        """Follow a partition; registered now, and until it is closed.

        Args:
            table: Its log.
            key: Its key.
            kinds: Which kinds of rows, a bit for each.
            since: The cursor of the last event that the client has; None to begin with the first.
            words: What people call the owner of a partition.
            client: The address for which it is; None, if that has no limit.

        Raises:
            BadCursorError: `since` is no cursor of this partition, or of fewer kinds.
            NotFoundError: There can be no such partition.
            FeedUnavailableError: Too many others are followed.
            OverBudgetError: This client alone has begun so many that others could have none.
        """
        if not self.may_be_key(key):
            raise NotFoundError(f"there is no {words} with this key")
        digest = partition_digest(table.name, key)
        place = START if since is None else read_cursor(since, digest, kinds).place
        partition = self._partitions.get((table.name, key))
        if partition is None:
            if len(self._partitions) >= self.settings.max_partitions:
                raise FeedUnavailableError(
                    f"as many {words}s as may be at a time are followed already, "
                    f"{self.settings.max_partitions}; try again later"
                )
            limit = self.settings.max_partitions_per_client
            if client is not None and [*self._clients.values()].count(client) >= limit:
                raise OverBudgetError(
                    f"from this address {limit} {words}s are followed already, as many as may "
                    "be: end a subscription first"
                )
            partition = self._begin(table, key, place, client)
        return LogSubscription(self, partition, digest, kinds=kinds, place=place, words=words)

    def release(self, partition: Partition[Any]) -> None:
        """Note that a follower has left: the last one ends the partition."""
        if partition.followers:
            return
        where = (partition.log.name, partition.key)
        if self._partitions.get(where) is partition:
            del self._partitions[where]
            del self._clients[partition]
            if partition.finished_at_s < inf:
                self._finished_at_s[where] = partition.finished_at_s
                if len(self._finished_at_s) > self.settings.max_partitions:
                    del self._finished_at_s[next(iter(self._finished_at_s))]
        task = self._running.pop(partition, None)
        if task is not None:
            task.cancel()
        if not any(name == partition.log.name for name, _ in self._partitions):
            rows = self._rows.pop(partition.log.name, None)
            if rows is not None:
                rows.clear()  # what still names it is freed only by Python's search for cycles

    async def run(self) -> None:
        """Follow what is asked for until cancelled."""
        self._context = copy_context()
        async with asyncio.TaskGroup() as self._tasks:
            for partition in self._partitions.values():
                self._start(partition)
            await self._read_owners()

    def _begin(
        self, table: Log[Any], key: str, place: LogPlace, client: Hashable | None
    ) -> Partition[Any]:
        max_bytes = self._around.settings.max_row_bytes
        rows = self._rows.setdefault(table.name, RowCache(max_bytes))
        partition = Partition(table, key, rows, self._around, place)
        partition.finished_at_s = self._finished_at_s.pop((table.name, key), inf)
        self._clients[partition] = client
        self._partitions[table.name, key] = partition
        self._has_new.set()
        self._start(partition)
        return partition

    def _start(self, partition: Partition[Any]) -> None:
        if self._tasks is None or partition in self._running:
            return
        # Not in the context of the client that asks first, or all would be charged to it.
        assert self._context is not None
        self._running[partition] = self._tasks.create_task(
            _run(partition), name=f"follow {partition.log.name}", context=self._context.copy()
        )

    async def _read_owners(self) -> None:
        """Read what the owners of the followed partitions say, now and then."""
        interval_s = self._around.settings.owner_interval_s
        while True:
            if not self._partitions:
                self._has_new.clear()
                await self._has_new.wait()
            self._has_new.clear()
            partitions = [*self._partitions.values()]
            try:
                for table in {
                    partition.log.name: partition.log for partition in partitions
                }.values():
                    asked = [each for each in partitions if each.log.name == table.name]
                    owners = await self.source.owners(table.layout, [each.key for each in asked])
                    for each in asked:
                        document = owners.get(each.key)
                        each.set_owner(None if document is None else table.owner_of(document))
            except DatabaseError:
                log.debug("the owners of partitions cannot be read now", exc_info=True)
            try:
                async with asyncio.timeout(interval_s):
                    await self._has_new.wait()
            except TimeoutError:
                pass


async def _run(partition: Partition[Any]) -> None:
    while True:
        try:
            await partition.run()
        except Exception:
            log.exception("following %s has failed; it begins again", partition.log.name)
            await asyncio.sleep(_AFTER_A_FAULT_S)


def read_cursor(text: str, digest: bytes, kinds: int) -> Cursor:
    """A cursor of a partition.

    Raises:
        BadCursorError: It is none, it is another partition's, or it was given for fewer kinds.
    """
    cursor = cursors.decode(text)
    if cursor.partition != digest:
        raise BadCursorError("the cursor belongs to something else that was followed")
    if kinds & ~cursor.kinds:
        raise BadCursorError(
            "the cursor was given for fewer kinds: leave it out, and begin with the first"
        )
    return cursor
