"""Reads small files without ever blocking, whatever lies at their paths.

A path from the settings may lead to anything: a FIFO, on which `open` waits for a writer; a device
that never ends, or that acts when it is opened; a file of gigabytes. A server that opens one of
these stops for all its clients, and does not even react to a signal. So this looks at the file
before it opens it, opens it without waiting, looks again at what it has opened, and reads a bounded
number of bytes.

Sources: open(2) and fifo(7), on O_NONBLOCK; stat(2).
"""

from __future__ import annotations

import errno
import os
import stat
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from pathlib import Path

MAX_BYTES = 4 * 1024 * 1024
"""The largest file that is read, where its reader names no other limit: 15 000 tokens fit."""

_FLAGS = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY
_NO_DESCRIPTOR = frozenset({errno.EMFILE, errno.ENFILE})
_KINDS = {
    stat.S_IFDIR: "a directory",
    stat.S_IFIFO: "a FIFO",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


class UnreadableFileError(Exception):
    """A file cannot be read; the text says why in a few words, without the path."""


class ChangedFileError(UnreadableFileError):
    """A file was changed while it was read."""


class FileVersion(NamedTuple):
    """The figures of stat(2) that differ between two versions of a file.

    The time of the inode (`ctime_ns`) changes with its mode, too. The device and inode are those of
    the file at the end of all links, so a link that is set to another file makes another version.
    """

    device: int
    inode: int
    ctime_ns: int
    mtime_ns: int
    size: int


class FileContent(NamedTuple):
    """A file as it was read.

    Attributes:
        data: All of its bytes.
        version: Which version of the file they are.
        mode: Its permission bits.
    """

    data: bytes
    version: FileVersion
    mode: int


class SpareDescriptor:
    """A descriptor that is given up for a moment when the process has no other left.

    A client that uses up the descriptors must not keep the server from reading which tokens are
    revoked: the client's own may be among them.
    """

    def __init__(self) -> None:
        self._descriptor: int | None = None

    def take(self) -> None:
        """Open the descriptor, unless it is open or the process has none left."""
        if self._descriptor is None:
            with suppress(OSError):
                self._descriptor = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)

    def release(self) -> bool:
        """Close the descriptor, so that one file can be opened; False if it is not open."""
        if self._descriptor is None:
            return False
        os.close(self._descriptor)
        self._descriptor = None
        return True


def shown_path(path: Path) -> str:
    """A path as messages show it.

    A relative path that leads to nothing is not repeated: people write the secret itself, such as
    a JWT's key, where its file is asked for.
    """
    if path.is_absolute() or look_at_file(path) is not None:
        return str(path)
    return "(not repeated, for it may be the secret itself; it is relative and leads to nothing)"


def look_at_file(path: Path) -> FileVersion | None:
    """The version of a file that is there now; None if it is not known. Needs no descriptor."""
    try:
        return _version(path.stat())
    except (OSError, ValueError):
        return None


def read_file(
    path: Path,
    *,
    max_bytes: int = MAX_BYTES,
    begins_with: bytes = b"",
    spare: SpareDescriptor | None = None,
) -> FileContent:
    """Read a regular file as a whole, without waiting for anything but the disk.

    Args:
        path: The file, or a link to it.
        max_bytes: The largest size that is read.
        begins_with: What the file begins with: nothing more is read of another one.
        spare: Given up while the file is open, if there is no other descriptor.

    Raises:
        UnreadableFileError: There is no regular file that this process may read, it is larger than
            `max_bytes`, or begins with something else.
        ChangedFileError: It was changed while it was read.
    """
    try:
        _check_kind(path.stat().st_mode)
        try:
            descriptor = os.open(path, _FLAGS)
        except OSError as error:
            if error.errno not in _NO_DESCRIPTOR or spare is None or not spare.release():
                raise
            descriptor = os.open(path, _FLAGS)
        try:
            return _read(descriptor, max_bytes, begins_with)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise UnreadableFileError(error.strerror or str(error)) from error
    except ValueError as error:  # the path holds a character that no path can hold
        raise UnreadableFileError("there can be no file of this name") from error
    finally:
        if spare is not None:
            spare.take()


def _read(descriptor: int, max_bytes: int, begins_with: bytes) -> FileContent:
    status = os.fstat(descriptor)
    _check_kind(status.st_mode)
    if status.st_size > max_bytes:
        raise UnreadableFileError(f"it has {status.st_size} bytes, and {max_bytes} are the limit")
    if os.pread(descriptor, len(begins_with), 0) != begins_with:
        raise UnreadableFileError("it is of another version, or no such file")
    parts: list[bytes] = []
    left = max_bytes + 1
    while left and (part := os.read(descriptor, left)):
        parts.append(part)
        left -= len(part)
    data = b"".join(parts)
    version = _version(status)
    if len(data) != status.st_size or _version(os.fstat(descriptor)) != version:
        raise ChangedFileError("it was changed while it was read")
    return FileContent(data, version, stat.S_IMODE(status.st_mode))


def _check_kind(mode: int) -> None:
    if not stat.S_ISREG(mode):
        kind = _KINDS.get(stat.S_IFMT(mode), "something else")
        raise UnreadableFileError(f"it is {kind}, not a regular file")


def _version(status: os.stat_result) -> FileVersion:
    return FileVersion(
        status.st_dev, status.st_ino, status.st_ctime_ns, status.st_mtime_ns, status.st_size
    )
