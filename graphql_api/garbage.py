"""Python's search for cycles of garbage, kept away from what is not garbage.

A search holds up everything for 0.1 to 1.5 microseconds for each object that it looks at, as they
are in the processor's caches or not: those that were made lately, and now and then all. It finds
next to nothing, since what the server makes has no cycles, or breaks them when it is over: a test
looks at what each kind of connection leaves. So searches are short rather than seldom.
"""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from importlib.util import find_spec

_THRESHOLDS = (3_000, 1, 1)
"""In place of (700, 10, 10). The first is how many more objects are made than freed between two
searches; the list of those to look at may be twice as long, as objects of before are freed, too. So
a search takes up to 10 ms, and the longest, of all that is not left out yet, three times that."""

_OLDEST = 2
"""The generation in whose search all objects are looked at."""

_LONG_SEARCH_S = 0.01
"""After a search of all objects that took so long, those that it has looked at are left out."""

_leaves_out = False


def collect_garbage_seldom() -> None:
    """Leave Python's search for cycles of garbage the small part of the time that it is worth.

    A change makes objects for each of thousands of clients, who soon drop them, without a cycle;
    by default Python would look through them, and through all sockets, a hundred times a second.
    """
    global _leaves_out  # noqa: PLW0603 - the collector is the process's, and so is this
    if not _leaves_out and find_spec("uvloop"):
        # On asyncio's own event loop an open connection is a cycle, and would stay for ever.
        gc.callbacks.append(LongSearches())
        _leaves_out = True
    gc.set_threshold(*_THRESHOLDS)
    _leave_out()  # what has been imported stays


def leave_out_what_stays() -> None:
    """Take what is in memory out of the search: rows of a table that is being read.

    The rows of 100 000 documents are millions of objects, and one search through them takes
    a second. They have no cycles, and are freed without the search. Python begins a search after so
    many more objects are made than freed: rows that replace others free as many as they make, so
    they would be searched late, and then very many at once.

    It does nothing in a process in which `collect_garbage_seldom` was not called, such as that of a
    test, and on asyncio's own event loop, where an open connection is a cycle.
    """
    if _leaves_out:  # gc.get_freeze_count() would count all that has been left out
        _leave_out()


def _leave_out() -> None:
    """Leave all objects out of the search, and begin to count those that come.

    What is garbage by then is looked for first, in what was made lately.

    Python looks at all objects again only when there are a fourth more than it found the last time.
    Without a search that finds none, it would wait for a fourth of those that have been left out.
    """
    gc.collect(1)
    gc.freeze()
    gc.collect()


class LongSearches:
    """Called by Python before and after each search: leaves out what a long one has looked at.

    That is what a server holds for long: parsed documents, unpacked rows, a history, sockets. So
    the next search is short again. What is left out is still freed when the last reference to it
    goes; only a cycle that is there at this moment, and is not broken later, would stay for ever.

    Args:
        clock: Measures how long a search takes, in seconds of CPU time.
    """

    def __init__(self, clock: Callable[[], float] = time.thread_time) -> None:
        self._clock = clock
        self._began_s = 0.0
        self._loop: asyncio.AbstractEventLoop | None = None

    def __call__(self, phase: str, info: Mapping[str, int]) -> None:
        """What Python calls."""
        if info["generation"] != _OLDEST:
            return
        if phase == "start":
            self._began_s = self._clock()
            with suppress(RuntimeError):  # it may be in a thread without an event loop
                self._loop = asyncio.get_running_loop()
        elif self._clock() - self._began_s > _LONG_SEARCH_S:
            gc.freeze()
            if self._loop is not None:
                with suppress(RuntimeError):  # it may be closed
                    self._loop.call_soon_threadsafe(gc.collect)  # no search begins in a search
