"""Python's search for garbage: rows are left out of it in a server, and in no other process."""

from __future__ import annotations

import asyncio
import gc
import subprocess
import sys

import pytest

from graphql_api import garbage
from tests.for_each import for_each
from tests.unit.limits.test_refusal_log import Clock

SCRIPT = """
import gc
from graphql_api.garbage import collect_garbage_seldom, leave_out_what_stays
if {is_server}:
    collect_garbage_seldom()
rows = [[number] for number in range(10_000)]
before = gc.get_freeze_count()
leave_out_what_stays()
print(gc.get_freeze_count() - before)
"""


@for_each("is_server", [True, False])
def test_rows_are_left_out_in_a_server_only(is_server: bool) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", SCRIPT.format(is_server=is_server)],
        capture_output=True,
        check=True,
        text=True,
    )
    left_out = int(ran.stdout)
    assert left_out >= 10_000 if is_server else left_out == 0


SEARCHES = """
import gc
from graphql_api.garbage import collect_garbage_seldom
rows = [[number] for number in range(200_000)]
gc.collect()
collect_garbage_seldom()
before = gc.get_stats()[2]["collections"]
later = [[number] for number in range(40_000)]
print(gc.get_stats()[2]["collections"] - before)
"""


def test_the_next_search_does_not_wait_for_a_part_of_what_was_left_out() -> None:
    ran = subprocess.run(
        [sys.executable, "-c", SEARCHES], capture_output=True, check=True, text=True
    )
    assert int(ran.stdout) > 0


def test_what_was_left_out_is_not_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    frozen = []

    def count() -> int:
        raise AssertionError("Python counts object by object, which takes 60 ms of a large table")

    monkeypatch.setattr(gc, "get_freeze_count", count)
    monkeypatch.setattr(gc, "freeze", lambda: frozen.append(True))
    monkeypatch.setattr(garbage, "_leaves_out", True)
    garbage.leave_out_what_stays()
    assert frozen == [True]


def test_what_a_long_search_has_looked_at_is_left_out_of_the_next(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    frozen = []
    monkeypatch.setattr(gc, "freeze", lambda: frozen.append(True))
    clock = Clock()
    searches = garbage.LongSearches(clock)
    for generation, took_s, is_left_out in [(2, 0.02, True), (2, 0.01, False), (1, 9, False)]:
        frozen.clear()
        info = {"generation": generation, "collected": 0, "uncollectable": 0}
        searches("start", info)
        clock.now_s += took_s
        searches("stop", info)
        assert bool(frozen) == is_left_out


async def test_after_a_long_search_in_any_thread_those_that_come_are_counted_from_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    done = []
    monkeypatch.setattr(gc, "freeze", lambda: done.append("freeze"))
    monkeypatch.setattr(gc, "collect", lambda: done.append("collect"))
    clock = Clock()
    searches = garbage.LongSearches(clock)

    def search(took_s: float) -> None:
        info = {"generation": 2, "collected": 0, "uncollectable": 0}
        searches("start", info)
        clock.now_s += took_s
        searches("stop", info)

    search(0.001)
    assert done == []
    for is_in_thread in (False, True):
        done.clear()
        if is_in_thread:
            await asyncio.to_thread(search, 0.02)
        else:
            search(0.02)
        assert done[0] == "freeze", "no search begins in a search"
        while "collect" not in done:
            await asyncio.sleep(0)
        assert done == ["freeze", "collect"]
