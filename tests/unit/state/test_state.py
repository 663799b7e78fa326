"""What is kept of a feed brings its clients back, and never to a wrong place."""

from __future__ import annotations

import asyncio
import os
import stat
import struct
import zlib
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import hypothesis.strategies as st
import pytest
from hypothesis import example, given

from graphql_api.errors import ConfigurationError
from graphql_api.feeds.cache import WatchCache
from graphql_api.feeds.events import FeedStatus
from graphql_api.feeds.history import History
from graphql_api.feeds.keeping import KeptChange, kept_change, restore, take
from graphql_api.state.feed_file import FileKeeper
from graphql_api.state.feed_file_format import (
    MAGIC,
    BrokenFileError,
    FeedFileReader,
    encoded,
    encoded_change,
)
from graphql_api.state.folder import open_folder
from graphql_api.turns import Turns
from tests.properties import examples
from tests.unit.feeds.test_other_servers import KEYS, Client, Held, Write, digest_of
from tests.unit.feeds.toy import Event, Number, Numbers, rows_of

NAMES = ("db", "a UUID", "1")
keys = st.sampled_from(KEYS)
writes = st.lists(st.tuples(keys, st.none() | st.integers(0, 2)), max_size=12)


def new_cache(run: int, max_changes: int = 100) -> WatchCache[Number, Event]:
    return WatchCache(
        Numbers(),
        run=run.to_bytes(8, "big"),
        history=History[Number](max_changes=max_changes, max_bytes=10**9),
        queue_limit=2,
    )


def apply(cache: WatchCache[Number, Event], write: Write) -> None:
    key, n = write
    cache.apply(key, None if n is None else Number(key, n))


def table(cache: WatchCache[Number, Event]) -> Held:
    return {key: version.row.n for key, version in cache.rows.items()}


class Kept:
    """A feed whose state is kept, and the bytes of it at each moment."""

    def __init__(self, rows: Held, run: int, max_changes: int) -> None:
        self.cache = new_cache(run, max_changes)
        whole = rows_of({key: Number(key, n) for key, n in rows.items()})
        for _ in whole.rehash(self.cache.content_hash(NAMES[:2])):
            pass
        self.cache.take(whole)
        self.cache.begin()
        self.data = self.whole()

        def keep(change: object) -> None:
            self.data += encoded_change(kept_change(change))  # type: ignore[arg-type]

        self.cache.on_change = keep

    def whole(self) -> bytes:
        return b"".join(encoded("numbers", take(self.cache, 0)))


async def restored(data: bytes, run: int, max_changes: int) -> WatchCache[Number, Event]:
    from graphql_api.feeds import keeping

    file = FeedFileReader(data)
    file.check("numbers", "db", "1")
    cache = new_cache(run, max_changes)
    kept = keeping.KeptFeed(file.header.names, list(file.rows()), file.changes())
    await restore(cache, kept, Turns())
    return cache


@examples(150)
@given(
    rows=st.dictionaries(keys, st.integers(0, 2)),
    before=writes,
    compacted=st.booleans(),
    after=writes,
    lost=st.integers(0, 3),
    missed=writes,
    max_changes=st.sampled_from([3, 100]),
    reads=st.integers(0, 12),
)
def test_clients_go_on_after_a_kill_at_any_moment(  # noqa: PLR0917 - by name
    rows: Held,
    before: list[Write],
    compacted: bool,
    after: list[Write],
    lost: int,
    missed: list[Write],
    max_changes: int,
    reads: int,
) -> None:
    async def story() -> None:
        kept = Kept(rows, 1, max_changes)
        client = Client(None, None, kept.cache.subscribe(wake=lambda: None))  # type: ignore[arg-type]
        for write in before:
            apply(kept.cache, write)
            client.read_unchecked()
        if compacted:
            kept.data = kept.whole()
        whole = len(kept.data)
        for write in after:
            apply(kept.cache, write)
        for _ in range(reads):
            client.read_unchecked()
        cut = lost if len(kept.data) > whole else 0  # in the record that was being written
        data = kept.data[: len(kept.data) - cut]
        cache = await restored(data, 2, max_changes)
        assert cache.status is FeedStatus.STALE
        if not cut:
            assert table(cache) == table(kept.cache)
            assert cache.point.digest == kept.cache.point.digest
        since = client.seen[-1][0] if client.seen else None
        was_ready = client.was_ready
        client.subscriber = cache.subscribe(since=since, wake=lambda: None)
        for write in missed:
            apply(cache, write)
        cache.recover()
        while client.read_unchecked():
            pass
        assert client.holds == table(cache)
        if since is not None and not cut and max_changes == 100 and was_ready:
            assert client.snapshots == 1, "it goes on"

    asyncio.run(story())


