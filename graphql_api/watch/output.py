"""Standard output: a terminal, file or pipe, whose reader may close it at any time."""

from __future__ import annotations

import asyncio
import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TextIO

from graphql_api.watch.failures import WatchError

_USUAL_COLUMNS = 80


class Output:
    """A stream that is written line by line.

    Args:
        stream: Usually standard output. What its encoding has no character for is written escaped.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._descriptor = stream.fileno()
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")

    def write(self, lines: list[str]) -> None:
        """Write whole lines; they have left this program when this returns.

        It waits as long as the reader takes; the server merges changes in that time.

        Raises:
            BrokenPipeError: The pipe has no reader any more.
            WatchError: It cannot be written for another reason, such as a disk that is full.
        """
        if not lines:
            return
        try:
            self._stream.write("".join(f"{line}\n" for line in lines))
            self._stream.flush()
        except BrokenPipeError:
            self._discard()
            raise
        except OSError as error:
            self._discard()
            raise WatchError(f"cannot write to standard output: {error.strerror}") from error

    @property
    def width(self) -> int | None:
        """The width of the terminal now, in columns; None if it is no terminal."""
        if not self._stream.isatty():
            return None
        return os.get_terminal_size(self._descriptor).columns or _USUAL_COLUMNS

    def shows_color(self, environment: Mapping[str, str]) -> bool:
        """Whether colours are seen and wanted: see https://no-color.org."""
        return (
            self._stream.isatty()
            and not environment.get("NO_COLOR")
            and environment.get("TERM") != "dumb"
        )

    @contextmanager
    def ending_with_reader(self) -> Iterator[None]:
        """Raise BrokenPipeError once the pipe has no reader, even while nothing is written."""
        task = asyncio.current_task()
        assert task is not None
        if not stat.S_ISFIFO(os.fstat(self._descriptor).st_mode):
            yield
            return
        is_gone = False

        def gone() -> None:
            nonlocal is_gone
            is_gone = True
            loop.remove_reader(self._descriptor)
            task.cancel()

        loop = asyncio.get_running_loop()
        loop.add_reader(self._descriptor, gone)  # a pipe's writing end is readable at its end only
        try:
            yield
        except asyncio.CancelledError:
            if is_gone and not task.uncancel():
                self._discard()
                raise BrokenPipeError from None
            raise
        finally:
            loop.remove_reader(self._descriptor)

    def _discard(self) -> None:
        """Discard what is still buffered: to write it at exit would be an error."""
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, self._descriptor)
        os.close(nowhere)
