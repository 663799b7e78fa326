"""Keeps the rows and the history of a feed over the end of the process; see `graphql_api.state`.

A server that starts again goes on with what was kept as if there had been an outage: the feed is
STALE until the table has been read, and cursors of the time before are found in the history.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Never, Protocol, TypeVar

from graphql_api.feeds.cache import WatchCache
from graphql_api.feeds.content import ContentHash
from graphql_api.feeds.events import Point, RowChange, Version
from graphql_api.turns import Turns

_STEPS = 64
"""How many changes are loaded before the clock is looked at: it takes about a millisecond."""

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
class KeptFeed:
    """The state that is kept of one feed.

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

    async def load(self, content_version: str) -> KeptFeed | None:
        """Load the state that was kept, if it can be used; called once, first."""

    def resume(self, right: int) -> None:
        """Go on behind so many of the changes that were loaded; the others are not right."""

    def append(self, change: KeptChange) -> None:
        """Keep one more change, before any client is sent its cursor; never raises."""

    def begin_again(self) -> None:
        """Keep the feed as a whole as soon as possible: it is another than what was kept."""

    async def run(self, take: Callable[[], KeptFeed]) -> Never:
        """Keep the feed as a whole when that is due; ends by being cancelled.

        Args:
            take: Takes the whole feed as it is at that moment. It may be read in another thread.
        """


def kept_change(change: RowChange[RowT]) -> KeptChange:
    """A change as it is kept."""
    after = None if change.after is None else change.after.packed
    return KeptChange(change.key, after, change.stays, change.point.digest)


def take(cache: WatchCache[RowT, EventT], since: int) -> KeptFeed:
    """All of a feed as it is now; holds references, and copies no row.

    Args:
        cache: The feed's.
        since: The oldest position from which the history is wanted.
    """
    history = cache.history
    changes = list(history.between(max(history.tail, since), history.head))
    assert cache.content_names is not None, "it has been served"
    rows = _rows_before(dict(cache.rows), changes)
    return KeptFeed(cache.content_names, rows, map(kept_change, changes))


def _rows_before(
    rows: dict[str, Version[RowT]], changes: Sequence[RowChange[RowT]]
) -> Iterator[tuple[str, bytes]]:
    """The rows as they were before some changes: made where they are read."""
    for change in reversed(changes):
        if change.before is None:
            rows.pop(change.key, None)
        else:
            rows[change.key] = change.before
    for key, version in rows.items():
        yield key, version.packed


async def restore(
    cache: WatchCache[RowT, EventT],
    kept: KeptFeed,
    turns: Turns,
    on_rows: Callable[[], None] = lambda: None,
) -> int:
    """Fill a cache that has no snapshot yet with what was kept.

    Args:
        cache: It is STALE afterwards, if that succeeds.
        kept: What was kept.
        turns: Divides the work.
        on_rows: Called again and again: there are more rows and changes, which will stay.

    Returns:
        How many of the changes are right: all that are used.
    """
    content_hash = ContentHash(*kept.names)
    digest = content_hash.empty
    held: dict[str, tuple[Version[RowT], int]] = {}
    """The rows, and the hash of each: two changes need it."""
    hash_of = content_hash.of_rows()
    for key, packed in kept.rows:
        version = cache.kept_version(packed)
        hashed = hash_of(key, version.content)
        held[key] = version, hashed
        digest ^= hashed
        await turns.take()
    history = cache.history
    history.begin(digest)
    right = 0
    for key, packed_after, stays, expected in kept.changes:
        before, was = held.get(key, (None, 0))
        after, is_now = None, 0
        if packed_after is not None:
            after = cache.kept_version(packed_after)
            is_now = hash_of(key, after.content)
        digest ^= was ^ is_now
        # One that changes nothing comes behind a gap: the change that it undoes is missing.
        if digest != expected or was == is_now:
            digest = history.head_point.digest
            break
        if after is not None:
            held[key] = after, is_now
        else:
            del held[key]
        right += 1
        history.append(RowChange(Point(right, digest), key, before, after, stays))
        if right % _STEPS == 0:
            on_rows()
            await turns.take()
    whole = cache.new_rows()
    for key, (version, _) in held.items():
        version.keep_facets()
        whole.set(key, version, digest)
        await turns.take()
    whole.content_hash, whole.digest = content_hash, digest
    cache.restore(whole)
    on_rows()
    return right