@given(rows=st.dictionaries(keys, st.integers(0, 2)), after=writes, cut=st.integers(0, 10**6))
@examples(150)
def test_a_file_that_is_cut_off_anywhere_gives_a_beginning_of_what_was_kept(
    rows: Held, after: list[Write], cut: int
) -> None:
    kept = Kept(rows, 1, 100)
    for write in after:
        apply(kept.cache, write)
    data = kept.data[: cut % (len(kept.data) + 1)]
    try:
        file = FeedFileReader(data)
        assert dict(file.rows()).keys() == rows.keys()
    except BrokenFileError:
        assert len(data) < len(kept.whole())
        return
    changes = list(file.changes())
    history = kept.cache.history
    assert changes == [kept_change(history[position + 1]) for position in range(len(changes))]
    assert len(file.ends) == len(changes) + 1
    assert file.ends[-1] <= len(data)


def kept_with_tables(rows: Held, writes: list[Write]) -> tuple[Kept, list[Held]]:
    """What is kept after some writes, and the table before the first and after each of them."""
    kept = Kept(rows, 1, 100)
    tables = [table(kept.cache)]
    for write in writes:
        apply(kept.cache, write)
        tables.append(table(kept.cache))
    return kept, tables


@given(rows=st.dictionaries(keys, st.integers(0, 2)), after=writes, at=st.integers(0, 10**6))
@examples(150)
def test_a_byte_that_is_altered_is_noticed(rows: Held, after: list[Write], at: int) -> None:
    async def story() -> None:
        kept, tables = kept_with_tables(rows, after)
        data = bytearray(kept.data)
        data[at % len(data)] ^= 1
        try:
            cache = await restored(bytes(data), 2, 100)
        except BrokenFileError:
            return
        assert table(cache) in tables

    asyncio.run(story())


@examples(150)
@given(rows=st.dictionaries(keys, st.integers(0, 2)), after=writes, at=st.integers(0, 11))
@example(rows={"a": 1}, after=[("a", 2), ("a", 1)], at=0)
def test_a_gap_in_a_file_leaves_no_change_that_changes_nothing(
    rows: Held, after: list[Write], at: int
) -> None:
    async def story() -> None:
        kept, tables = kept_with_tables(rows, after)
        file = FeedFileReader(kept.data)
        list(file.rows())
        if len(list(file.changes())) <= at:
            return
        data = kept.data[: file.ends[at]] + kept.data[file.ends[at + 1] :]
        cache = await restored(data, 2, 100)
        assert table(cache) in tables
        for change in cache.history.between(0, cache.position):
            was, is_now = (each and each.row for each in (change.before, change.after))
            assert was != is_now

    asyncio.run(story())


@pytest.mark.parametrize(
    ("database", "version", "why"),
    [("other", "1", "another table or database"), ("db", "2", "another version")],
)
async def test_a_foreign_or_older_file_costs_the_history_and_one_line(
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    database: str,
    version: str,
    why: str,
) -> None:
    path = tmp_path / "numbers.feed"
    path.write_bytes(Kept({"a": 1}, 1, 100).data)
    assert await FileKeeper(path, table="numbers", database="db").load("1") is not None
    assert await FileKeeper(path, table="numbers", database=database).load(version) is None
    (record,) = caplog.records
    assert why in record.message


def _beginning(header: bytes) -> bytes:
    return MAGIC + struct.pack(">II", len(header), zlib.crc32(header)) + header


@pytest.mark.parametrize(
    "content",
    [
        *(b"", b"garbage", MAGIC, b"\0" * 99),
        _beginning(b'{"table": "numbers", "names": ["db", "1"], "rows": Infinity}'),
        _beginning(b"[" * 100_000),
        _beginning(b'{"table": "numbers", "names": [], "rows": 1e300}'),
    ],
)
async def test_a_broken_file_costs_the_history_and_one_line(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, content: bytes
) -> None:
    path = tmp_path / "numbers.feed"
    path.write_bytes(content)
    assert await FileKeeper(path, table="numbers", database="db").load("1") is None
    assert len(caplog.records) == 1


async def test_what_another_could_have_put_there_is_neither_read_nor_written(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, elsewhere = tmp_path / "numbers.feed", tmp_path / "elsewhere"
    elsewhere.write_bytes(Kept({"a": 1}, 1, 100).data)
    keeper = FileKeeper(path, table="numbers", database="db")

    path.symlink_to(elsewhere)
    assert await keeper.load("1") is None
    path.unlink()
    os.mkfifo(path)
    assert await keeper.load("1") is None
    path.unlink()
    with path.open("wb") as sparse:
        sparse.truncate(1 << 42)  # reading it would take all memory
    assert await keeper.load("1") is None
    path.write_bytes(elsewhere.read_bytes())
    assert await keeper.load("1") is not None
    monkeypatch.setattr(os, "geteuid", lambda: 12345)
    assert await keeper.load("1") is None
    reasons = ["it is a link", "not a regular file", "no such file", "belongs to another user"]
    for record, reason in zip(caplog.records, reasons, strict=True):
        assert reason in record.message

    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "lock").symlink_to(elsewhere)
    with (
        pytest.raises(ConfigurationError, match="cannot be used"),
        open_folder(tmp_path / "folder"),
    ):
        pass


