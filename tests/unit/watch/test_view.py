"""What the view shows, line by line."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from graphql_api.client.events import (
    Added,
    Connected,
    Deleted,
    Disconnected,
    Event,
    Happening,
    Problem,
    State,
    Status,
    Updated,
)
from graphql_api.watch.line import line_columns, render
from graphql_api.watch.tables import TABLES
from graphql_api.watch.view import View
from tests.for_each import for_each

Row = dict[str, Any]


def schedule(key: str, name: str | None, **fields: Any) -> Row:
    return {
        "id": key,
        "scheduleName": name,
        "updatedAt": None,
        "enabled": True,
        "timeUnit": "HOURS",
        "numUnits": 6,
        "jobCount": 3,
        "tags": [],
        **fields,
    }


def state(status: str) -> State:
    return State({}, "c", Status(status))


def added(row: Row, cause: str = "INITIAL") -> Added:
    return Added({}, "c", cause, row["id"], row)


def updated(old: Row, **changes: Any) -> Updated:
    return Updated({}, "c", old["id"], old | changes, old, tuple(changes))


def deleted(row: Row, cause: str = "DELETED") -> Deleted:
    return Deleted({}, "c", cause, row["id"], row)


def snapshot(*rows: Row, status: str = "READY") -> list[Event]:
    return [state("INITIALIZING"), *map(added, rows), state(status)]


OLD = "1 schedule, which may be old"


class Screen:
    """A view, and the plain lines that it has shown; each happening takes a second."""

    def __init__(self, width: int | None = None, filter_text: str = "") -> None:
        self.width = width
        self.time = datetime(2026, 11, 23, 12, 0, 0, tzinfo=UTC)
        self._view = View(
            TABLES["schedules"],
            filter_text=filter_text,
            place="http://127.0.0.1:8000/graphql",
            now=lambda: self.time,
            width=lambda: self.width,
        )

    def take(self, *happenings: Happening) -> list[str]:
        shown = []
        for happening in happenings:
            lines = self._view.take(happening)
            assert self.width is None or all(line_columns(line) <= self.width for line in lines)
            shown += [render(line, color=False) for line in lines]
            self.time += timedelta(seconds=1)
        return shown


NEWS = schedule("a", "News", tags=["daily", "news"], jobCount=361)
FORUM = schedule("b", "Forum", enabled=False)


def live(*rows: Row, width: int | None = None) -> Screen:
    screen = Screen(width)
    screen.take(Connected(), *snapshot(*rows))
    screen.time = datetime(2026, 11, 23, 12, 0, 10, tzinfo=UTC)
    return screen


def test_begins_with_an_aligned_list_in_the_order_of_names() -> None:
    unnamed = schedule("c", None, jobCount=5)
    assert Screen().take(Connected(), *snapshot(NEWS, FORUM, unnamed)) == [
        "2026-11-23",
        "12:00:00   connected to http://127.0.0.1:8000/graphql",
        "",
        "NAME   EVERY    STATE     JOBS  TAGS         UPDATED  ID",
        "Forum  6 hours  disabled     3                        b",
        "News   6 hours  enabled    361  daily, news           a",
        "c      6 hours  enabled      5                        c",
        "",
        "12:00:05   live: 3 schedules",
    ]


def test_says_if_there_is_nothing_and_by_which_filter() -> None:
    screen = Screen(filter_text="name=x\x1b")
    assert screen.take(Connected(), *snapshot())[2:] == [
        "12:00:02   live: no schedules (name=x\\x1b)"
    ]


def test_each_change_is_a_line() -> None:
    screen = live(NEWS, FORUM)
    assert screen.take(
        updated(NEWS, jobCount=362, updatedAt="2026-11-23T12:00:00.000Z"),
        updated(FORUM, scheduleName="Harbour", enabled=True),
        added(schedule("c", "Recipes", tags=["food"]), "CREATED"),
        added(schedule("d", "Weather"), "ENTERED_FILTER"),
        deleted(NEWS),
        deleted(FORUM, "LEFT_FILTER"),
    ) == [
        "12:00:10 ~ News   jobCount: 361 → 362",
        "12:00:11 ~ Harbour  scheduleName: Forum → Harbour, enabled: false → true",
        "12:00:12 + Recipes  created  every 6 hours  state enabled  jobs 3  tags food",
        "12:00:13 + Weather  passes the filter now  every 6 hours  state enabled  jobs 3",
        "12:00:14 - News     deleted",
        "12:00:15 - Forum    does not pass the filter any more",
    ]


def test_a_change_of_nothing_but_its_time_is_a_line() -> None:
    assert live(NEWS).take(updated(NEWS, updatedAt="t")) == ["12:00:10 ~ News  updatedAt: none → t"]


def test_rows_of_one_name_are_distinguished_by_their_keys() -> None:
    other = schedule("z", "News")
    assert live(NEWS, other).take(updated(other, jobCount=4), deleted(NEWS)) == [
        "12:00:10 ~ News (z)  jobCount: 3 → 4",
        "12:00:11 - News (a)  deleted",
    ]


def test_outage_is_reported_with_its_time_and_its_end() -> None:
    screen = live(NEWS)
    assert screen.take(state("STALE"), updated(NEWS, jobCount=362), state("READY")) == [
        f"12:00:10 ! STALE since 12:00:10: {OLD}",
        "12:00:11 ~ News  jobCount: 361 → 362",
        "12:00:12   live again after 2 s: 1 schedule",
    ]


def test_joining_during_an_outage_shows_the_rows_and_says_so() -> None:
    screen = Screen()
    assert screen.take(Connected(), *snapshot(NEWS, status="STALE"), state("READY"))[-2:] == [
        f"12:00:03 ! STALE: {OLD}",
        "12:00:04   live: 1 schedule",
    ]


def test_why_the_table_is_not_followed_is_a_line() -> None:
    assert Screen().take(Connected(), state("INITIALIZING"), Problem("no\x1b table"))[2:] == [
        "12:00:02 ! the server cannot read the table: no\\x1b table; trying again"
    ]
    assert live(NEWS).take(state("STALE"), Problem("no connection"))[1:] == [
        "12:00:11 ! the server cannot follow the table: no connection; trying again"
    ]


def test_fresh_cursor_is_no_line() -> None:
    screen = live(NEWS)
    assert screen.take(state("READY"), state("READY")) == []
    screen.take(state("STALE"))
    assert screen.take(state("STALE")) == []


def test_what_was_missed_stands_between_the_reconnect_and_live() -> None:
    screen = live(NEWS)
    assert screen.take(
        Disconnected("the connection was lost"),
        Disconnected("nothing listens at 127.0.0.1:8000"),
        Disconnected("nothing listens at 127.0.0.1:8000"),
        Connected(),
        updated(NEWS, jobCount=362),
        state("READY"),
    ) == [
        "12:00:10 ! no connection: the connection was lost; trying again",
        "12:00:11 ! no connection: nothing listens at 127.0.0.1:8000; trying again",
        "12:00:13   connected again",
        "12:00:14 ~ News  jobCount: 361 → 362",
        "12:00:15   live again after 5 s: 1 schedule",
    ]


def test_coming_back_to_a_server_that_is_stale_says_since_when() -> None:
    lines = live(NEWS).take(Disconnected("x"), Connected(), state("STALE"), state("READY"))
    assert lines[2].startswith("12:00:12 ! STALE since 12:00:10: ")
    assert lines[3] == "12:00:13   live again after 3 s: 1 schedule"


def test_server_that_is_waited_for_is_reported_once() -> None:
    screen = Screen()
    away = Disconnected("nothing listens at 127.0.0.1:8000")
    assert screen.take(away, away, away, Connected(), *snapshot()) == [
        "2026-11-23",
        "12:00:00 ! no connection: nothing listens at 127.0.0.1:8000; trying again",
        "12:00:03   connected to http://127.0.0.1:8000/graphql",
        "12:00:05   live: no schedules",
    ]


def test_another_run_of_the_server_is_shown_as_the_difference() -> None:
    screen = live(NEWS, FORUM)
    changed = NEWS | {"jobCount": 400, "updatedAt": "t"}
    assert screen.take(
        Disconnected("the server shuts down or restarts"),
        Connected(),
        *snapshot(changed, schedule("c", "Recipes")),
        updated(changed, jobCount=401),
    ) == [
        "12:00:10 ! no connection: the server shuts down or restarts; trying again",
        "12:00:11   connected again",
        "12:00:12   the server begins again; what differs from the rows above follows",
        "12:00:15 - Forum  gone",
        "12:00:15 ~ News   jobCount: 361 → 400",
        "12:00:15 + Recipes  new  every 6 hours  state enabled  jobs 3",
        "12:00:15   live again after 5 s: 2 schedules",
        "12:00:16 ~ News     jobCount: 400 → 401",
    ]


def test_snapshot_that_is_cut_off_changes_nothing() -> None:
    screen = live(NEWS)
    lines = screen.take(
        state("INITIALIZING"),
        added(FORUM),
        Disconnected("the connection was lost"),
        Connected(),
        *snapshot(NEWS),
    )
    assert lines[-1] == "12:00:16   live again after 6 s: 1 schedule"
    assert not [line for line in lines if "Forum" in line or "News" in line]


def test_changes_during_a_snapshot_are_part_of_it() -> None:
    screen = Screen()
    lines = screen.take(
        Connected(),
        state("INITIALIZING"),
        added(NEWS),
        added(FORUM),
        updated(NEWS, jobCount=7),
        deleted(FORUM),
        state("READY"),
    )
    assert lines[3:] == [
        "NAME  EVERY    STATE    JOBS  TAGS         UPDATED  ID",
        "News  6 hours  enabled     7  daily, news           a",
        "",
        "12:00:06   live: 1 schedule",
    ]


def test_a_new_day_is_reported() -> None:
    screen = live(NEWS)
    screen.time += timedelta(hours=12)
    assert screen.take(deleted(NEWS)) == ["2026-11-24", "00:00:10 - News  deleted"]


@for_each(("seconds", "text"), [(41, "42 s"), (125, "2 min 6 s"), (7500, "2 h 5 min")])
def test_duration_is_reported_in_two_units(seconds: int, text: str) -> None:
    screen = live(NEWS)
    screen.take(state("STALE"))
    screen.time += timedelta(seconds=seconds)
    assert screen.take(state("READY"))[-1].endswith(f"live again after {text}: 1 schedule")


EVIL = "a\x1b[2J\x1b]0;owned\x07\n12:00:00 - News  deleted\u202eevil\x9b31m"


def test_documents_cannot_forge_lines_or_reach_the_terminal() -> None:
    row = schedule(EVIL, EVIL, tags=[EVIL], timeUnit=EVIL)
    screen = Screen(filter_text=EVIL)
    lines = screen.take(
        Connected(),
        *snapshot(row),
        updated(row, tags=[], jobName=EVIL),
        added(schedule("b", EVIL), EVIL),
        deleted(row, EVIL),
        Updated({}, "c", EVIL, row, {EVIL: 1}, (EVIL,)),
    )
    text = "".join(lines)
    assert text.count("evil") >= 5
    assert all(line.isprintable() for line in lines)


@for_each("width", [20, 40, 60, 80, 120])
def test_every_line_fits_the_terminal(width: int) -> None:
    long = schedule("c0a3f5de-4b1e-4f0b-9c56-6a1f2f7e1a03", "世界" * 50, tags=["x" * 99] * 9)
    screen = Screen(width, "name=" + "x" * 300)
    lines = screen.take(  # Screen checks the widths
        Connected(),
        *snapshot(long, NEWS),
        updated(long, tags=["y" * 99], jobName="z" * 500),
        added(FORUM, "CREATED"),
        deleted(long),
        state("STALE"),
        Disconnected("x" * 500),
    )
    assert sum("…" in line for line in lines) >= 5


@for_each("width", [110, 80, 50])
def test_what_has_no_room_is_left_out_from_the_right(width: int) -> None:
    row = NEWS | {"id": "c0a3f5de-4b1e-4f0b-9c56-6a1f2f7e1a03", "updatedAt": "2026-11-23T12:00Z"}
    titles = Screen(width).take(Connected(), *snapshot(row))[3].split()
    assert titles[-1] == {110: "ID", 80: "UPDATED", 50: "TAGS"}[width]


def test_both_values_stay_visible_where_they_are_long() -> None:
    old = schedule("a", "News", jobName="https://example.com/" + "a" * 100 + "/old")
    (line,) = live(old, width=80).take(
        updated(old, jobName="https://example.com/" + "a" * 100 + "/new")
    )
    assert "https://exam" in line
    assert "/old → https://exam" in line
    assert len(line) > 76
    assert line.endswith("/new")


def test_width_is_that_of_the_moment() -> None:
    screen = live(NEWS, width=80)
    screen.take(updated(NEWS, jobName="x" * 70))
    screen.width = 30
    (line,) = screen.take(updated(NEWS, jobName="y" * 70))
    assert len(line) <= 30


def test_colors_mark_what_words_say_as_well() -> None:
    view: Callable[[Happening], list[Any]] = View(
        TABLES["schedules"],
        filter_text="",
        place="x",
        now=lambda: datetime(2026, 11, 23, 12, 0, 0, tzinfo=UTC),
        width=lambda: None,
    ).take
    for happening in (Connected(), *snapshot(NEWS)):
        view(happening)
    (line,) = view(updated(NEWS, jobCount=362))
    assert render(line, color=True) == (
        "\x1b[2m12:00:00\x1b[0m\x1b[33m ~ \x1b[0m\x1b[1mNews\x1b[0m  "
        "\x1b[36mjobCount: \x1b[0m\x1b[2m361 → \x1b[0m362"
    )
