"""A file whose content counts as it is now, unless it is broken now."""

from __future__ import annotations

import logging
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Generic, TypeAlias, TypeVar

from graphql_api.errors import ConfigurationError

log = logging.getLogger(__name__)

T = TypeVar("T")

_Mark: TypeAlias = tuple[int, ...] | str
"""What differs between two versions of a file."""


class WatchedFile(Generic[T]):
    """What a file holds; `refresh` looks whether that has changed.

    It is read and looked at without a thread: it is small, and on a disk of this machine. One that
    everybody can change counts as broken.

    Args:
        path: The file; it may be a link that is changed to another file.
        parse: Makes something of its content. Raises a ConfigurationError if that is broken.
        name: What kind of file it is, for messages.

    Raises:
        ConfigurationError: It cannot be read, or is broken.

    Attributes:
        value: What came of the last content that was not broken.
    """

    def __init__(self, path: Path, parse: Callable[[bytes], T], *, name: str) -> None:
        self._path = path
        self._parse = parse
        self._name = name
        self._mark = self._look()
        self.value = self._read()

    def refresh(self) -> bool:
        """Read the file again if it has been changed.

        A file that is broken, or gone, is told to the operator once, and changes nothing.

        Returns:
            Whether there is a new value.
        """
        mark = self._look()
        if mark == self._mark:
            return False
        self._mark = mark
        try:
            self.value = self._read()
        except ConfigurationError as error:
            log.error(  # noqa: TRY400 - a broken file needs no traceback
                "%s; what it held before stays in force", error
            )
            return False
        log.info("%s %s was read again", self._name, self._path)
        return True

    def _look(self) -> _Mark:
        try:
            status = self._path.stat()
        except OSError as error:
            return error.strerror or str(error)
        # The time of the inode changes with anything, the mode of a file that could not be read
        # among them.
        return status.st_dev, status.st_ino, status.st_ctime_ns, status.st_mtime_ns, status.st_size

    def _read(self) -> T:
        try:
            _check_mode(self._path)
            return self._parse(self._path.read_bytes())
        except OSError as error:
            reason = error.strerror or str(error)
            raise ConfigurationError(f"{self._name} {self._path}: {reason}") from error
        except ConfigurationError as error:
            raise ConfigurationError(f"{self._name} {self._path}: {error}") from error


def _check_mode(path: Path) -> None:
    if os.name == "posix" and path.stat().st_mode & stat.S_IWOTH:
        raise ConfigurationError("everybody on this machine could change it: chmod o-w")
