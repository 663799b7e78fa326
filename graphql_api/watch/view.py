"""View of an operator: a list of the rows, and then a line for each thing that happens.

```
 Connected ─▶ INITIALIZING, rows ─▶ READY: the list ─▶ changes, a line each ─┐
     ▲                                                   ▲ STALE … READY ────┘
     └──────────── Disconnected ◀── at any time
```

A view that comes back with its cursor gets what it missed as ordinary changes. When the server
begins again instead, only what differs from the rows that were shown is shown.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import date, datetime
from typing import assert_never

from graphql_api.client.events import (
    Added,
    Connected,
    Deleted,
    Disconnected,
    Event,
    FeedProblem,
    Happening,
    State,
    Status,
    Updated,
)
from graphql_api.client.held_rows import Change, HeldRows
from graphql_api.client.table import Row
from graphql_api.client.text import clean, columns, shorten, shorten_middle
from graphql_api.watch.differences import Difference, value_text
from graphql_api.watch.labels import Labels
from graphql_api.watch.line import Line, Span, Style, fit, line_columns
from graphql_api.watch.listing import listing
from graphql_api.watch.progress import Progress
from graphql_api.watch.table import Table

_MOST_OF_A_NAME = 32
"""How wide the column of the names becomes, in columns."""

_LEAST_OF_A_VALUE = 10
"""To how many columns a value is shortened at most, that its line fits."""

_CAUSES = {
    "CREATED": "created",
    "ENTERED_FILTER": "passes the filter now",
    "DELETED": "deleted",
    "LEFT_FILTER": "does not pass the filter any more",
}


class View:
    """Makes lines of what happens. It does no input or output.

    Args:
        table: What is watched.
        filter_text: Which of its rows, in words; empty for all.
        place: Where the server is, in words.
        now: The time of day, aware, in the operator's zone.
        width: How many columns a line may take at the moment; None is no limit.
    """

    def __init__(
        self,
        table: Table,
        *,
        filter_text: str,
        place: str,
        now: Callable[[], datetime],
        width: Callable[[], int | None],
    ) -> None:
        self._table = table
        self._filter_text = clean(filter_text)
        self._place = place
        self._now = now
        self._width = width
        self._held = HeldRows()
        self._labels = Labels(table)
        self._progress = Progress(table)
        self._has_begun = False
        self._status: Status | None = None
        self._not_live_since: datetime | None = None
        self._reason: str | None = None
        self._name_columns = 0
        self._day: date | None = None

    def take(self, happening: Happening) -> list[Line]:
        """The lines that show what has happened."""
        return [fit(line, self._width()) for line in self._take(happening)]

    def _take(self, happening: Happening) -> Iterable[Line]:
        match happening:
            case Connected():
                return self._connected()
            case Disconnected():
                return self._disconnected(happening.reason)
            case FeedProblem(reason):
                return self._problem(reason)
            case State():
                return self._state(happening)
            case Added() | Updated() | Deleted():
                return self._change(happening)
            case _:
                assert_never(happening)

    # The connection, and how the feed stands.

    def _connected(self) -> Iterator[Line]:
        self._reason = None
        again = "again" if self._has_begun else f"to {self._place}"
        yield from self._said(Span(f"connected {again}"))

    def _disconnected(self, reason: str) -> Iterator[Line]:
        self._not_live()
        if reason != self._reason:
            yield from self._said(
                Span("no connection", Style.ALARM),
                Span(f": {reason}; trying again"),
                sign="!",
                style=Style.ALARM,
            )
        self._reason = reason

    def _not_live(self) -> None:
        """From now on the rows may be old, unless they already were."""
        if self._status is Status.READY:
            self._not_live_since = self._now()
        self._status = None

    def _state(self, state: State) -> Iterator[Line]:
        changes, status = self._apply(state), state.status
        if status is Status.INITIALIZING:
            if self._has_begun:
                self._not_live()
                yield from self._said(
                    Span("the server begins again; what differs from the rows above follows")
                )
            return
        yield from self._differing(changes) if self._has_begun else self._list()
        self._has_begun = True
        if status is self._status:
            return  # a fresh cursor, now and then
        if status is Status.STALE:
            yield from self._stale()
        else:
            yield from self._live()

    def _apply(self, event: Event) -> list[Change]:
        changes = self._held.apply(event)
        for change in changes:
            self._labels.apply(change)
        return changes

    def _live(self) -> Iterator[Line]:
        since, self._not_live_since = self._not_live_since, None
        self._status = Status.READY
        again = f" again after {_duration(since, self._now())}" if since else ""
        yield from self._said(
            Span("live", Style.GOOD),
            Span(f"{again}: {self._table.count(len(self._held.rows))}"),
            Span(f" ({self._filter_text})" if self._filter_text else ""),
        )

    def _stale(self) -> Iterator[Line]:
        self._not_live()
        since, self._status = self._not_live_since, Status.STALE
        yield from self._said(
            Span(f"STALE since {since:%H:%M:%S}" if since else "STALE", Style.ALARM),
            Span(f": {self._table.count(len(self._held.rows))}, which may be old"),
            sign="!",
            style=Style.ALARM,
        )

    def _problem(self, reason: str) -> Iterator[Line]:
        what = "cannot follow" if self._has_begun else "cannot read"
        yield from self._said(
            Span(f"the server {what} the table", Style.ALARM),
            Span(f": {clean(reason)}; trying again"),
            sign="!",
            style=Style.ALARM,
        )

    # Rows.

    def _list(self) -> Iterator[Line]:
        rows = self._held.rows
        for key, row in rows.items():
            self._make_room_for(self._labels.label(key, row))
        if rows:
            yield ()
            yield from listing(self._table, rows, self._width())
            yield ()

    def _differing(self, changes: Iterable[Change]) -> Iterator[Line]:
        """The lines for what differs from the rows before a snapshot."""
        for change in changes:
            match change:
                case Change(kind="added"):
                    yield from self._added(change.key, change.row, "new")
                case Change(kind="deleted"):
                    yield from self._deleted(change.key, change.row, "gone")
                case Change(previous=previous) if previous is not None:
                    found = self._table.differences(previous, change.row)
                    yield from self._updated(change.key, change.row, found)

    def _change(self, change: Added | Updated | Deleted) -> Iterator[Line]:
        if not self._apply(change):
            return  # a row of a snapshot, which is not complete yet
        match change:
            case Added():
                cause = _CAUSES.get(change.cause, clean(change.cause))
                yield from self._added(change.key, change.row, cause)
            case Updated():
                found = self._table.differences(change.previous, change.row, change.changed_fields)
                progress, others = self._progress.of(change.key, change.row, found, self._now())
                if others or progress is None:
                    yield from self._updated(change.key, change.row, others)
                if progress is not None:
                    details = Span(progress)
                    yield from self._about(change.key, change.row, "~", Style.UPDATED, details)
            case Deleted():
                self._progress.forget(change.key)
                cause = _CAUSES.get(change.cause, clean(change.cause))
                yield from self._deleted(change.key, change.previous, cause)

    def _added(self, key: str, row: Row, word: str) -> Iterator[Line]:
        details = [Span(word, Style.ADDED)]
        for column in self._table.columns:
            if not column.is_optional and (cell := clean(column.cell(row))):
                details += [Span(f"  {column.title.lower()} ", Style.FAINT), Span(cell)]
        yield from self._about(key, row, "+", Style.ADDED, *details)

    def _deleted(self, key: str, row: Row, word: str) -> Iterator[Line]:
        yield from self._about(key, row, "-", Style.DELETED, Span(word, Style.DELETED))

    def _updated(self, key: str, row: Row, found: list[Difference]) -> Iterator[Line]:
        yield from self._about(key, row, "~", Style.UPDATED, *_changes(found, self._room()))

    def _about(self, key: str, row: Row, sign: str, style: Style, *details: Span) -> Iterator[Line]:
        name = self._labels.label(key, row)
        self._make_room_for(name)
        name = shorten(name, self._name_columns)
        padding = " " * (self._name_columns - columns(name) + 2)
        yield from self._said(
            Span(name, Style.NAME), Span(padding), *details, sign=sign, style=style
        )

    def _make_room_for(self, name: str) -> None:
        width = self._width()
        most = _MOST_OF_A_NAME if width is None else min(_MOST_OF_A_NAME, width // 3)
        self._name_columns = min(max(self._name_columns, columns(name)), most)

    def _room(self) -> int | None:
        """How many columns are left for what is said about a row."""
        width = self._width()
        return None if width is None else width - len("12:34:56 ~ ") - self._name_columns - 2

    def _said(self, *spans: Span, sign: str = " ", style: Style = Style.PLAIN) -> Iterator[Line]:
        """A line with the time, below the date if that is another than that of the line above."""
        now = self._now()
        if now.date() != self._day:
            self._day = now.date()
            yield (Span(f"{now:%Y-%m-%d}", Style.FAINT),)
        yield (Span(f"{now:%H:%M:%S}", Style.FAINT), Span(f" {sign} ", style), *spans)


def _changes(found: list[Difference], room: int | None) -> Line:
    """The differences, with values shortened as little as the room asks for."""
    line = _changes_with(found, None)
    if room is not None and line_columns(line) > room:
        for most in range(room // 2, _LEAST_OF_A_VALUE - 1, -1):
            line = _changes_with(found, most)
            if line_columns(line) <= room:
                break
    return line


def _changes_with(found: list[Difference], most: int | None) -> Line:
    spans: list[Span] = []
    for path, old, new in found:
        before, after = value_text(old), value_text(new)
        if most is not None:
            before, after = shorten_middle(before, most), shorten_middle(after, most)
        spans += [
            Span(", " if spans else ""),
            Span(f"{path}: ", Style.FIELD),
            Span(f"{before} → ", Style.FAINT),
            Span(after),
        ]
    return tuple(spans)


def _duration(since: datetime, until: datetime) -> str:
    seconds = max(0, round((until - since).total_seconds()))
    minutes, s = divmod(seconds, 60)
    hours, min_ = divmod(minutes, 60)
    if hours:
        return f"{hours} h {min_} min"
    return f"{min_} min {s} s" if minutes else f"{s} s"
