"""Python's search for cycles of garbage, kept away from what is not garbage."""

from __future__ import annotations

import gc

_THRESHOLDS = (20_000, 2, 12)
"""In place of (700, 10, 10); so some MB of garbage in cycles may wait to be found. The second is
small: a search through 100 000 young objects, such as those of a long history, takes 40 ms."""

_collects_seldom = False


def collect_garbage_seldom() -> None:
    """Leave Python's search for cycles of garbage the small part of the time that it is worth.

    A change makes objects for each of thousands of clients, who soon drop them, without a cycle;
    by default Python would look through them, and through all sockets, a hundred times a second.
    """
    global _collects_seldom  # noqa: PLW0603 - the collector is the process's, and so is this
    _collects_seldom = True
    gc.set_threshold(*_THRESHOLDS)
    gc.freeze()  # what has been imported stays


def leave_out_what_stays() -> None:
    """Take what is in memory out of the search: rows of a table that has just been read.

    The rows of 100 000 documents are millions of objects, and one search through them takes
    a second. They have no cycles, and are freed without the search. It does nothing in a process
    in which `collect_garbage_seldom` was not called, such as that of a test. It takes no time:
    Python counts what was left out, if it is asked, object by object.
    """
    if _collects_seldom:  # gc.get_freeze_count() would count all that has been left out
        gc.freeze()
