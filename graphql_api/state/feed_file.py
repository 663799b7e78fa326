"""Keeps one feed in one file: appends each change, and writes the whole again now and then.

A change is written, not synced: it survives the process, and not the machine. The whole is written
by a thread to another file, which takes the place of the first once it has everything.
"""

from __future__ import annotations

import asyncio
import logging
import os
import stat
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final, Never

from graphql_api.feeds.keeping import KeptChange, KeptFeed
from graphql_api.files import UnreadableFileError, read_file
from graphql_api.state.feed_file_format import (
    MAGIC,
    BrokenFileError,
    FeedFileReader,
    encoded,
    encoded_change,
    in_pieces,
)

log = logging.getLogger(__name__)

_PIECE_BYTES: Final = 1 << 20
_MIN_BYTES: Final = 4 << 20
"""How much may be appended before the whole is written again; or as much as the whole takes."""

_LATE_AT_ONCE: Final = 200
"""How many changes are written after the whole before everything else has a turn."""

_RETRY_S: Final = 60.0
"""How long to wait after the disk has failed."""


class FileKeeper:
    """A `graphql_api.feeds.keeping.Keeper` that has a file.

    Args:
        path: The file; `.new` beside it is written first.
        table: The table's name.
        database: The name of the database.

    Attributes:
        is_whole: Set while the file has all that is to be kept, and need not be written again.
    """

    def __init__(self, path: Path, *, table: str, database: str) -> None:
        self._path = path
        self._table = table
        self._database = database
        self._file: FeedFileReader | None = None
        self._descriptor: int | None = None
        self._size = 0
        self._limit = 0
        self._is_due = asyncio.Event()
        self.is_whole = asyncio.Event()
        self._late: list[KeptChange] | None = None
        """The changes since the whole was taken, while it is written."""

    async def load(self, content_version: str) -> KeptFeed | None:
        """Load the state that was kept, if it is whole, and of this table, database and version."""
        try:
            found = await asyncio.to_thread(_read, self._path)
            if found is None:
                return None
            file, rows = found
            file.check(self._table, self._database, content_version)
        except (BrokenFileError, UnreadableFileError) as error:
            log.warning("what was kept of table %s is not used: %s", self._table, error)
            return None
        self._file = file
        return KeptFeed(file.header.names, rows, file.changes())

    def resume(self, right: int) -> None:
        """Go on behind so many of the changes that were loaded."""
        assert self._file is not None, "it has been loaded"
        self._size, self._file = self._file.ends[right], None
        self._limit = 2 * self._size + _MIN_BYTES
        try:
            flags = os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
            self._descriptor = os.open(self._path, flags)
            os.ftruncate(self._descriptor, self._size)
        except OSError as error:
            self._give_up(error)

    def append(self, change: KeptChange) -> None:
        """Keep one more change."""
        if self._late is not None:
            self._late.append(change)
        if self._descriptor is not None:
            self._write(encoded_change(change))
            if self._size > self._limit:
                self.begin_again()

    def begin_again(self) -> None:
        """Write the whole as soon as possible."""
        self.is_whole.clear()
        self._is_due.set()

    async def run(self, take: Callable[[], KeptFeed]) -> Never:
        """Write the whole whenever that is due."""
        self._file = None  # what was loaded has been used by now, or cannot be
        try:
            while True:
                await self._is_due.wait()
                self._is_due.clear()
                try:
                    await self._write_whole(take())
                except OSError as error:
                    self._give_up(error)
                    await asyncio.sleep(_RETRY_S)
                    self.begin_again()
        finally:
            self._close()

    async def _write_whole(self, kept: KeptFeed) -> None:
        self._late = []
        path = self._path.with_name(f"{self._path.name}.new")
        descriptor = None
        try:
            descriptor, size = await asyncio.to_thread(_write_new, path, self._table, kept)
            while late := self._late[:_LATE_AT_ONCE]:
                del self._late[:_LATE_AT_ONCE]
                size += _write_all(descriptor, b"".join(map(encoded_change, late)))
                if self._late:
                    await asyncio.sleep(0)
            path.replace(self._path)
            old, self._descriptor, descriptor = self._descriptor, descriptor, None
            self._size, self._limit = size, 2 * size + _MIN_BYTES
            self._late = None
            if not self._is_due.is_set():
                self.is_whole.set()
            if old is not None:
                await asyncio.to_thread(os.close, old)  # which frees all that was in the file
        finally:
            self._late = None
            if descriptor is not None:
                os.close(descriptor)

    def _write(self, data: bytes) -> None:
        assert self._descriptor is not None
        try:
            self._size += _write_all(self._descriptor, data)
        except OSError as error:
            self._give_up(error)
            self.begin_again()

    def _give_up(self, error: OSError) -> None:
        """Keep nothing rather than something with a gap."""
        log.warning("table %s is not kept for a restart: %s", self._table, error.strerror)
        self._close()
        with suppress(OSError):
            self._path.unlink(missing_ok=True)

    def _close(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def _read(path: Path) -> tuple[FeedFileReader, list[tuple[str, bytes]]] | None:
    """The file with its rows; None if there is none.

    Raises:
        BrokenFileError: It is not one that this server's user has written, or it is broken.
        UnreadableFileError: It cannot be read.
    """
    try:
        status = path.lstat()
    except OSError:
        return None
    if stat.S_ISLNK(status.st_mode):
        raise BrokenFileError("it is a link")
    if status.st_uid != os.geteuid():
        raise BrokenFileError("it belongs to another user")
    file = FeedFileReader(read_file(path, max_bytes=status.st_size, begins_with=MAGIC).data)
    return file, list(file.rows())


def _write_new(path: Path, table: str, kept: KeptFeed) -> tuple[int, int]:
    """Write a file; returns its descriptor, and its size."""
    path.unlink(missing_ok=True)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC
    descriptor = os.open(path, flags, 0o600)
    try:
        pieces = in_pieces(encoded(table, kept), _PIECE_BYTES)
        return descriptor, sum(_write_all(descriptor, piece) for piece in pieces)
    except BaseException:
        os.close(descriptor)
        path.unlink(missing_ok=True)  # a part of it would keep a full disk full
        raise


def _write_all(descriptor: int, data: bytes) -> int:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]
    return len(data)
