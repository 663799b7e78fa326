"""The bugs that are planted where jobs are followed."""

from __future__ import annotations

import asyncio
from typing import Any

from tests.simulation.planting import Bug, Function


def _settles_at_once(_: Function) -> Function:
    def settle(self: Any, now_s: float) -> int:
        for mark, _ in self._seen:
            self.final = max(self.final, mark.sequence)
        return int(self.final)

    return settle


def _completes_too_early(_: Function) -> Function:
    def is_complete_for(self: Any, follower: Any) -> bool:
        return self.owner is not None and self.owner.is_finished and not follower.is_reading

    return is_complete_for


def _follows_once(original: Function) -> Function:
    async def session(self: Any, name: str) -> None:
        if getattr(self, "_was_followed", False):
            await asyncio.Event().wait()
        self._was_followed = True
        await original(self, name)

    return session


def _takes_only_higher_ones(original: Function) -> Function:
    def add(self: Any, sequence: int) -> bool:
        return sequence > self.head and bool(original(self, sequence))

    return add


def _never_moves_on(_: Function) -> Function:
    def place_of(self: Any, follower: Any, given: Any) -> Any:
        return given

    return place_of


def _overlooks_deletions(original: Function) -> Function:
    def set_owner(self: Any, owner: Any) -> None:
        if owner is not None or self.owner is None:
            original(self, owner)

    return set_owner


_LOGS = "graphql_api.log_feeds"

LOG_BUGS = (
    Bug(
        "a cursor is ahead of the bound",
        "results: a durable cursor",
        f"{_LOGS}.evidence:Evidence.settle",
        _settles_at_once,
    ),
    Bug(
        "a job is complete before its index was read again",
        "results: when it completes",
        f"{_LOGS}.partition:Partition.is_complete_for",
        _completes_too_early,
    ),
    Bug(
        "a job's changefeed is not opened again after a cut",
        "results: an outage ends nothing",
        f"{_LOGS}.partition:Partition._session",
        _follows_once,
    ),
    Bug(
        "a response that comes behind a higher one is left out",
        "results: out of order",
        f"{_LOGS}.window:LogWindow.add",
        _takes_only_higher_ones,
    ),
    Bug(
        "a job's cursors never move on",
        "results: no other repeats",
        f"{_LOGS}.partition:Partition.place_of",
        _never_moves_on,
    ),
    Bug(
        "the deletion of a job is overlooked",
        "results: a deleted job completes",
        f"{_LOGS}.partition:Partition.set_owner",
        _overlooks_deletions,
    ),
)
