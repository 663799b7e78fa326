"""Settings and parts that all partitions of a server share."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeVar

from graphql_api.errors import DatabaseError
from graphql_api.feeds.outage_log import OutageLog
from graphql_api.log_feeds.cursor import NOTHING, LogPlace
from graphql_api.log_feeds.source import MAX_SEQUENCE, LogSource
from graphql_api.settings.feeds import TableSettings
from graphql_api.turns import Pause, Turns, in_turns, turn_of_the_loop

T = TypeVar("T")

_MAX_READS: Final = 8
"""How many pages and rows are read at once for all partitions."""


class LogSettings(TableSettings):
    """The settings for tables, and those of a log that no setting changes.

    Attributes:
        owner_interval_s: How often the owners of followed partitions are read.
        max_row_bytes: How much the rows of one log may take in memory, with the events made of
            them.
        max_partitions: How many partitions may be followed at once: each has a changefeed, on a
            connection of its own to the database.
        max_partitions_per_client: How many of them the clients of one address may have begun.
    """

    owner_interval_s: float = 0.5
    max_row_bytes: int = 16 * 1024 * 1024
    max_partitions: int = 500
    max_partitions_per_client: int = 125


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """The parts that all partitions of a server share.

    Attributes:
        source: Where they are read.
        settings: How they are followed.
        outages: Logs lost changefeeds.
        clock: Returns the time in seconds, and never leaps.
        epoch_s: Returns the time of day, in seconds since 1970.
        rng: For the jitter of waits.
        pause: Waits for a turn of long work.
        reads: Limits how many pages and rows are read at once, and wait to be decoded.
    """

    source: LogSource
    settings: LogSettings
    outages: OutageLog
    clock: Callable[[], float]
    epoch_s: Callable[[], float]
    rng: random.Random
    pause: Pause = turn_of_the_loop
    reads: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(_MAX_READS))

    async def in_turns(self, items: Sequence[T]) -> AsyncIterator[T]:
        """What is to be decoded, in turns of long work."""
        await self.pause()
        async for item in in_turns(items, Turns(self.pause, clock=self.clock)):
            yield item

    def trusted(self, place: LogPlace) -> int:
        """Up to where all rows are settled, by what a follower says of itself."""
        sequence, seen_ms = place.mark
        is_old = self.epoch_s() >= seen_ms / 1000 + self.settings.response_lag_s
        return min(sequence, MAX_SEQUENCE) if is_old else NOTHING


def first_error(errors: BaseExceptionGroup[DatabaseError]) -> DatabaseError:
    """One of the errors of a group."""
    error: Exception | BaseExceptionGroup[DatabaseError] = errors
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    assert isinstance(error, DatabaseError)
    return error
