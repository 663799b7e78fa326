"""A running job is one line with its rate, and any other change of it is said in full."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from graphql_api.client.events import Added, Connected, State, Status, Updated
from graphql_api.watch.line import render
from graphql_api.watch.tables import TABLES
from graphql_api.watch.view import View

JOBS = TABLES["jobs"]


def job(items: int | None, **more: Any) -> dict[str, Any]:
    counts = {"httpSuccessCount": items, "httpErrorCount": 0, "exceptionCount": 0}
    names = dict.fromkeys(JOBS.fields)
    return {**names, "name": "News", "runState": "RUNNING", "itemCount": items, **counts, **more}


def changed(old: dict[str, Any], new: dict[str, Any]) -> Updated:
    fields = tuple(name for name in new if old[name] != new[name])
    return Updated({}, "c", "j", new, old, fields)


class Screen:
    def __init__(self) -> None:
        self.now = datetime(2026, 11, 29, 12, tzinfo=UTC)
        self._view = View(
            JOBS, filter_text="", place="here", now=lambda: self.now, width=lambda: None
        )

    def take(self, *happenings: Any, after_s: float = 1.0) -> list[str]:
        self.now += timedelta(seconds=after_s)
        lines = [line for happening in happenings for line in self._view.take(happening)]
        return [render(line, color=False) for line in lines]


def test_progress_of_a_running_job_is_one_line_with_its_rate() -> None:
    screen = Screen()
    first, second, third = job(10), job(30), job(60, httpErrorCount=5)
    paused = {**third, "runState": "PAUSED"}
    screen.take(
        Connected(),
        State({}, "c", Status.INITIALIZING),
        Added({}, "c", "INITIAL", "j", first),
        State({}, "c", Status.READY),
    )
    (line,) = screen.take(changed(first, second))
    assert line.endswith("~ News  30 items, 30 success, 0 errors, 0 exceptions")
    (line,) = screen.take(changed(second, third), after_s=2)
    assert line.endswith("~ News  60 items (15.0/s), 60 success, 5 errors, 0 exceptions")
    (line,) = screen.take(changed(third, paused))
    assert line.endswith("~ News  runState: RUNNING → PAUSED")
    ended = {**job(90), "runState": "COMPLETED"}
    state, counts = screen.take(changed(paused, ended))
    assert state.endswith("~ News  runState: PAUSED → COMPLETED")
    assert counts.endswith("~ News  90 items (30.0/s), 90 success, 0 errors, 0 exceptions")
    begun = job(0)
    _, counts = screen.take(changed(ended, begun))
    assert counts.endswith("~ News  0 items, 0 success, 0 errors, 0 exceptions")
    (line,) = screen.take(changed(paused, {**paused, "itemCount": None}))
    assert "itemCount: 60 → none" in line