@asynccontextmanager
async def keeping(path: Path, cache: WatchCache[Number, Event]) -> AsyncIterator[FileKeeper]:
    keeper = FileKeeper(path, table="numbers", database="db")
    task = asyncio.create_task(keeper.run(lambda: take(cache, 0)))
    cache.on_change = lambda change: keeper.append(kept_change(change))
    try:
        yield keeper
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_the_whole_is_written_again_while_changes_come(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("graphql_api.state.feed_file._MIN_BYTES", 200)
    path = tmp_path / "numbers.feed"
    kept = Kept({"a": 0}, 1, 20)
    kept.cache.on_change = None
    async with keeping(path, kept.cache) as keeper:
        keeper.begin_again()
        await keeper.is_whole.wait()
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        sizes: deque[int] = deque(maxlen=50)
        for n in range(400):
            apply(kept.cache, ("a" if n % 3 else "b", n))
            sizes.append(path.stat().st_size)
            if n % 7 == 0:
                await asyncio.sleep(0)
            if n % 50 == 0:
                await keeper.is_whole.wait()
        await keeper.is_whole.wait()
        assert max(sizes) < 400 * 20, "it does not grow without end"
    cache = await restored(path.read_bytes(), 2, 20)
    assert table(cache) == {"a": 398, "b": 399}
    assert cache.point.digest == kept.cache.point.digest
    assert len(cache.history) == 20


async def test_changes_are_in_the_file_before_any_subscriber_has_them(tmp_path: Path) -> None:
    path = tmp_path / "numbers.feed"
    kept = Kept({}, 1, 100)
    async with keeping(path, kept.cache) as keeper:
        keeper.begin_again()
        await keeper.is_whole.wait()
        seen: list[int] = []
        kept.cache.subscribe(wake=lambda: seen.append(path.stat().st_size))
        sizes = []
        for n in range(5):
            before = path.stat().st_size
            apply(kept.cache, ("a", n))
            sizes.append((before, seen[-1]))
        assert all(before < at_wake for before, at_wake in sizes)


async def test_a_disk_that_fails_leaves_nothing_with_a_gap(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "numbers.feed"
    kept = Kept({}, 1, 100)
    async with keeping(path, kept.cache) as keeper:
        keeper.begin_again()
        await keeper.is_whole.wait()

        def fail(descriptor: int, data: bytes) -> int:
            raise OSError(28, "No space left on device")

        with monkeypatch.context() as patched:
            patched.setattr("graphql_api.state.feed_file._write_all", fail)
            apply(kept.cache, ("a", 1))
            assert not path.exists()
        assert [r.message for r in caplog.records] == [
            "table numbers is not kept for a restart: No space left on device"
        ]
        await keeper.is_whole.wait()  # it is written as a whole again
    assert table(await restored(path.read_bytes(), 2, 100)) == {"a": 1}


async def test_a_disk_that_is_full_keeps_no_part_of_the_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def write_a_part(descriptor: int, data: bytes) -> int:
        os.write(descriptor, data[:10])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("graphql_api.state.feed_file._write_all", write_a_part)
    keeper = FileKeeper(tmp_path / "numbers.feed", table="numbers", database="db")
    with pytest.raises(OSError, match="No space left"):
        await keeper._write_whole(take(Kept({"a": 1}, 1, 100).cache, 0))
    assert [*tmp_path.iterdir()] == []


def test_two_servers_cannot_share_a_folder(tmp_path: Path) -> None:
    folder = tmp_path / "state"
    with open_folder(folder):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        with pytest.raises(ConfigurationError, match="another server"), open_folder(folder):
            pass
    with open_folder(folder):
        pass


@pytest.mark.parametrize("make", [Path.touch, os.mkfifo])
def test_what_is_no_folder_in_the_place_of_the_folder_is_an_error(
    tmp_path: Path, make: Callable[[Path], None]
) -> None:
    file = tmp_path / "file"
    make(file)
    for folder in (file, file / "below"):
        with pytest.raises(ConfigurationError, match="cannot be used"), open_folder(folder):
            pass


def test_a_change_survives_the_way_into_the_file_and_back() -> None:
    changes = [KeptChange("é", b"[1]", False, 2**64 - 1), KeptChange("", None, True, 0)]
    kept = Kept({}, 1, 100)
    data = kept.data + b"".join(map(encoded_change, changes))
    file = FeedFileReader(data)
    assert list(file.rows()) == []
    assert list(file.changes()) == changes
    assert digest_of({}) != 0
