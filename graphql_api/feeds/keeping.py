"""Keeps the rows and the history of a feed over the end of the process; see `graphql_api.state`.

A server that starts again goes on with what was kept as if there had been an outage: the feed is
STALE until the table has been read, and cursors of the time before are found in the history.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import NamedTuple, Never, Protocol, TypeVar

from graphql_api.feeds.cache import WatchCache
from graphql_api.feeds.content import ContentHash
from graphql_api.feeds.events import Change, Point, Version
from graphql_api.turns import Turns

RowT = TypeVar("RowT")
EventT = TypeVar("EventT")


class KeptChange(NamedTuple):
    """A change as it is kept.

    Attributes:
        key: The row's key.
        after: The bytes of what it is from then on; None if there is no row.
        stays: Whether a document without a row is in the table all the same.
        digest: The digest of the table as of the change.
    """

    key: str
    after: bytes | None
    stays: bool
    digest: int


@dataclass(frozen=True, slots=True)
class Kept:
    """What is kept of one feed.

    Attributes:
        names: What names the table and what it is decoded to: see `ContentHash`.
        rows: The keys of the rows and their bytes, as of the oldest point of the history.
        changes: Those that came after it.
    """

    names: tuple[str, ...]
    rows: Iterable[tuple[str, bytes]]
    changes: Iterable[KeptChange]


class Keeper(Protocol):
    """Interface of what keeps one feed."""

    async def load(self, content_version: str) -> Kept | None:
        """What was kept, if it can be used; called once, first."""

    def resume(self, right: int) -> None:
        """Go on behind so many of the changes that were loaded; the others are not right."""

    def append(self, change: KeptChange) -> None:
        """Keep one more change, before any client is sent its cursor; never raises."""

    def begin_again(self) -> None:
        """Keep the feed as a whole as soon as possible: it is another than what was kept."""

    async def run(self, take: Callable[[], Kept]) -> Never:
        """Keep the feed as a whole when that is due; ends by being cancelled.

        Args:
            take: Takes the whole feed as it is at that moment. It may be read in another thread.
        """


def kept_change(change: Change[RowT]) -> KeptChange:
    """A change as it is kept."""
    after = None if change.after is None else change.after.packed
    return KeptChange(change.key, after, change.stays, change.point.digest)


def take(cache: WatchCache[RowT, EventT], since: int) -> Kept:
    """All of a feed as it is now; holds references, and copies no row.

    Args:
        cache: The feed's.
        since: The oldest position from which the history is wanted.
    """
    history = cache.history
    tail = max(history.tail, since)
    changes = list(history.between(tail, history.head))
    rows = dict(cache.rows)
    for change in reversed(changes):
        if change.before is None:
            rows.pop(change.key, None)
        else:
            rows[change.key] = change.before
    assert cache.content_names is not None, "it has been served"
    return Kept(
        cache.content_names,
        ((key, version.packed) for key, version in rows.items()),
        map(kept_change, changes),
    )


async def restore(cache: WatchCache[RowT, EventT], kept: Kept, turns: Turns) -> int:
    """Let a cache that has no snapshot so far go on with what was kept.

    Args:
        cache: It is STALE afterwards, if that succeeds.
        kept: What was kept.
        turns: Divides the work.

    Returns:
        How many of the changes are right: all that are used.
    """
    content_hash = ContentHash(*kept.names)
    rows: dict[str, Version[RowT]] = {}
    digest = content_hash.empty
    for key, packed in kept.rows:
        version = rows[key] = cache.kept_version(packed)
        digest ^= content_hash.row(key, version.content)
        await turns.take()
    history = cache.history
    history.begin(digest)
    right = 0
    for kept_one in kept.changes:
        key, before = kept_one.key, rows.pop(kept_one.key, None)
        after = None if kept_one.after is None else cache.kept_version(kept_one.after)
        for each in (before, after):
            if each is not None:
                digest ^= content_hash.row(key, each.content)
        if digest != kept_one.digest or before is after:
            if before is not None:
                rows[key] = before
            digest = history.head_point.digest
            break
        if after is not None:
            rows[key] = after
        right += 1
        history.append(Change(Point(right, digest), key, before, after, kept_one.stays))
        await turns.take()
    whole = cache.new_rows()
    for key, version in rows.items():
        version.keep_facets()
        whole.set(key, version, digest)
        await turns.take()
    whole.content_hash, whole.digest = content_hash, digest
    cache.restore(whole)
    return right
