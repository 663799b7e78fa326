"""The history is consecutive, and bounded by count and by size."""

from __future__ import annotations

import hypothesis.strategies as st
from hypothesis import given

from graphql_api.feeds.events import Point, RowChange, Version
from graphql_api.feeds.history import History
from graphql_api.feeds.packing import Packer
from tests.for_each import for_each
from tests.unit.feeds.toy import Below, Number, PackedNumbers

ROW_BYTES = 1000


class AsItIs:
    """Packs bytes, which need no packing."""

    def pack(self, row: bytes) -> bytes:
        return row

    def unpack(self, packed: bytes) -> bytes:
        return packed

    format = "as it is"

    def content(self, packed: bytes) -> bytes:
        return packed

    def facets(self, row: bytes) -> tuple[int]:
        return (len(row),)


PACKER = Packer(AsItIs())


def fill(history: History[bytes], changes: int) -> None:
    """Let one row of a kilobyte change so many times."""
    before = None
    for _ in range(changes):
        after = Version(bytes(ROW_BYTES), PACKER)
        history.append(RowChange(Point(history.head + 1, history.head % 7), "key", before, after))
        before = after


@given(st.integers(1, 20), st.integers(0, 60))
def test_it_reaches_back_as_far_as_its_count_allows(max_changes: int, changes: int) -> None:
    history: History[bytes] = History(max_changes=max_changes, max_bytes=10**9)
    fill(history, changes)
    assert len(history) == min(changes, max_changes)
    assert history.reaches(history.tail)
    assert not history.reaches(history.tail - 1)
    assert not history.reaches(history.head + 1)
    positions = [change.position for change in history.between(history.tail, history.head)]
    assert positions == list(range(changes - len(history) + 1, changes + 1))


@given(st.integers(1, 20), st.integers(0, 30), st.integers(0, 30))
def test_it_finds_the_newest_point_with_a_digest(max_changes: int, before: int, after: int) -> None:
    history: History[bytes] = History(max_changes=max_changes, max_bytes=10**9)
    fill(history, before)
    history.find(0)  # from here on, the index is kept in step
    fill(history, after)
    points = [history.point(position) for position in range(history.tail, history.head + 1)]
    for digest in range(8):
        there = [point.position for point in points if point.digest == digest]
        assert history.find(digest) == max(there, default=None)


@for_each("kilobytes", [2, 10, 50])
def test_it_takes_no_more_memory_than_it_may(kilobytes: int) -> None:
    history: History[bytes] = History(max_changes=10**6, max_bytes=kilobytes * 1000)
    fill(history, 200)
    assert 0 < len(history) * ROW_BYTES <= kilobytes * 1000
    assert history.head == 200


def test_a_version_is_readable_before_and_after_its_row_is_dropped() -> None:
    packing = PackedNumbers()
    version = Version(Number("a", 5), Packer(packing))
    for _ in range(2):
        assert version.row == Number("a", 5)
        assert version.packed_bytes > 0
        version.release()


def test_a_packed_version_is_unpacked_once_for_all_and_not_for_a_filter() -> None:
    packing = PackedNumbers()
    version = Version(Number("a", 5), Packer(packing))
    version.release()
    assert not Below(5).matches(version.facets)
    assert packing.unpacked == 0
    assert version.row is version.row
    assert packing.unpacked == 1


@given(st.lists(st.integers(0, 9)), st.integers(0, 100))
def test_unpacked_rows_are_bounded_by_their_size(reads: list[int], max_bytes: int) -> None:
    packer = Packer(PackedNumbers(), max_bytes=max_bytes)
    versions = [Version(Number("k" * n, n), packer) for n in range(10)]
    for version in versions:
        version.release()
    for n in reads:
        assert versions[n].row.n == n
        kept = [version.packed for version in versions if version in packer._unpacked]
        assert sum(map(len, kept)) == packer._bytes
        assert packer._bytes <= max_bytes or len(kept) == 1


def test_packed_version_is_compared_without_being_unpacked() -> None:
    packing = PackedNumbers()
    version = Version(Number("a", 5), Packer(packing))
    version.release()
    assert version.holds(Number("a", 5))
    assert packing.unpacked == 0
    assert not version.holds(Number("a", 6))
