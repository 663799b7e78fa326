"""Files whose changes count while the server runs.

Every file that is watched goes through one reader (`graphql_api.files`), and is looked at by one
task (`FileWatch`), once a second:

```
                    the version is the last one that was read
                  ┌───────┐
                  ▼       │
 look (stat) ──▶ the version is another one, or the last try has failed ──▶ read ──▶ parse
                                                                             │         │
                            the value in force stays; try again in a second ◀┴─────────┤
                                                                  the new value counts ◀┘
```

A version counts as read only when its content has been parsed. What fails is tried again until it
succeeds; the log names a problem once.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Generic, Never, Protocol, TypeAlias, TypeVar

from graphql_api.errors import ConfigurationError
from graphql_api.files import (
    MAX_BYTES,
    FileContent,
    FileVersion,
    SpareDescriptor,
    UnreadableFileError,
    look_at_file,
    read_file,
    shown_path,
)

log = logging.getLogger(__name__)

T = TypeVar("T")

_POLL_S = 1.0
"""How soon a change of a file is noticed. A look at it takes microseconds."""

_COARSEST_CLOCK_NS = 2_000_000_000
"""The coarsest clock of a file system, that of FAT: within this time, two versions of a file may
look the same."""

_OTHERS_MAY_WRITE = 0o002

_Versions: TypeAlias = tuple[FileVersion | None, ...]


class WatchedFiles(Generic[T]):
    """The value of one file, or of several that belong together; `refresh` follows their changes.

    Args:
        paths: The files; each may be a link, which may be set to another file.
        parse: Makes a value of their contents, in the order of `paths`. Raises a ConfigurationError
            if they are broken.
        name: What the files are called in messages.
        max_bytes: The largest size of each.
        clock_ns: Returns the time in nanoseconds since 1970.

    Raises:
        ConfigurationError: A file cannot be read, everybody may write to it, or it is broken.

    Attributes:
        value: The value of the last contents that were read and not broken.
    """

    def __init__(
        self,
        paths: Sequence[Path],
        parse: Callable[..., T],
        *,
        name: str,
        max_bytes: int = MAX_BYTES,
        clock_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self._paths = paths
        self._parse = parse
        self._name = name
        self._max_bytes = max_bytes
        self._clock_ns = clock_ns
        self._read_versions: _Versions | None = None
        self._digests: tuple[bytes, ...] = ()
        self._problem: tuple[str, _Versions] | None = None
        self.value, self._digests = self._load(self._read(None))

    def refresh(self, spare: SpareDescriptor | None = None) -> bool:
        """Read the files again if one has changed since they were last read and parsed.

        While they cannot be read or are broken, the value stays as it is.

        Args:
            spare: Given up for a moment, if the process has no other descriptor.

        Returns:
            Whether there is a new value.
        """
        versions = tuple(map(look_at_file, self._paths))
        if versions == self._read_versions:
            return False
        try:
            contents = self._read(spare)
            is_new = tuple(map(_digest, contents)) != self._digests
            if is_new:
                self.value, self._digests = self._load(contents)
        except ConfigurationError as error:
            self._read_versions = None
            self._complain(str(error), versions)
            return False
        if is_new or self._problem is not None:
            log.info("%s was read again", self)
        self._problem = None
        return is_new

    def __str__(self) -> str:
        """The name of the files in messages: `token file /etc/tokens.json`."""
        return f"{self._name} {' and '.join(map(str, self._paths))}"

    def _read(self, spare: SpareDescriptor | None) -> list[FileContent]:
        contents = []
        for path in self._paths:
            try:
                content = read_file(path, max_bytes=self._max_bytes, spare=spare)
            except UnreadableFileError as error:
                raise ConfigurationError(f"{self._name} {shown_path(path)}: {error}") from error
            if content.mode & _OTHERS_MAY_WRITE:
                raise ConfigurationError(
                    f"{self._name} {path}: everybody on this machine could change it: chmod o-w"
                )
            contents.append(content)
        versions = tuple(content.version for content in contents)
        self._read_versions = versions if self._is_settled(versions) else None
        return contents

    def _load(self, contents: Sequence[FileContent]) -> tuple[T, tuple[bytes, ...]]:
        try:
            value = self._parse(*(content.data for content in contents))
        except ConfigurationError as error:
            raise ConfigurationError(f"{self}: {error}") from error
        return value, tuple(map(_digest, contents))

    def _is_settled(self, versions: Iterable[FileVersion]) -> bool:
        """Whether every further change will make other versions.

        A second change within one tick of the file system's clock may leave time and size as they
        are. So a file that has just been changed is read once more a little later.
        """
        newest_ns = max(max(version.ctime_ns, version.mtime_ns) for version in versions)
        return self._clock_ns() - newest_ns > _COARSEST_CLOCK_NS

    def _complain(self, text: str, versions: _Versions) -> None:
        problem = text, versions
        if problem != self._problem:
            self._problem = problem
            log.error("%s; what it held before stays in force", text)


class WatchedFile(WatchedFiles[T]):
    """The value of one file; as `WatchedFiles`."""

    def __init__(self, path: Path, parse: Callable[[bytes], T], *, name: str) -> None:
        super().__init__((path,), parse, name=name)


class Refresh(Protocol):
    """Follows the changes of some files."""

    def __call__(self, spare: SpareDescriptor) -> object:
        """Look at the files, and read those that have changed."""


class FileWatch:
    """The task that looks at every watched file once a second."""

    def __init__(self) -> None:
        self._refreshes: list[Refresh] = []
        self._spare = SpareDescriptor()

    def add(self, refresh: Refresh) -> None:
        """Call this once a second, from the next second on."""
        self._refreshes.append(refresh)

    def look(self) -> None:
        """Look at every file now."""
        for refresh in self._refreshes:
            refresh(self._spare)

    async def run(self) -> Never:
        """Look at the files for as long as the server runs."""
        self._spare.take()
        try:
            while True:
                await asyncio.sleep(_POLL_S)
                self.look()
        finally:
            self._spare.release()


def _digest(content: FileContent) -> bytes:
    return sha256(content.data).digest()
