"""Python's search for garbage: rows are left out of it in a server, and in no other process."""

from __future__ import annotations

import gc
import subprocess
import sys

import pytest

from graphql_api import garbage
from tests.for_each import for_each

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


def test_what_was_left_out_is_not_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    frozen = []

    def count() -> int:
        raise AssertionError("Python counts object by object, which takes 60 ms of a large table")

    monkeypatch.setattr(gc, "get_freeze_count", count)
    monkeypatch.setattr(gc, "freeze", lambda: frozen.append(True))
    monkeypatch.setattr(garbage, "_collects_seldom", True)
    garbage.leave_out_what_stays()
    assert frozen == [True]
