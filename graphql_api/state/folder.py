"""The folder in which a server keeps its feeds; it belongs to one server at a time."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from graphql_api.errors import ConfigurationError
from graphql_api.state.feed_file import FileKeeper


class StateFolder:
    """A folder that is locked for this process: `open_folder` makes one."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def keeper(self, table: str, database: str) -> FileKeeper:
        """The keeper of a table's feed."""
        return FileKeeper(self._path / f"{table}.feed", table=table, database=database)


@contextmanager
def open_folder(path: Path) -> Iterator[StateFolder]:
    """The folder at a path, made if it is not there, until the context is left.

    Raises:
        ConfigurationError: It cannot be used, or another server uses it.
    """
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        lock = os.open(path / "lock", flags, 0o600)
    except OSError as error:
        raise ConfigurationError(
            f"--state {path} cannot be used: {error.strerror}; name a folder that this user may "
            "write to"
        ) from error
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise ConfigurationError(
                f"--state {path} is used by another server: each needs a folder of its own"
            ) from error
        yield StateFolder(path)
    finally:
        os.close(lock)
