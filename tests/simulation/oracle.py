"""The feed contract as one client can see it.

A `Holding` is what a client holds of one subscription, made by its events alone. Every event is
judged by it and by the truth; the rules carry the numbers of the feed contract's clauses. Nothing
here knows how a feed is built.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any

from tests.simulation.tables import Served, Where
from tests.simulation.truth import Moment, TableTruth

Event = dict[str, Any]


class BrokenPromise(AssertionError):  # noqa: N818 - it is what it says
    """A client has seen what the contract rules out."""


class Stage(Enum):
    """How far a subscription has come."""

    BEGINNING = "beginning"
    ROWS = "rows"
    """INITIALIZING has been sent: rows follow, then READY or STALE."""
    REPLAY = "replay"
    """Changes of the past, until the first READY or STALE."""
    LIVE = "live"


@dataclass(frozen=True, slots=True)
class Strictness:
    """What may not have happened to a subscription, for its seed rules it out.

    Attributes:
        sees_every_change: Nothing was merged: its client was never slow, nor a burst too long.
        feed_was_never_lost: Its server has read the whole changefeed without a gap.
    """

    sees_every_change: bool
    feed_was_never_lost: bool


@dataclass
class Holding:
    """What a client holds of a subscription.

    Attributes:
        rows: By key, as the events said.
        known: Which versions of a document the client may stand at, the earliest first.
        floor: The version at which a document stands at the earliest that no event has named.
        has_moved: Whether another server serves it than before.
        goes_by_content: Whether another run of a server is about to go on with it.
        may_be_behind: Whether that run may know less of the table's history than the client.
        is_partial: Whether there are rows that the client was never sent (`includeInitial: false`).
    """

    truth: TableTruth
    where: Where
    strictness: Strictness
    rows: dict[str, Served] = field(default_factory=dict)
    known: dict[str, tuple[int, ...]] = field(default_factory=dict)
    floor: int = 0
    is_partial: bool = False
    partial_until: int = 0
    stage: Stage = Stage.BEGINNING
    status: str | None = None
    cursor: str | None = None
    has_moved: bool = False
    goes_by_content: bool = False
    may_be_behind: bool = False
    include_initial: bool = True
    resumes: bool = False

    def copy(self) -> Holding:
        """The same, to go on from later."""
        return replace(self, rows=dict(self.rows), known=dict(self.known))

    def begin(self, *, include_initial: bool, resumes: bool, serial: int) -> None:
        """A subscription begins; with `resumes` it goes on from the last cursor.

        Args:
            include_initial: As it asks for.
            resumes: Whether it gives a cursor.
            serial: How far the table was when the server had certainly seen it.
        """
        if not resumes:
            self.floor = serial if self.strictness.feed_was_never_lost else 0
        self.stage = Stage.BEGINNING
        self.status = None
        self.include_initial = include_initial or resumes
        self.resumes = resumes
        if not resumes:
            self._forget()

    def _forget(self) -> None:
        self.rows.clear()
        self.is_partial = False
        if self.has_moved:
            self.known.clear()  # another server may be behind
            self.has_moved = False

    def take(self, event: Event) -> None:
        """Judge one event, and apply it.

        Raises:
            BrokenPromise: It breaks the contract.
        """
        kind = event["__typename"]
        if self.goes_by_content:
            self.goes_by_content = False
            self._spread()
        if kind == "FeedState":
            self._take_status(event["status"])
        elif kind.endswith("Added"):
            self._take_added(event)
        elif kind.endswith("Updated"):
            self._take_updated(event)
        else:
            self._take_deleted(event)
        self.cursor = event["cursor"]

    def _spread(self) -> None:
        """Stand at every version that is what is held: another server goes on from the newest.

        For one that is behind that may be an older one, which the table was once, and again.
        """
        if self.is_partial:
            self.partial_until = self.truth.serial  # what changed and is as it was, was not sent
        for key in self.known if self.is_partial else {*self.truth.keys, *self.known}:
            row = self.rows.get(key)
            starts = self._starts(key, row)
            if starts:
                first = 0 if self.may_be_behind else min(starts)
                equal = (at for at, view in self._views(key, first) if view == row)
                self.known[key] = tuple(sorted({*starts, *equal}))

    # The status.

    def _take_status(self, status: str) -> None:
        if status == "INITIALIZING":
            _expect(
                self.stage is not Stage.LIVE and self.stage is not Stage.ROWS,
                5,
                f"INITIALIZING came in the middle of a subscription that was {self.status}",
            )
            self._forget()
            self.stage = Stage.ROWS
        elif self.stage is Stage.ROWS:
            if self.include_initial:
                self._end_rows()
            else:
                self._begin_partial()
        elif self.stage is Stage.BEGINNING and not self.resumes:
            _expect(not self.include_initial, 1, f"{status} came before INITIALIZING and the rows")
            self._begin_partial()
        if status != "INITIALIZING":
            self.stage = Stage.LIVE
        self.status = status

    def _end_rows(self) -> None:
        """The snapshot is complete: it is the table at one moment, no older than what was known."""
        for key in self.truth.keys:
            if key not in self.rows:
                fitting = self._fitting(key, None)
                _expect(bool(fitting), 1, f"{key!r} is missing from the snapshot")
                self.known[key] = fitting
        if self.strictness.feed_was_never_lost:
            _expect(
                any(
                    self.truth.rows(self.where, serial) == self.rows
                    for serial in range(self.truth.serial, self.floor - 1, -1)
                ),
                1,
                "the rows of the snapshot never were the table at one moment",
            )

    def _begin_partial(self) -> None:
        self.is_partial = True
        self.known.clear()
        self.partial_until = self.truth.serial

    # The changes.

    def _take_added(self, event: Event) -> None:
        row = _row(event)
        key = self._key(row)
        _expect(key not in self.rows, 3, f"{key!r} was added, and is held already")
        _expect(self.truth.table.matches(row, self.where), 4, f"{key!r} does not pass the filter")
        cause = event["cause"]
        if cause == "INITIAL":
            _expect(self.stage is Stage.ROWS, 1, f"{key!r} was sent as INITIAL after the snapshot")
            fitting = self._fitting(key, row)
            _expect(bool(fitting), 2, f"{key!r} was sent as it was before, or never: {row}")
            self.known[key] = fitting
        else:
            self._change_begins(cause)
            self._step(key, None, row, cause)
        self.rows[key] = row

    def _take_updated(self, event: Event) -> None:
        row = _row(event)
        key = self._key(row)
        self._change_begins("an update")
        previous = self._previous(event, key)
        _expect(self.truth.table.matches(row, self.where), 4, f"{key!r} does not pass the filter")
        changed = sorted(name for name in row if row[name] != previous[name])
        _expect(bool(changed), 3, f"the update of {key!r} changes nothing")
        _expect(
            sorted(event["changedFields"]) == changed,
            2,
            f"changedFields of {key!r} are {event['changedFields']}, but {changed} have changed",
        )
        self._step(key, previous, row, None)
        self.rows[key] = row

    def _take_deleted(self, event: Event) -> None:
        key = event[self.truth.table.deleted_key]
        self._change_begins("a deletion")
        previous = self._previous(event, key)
        self._step(key, previous, None, event["cause"])
        self.rows.pop(key, None)

    def _change_begins(self, what: object) -> None:
        if self.stage is Stage.BEGINNING and self.resumes:
            self.stage = Stage.REPLAY
        _expect(self.stage in (Stage.REPLAY, Stage.LIVE), 1, f"{what} came before the first status")

    def _key(self, row: Served) -> str:
        key: str = row[self.truth.table.row_key]
        return key

    def _previous(self, event: Event, key: str) -> Served:
        """What the event says was there before; it is what the client holds."""
        previous = {**event["previous"], self.truth.table.row_key: key}
        previous["invalidFields"].sort()
        held = self.rows.get(key)
        if held is None:
            _expect(
                self.is_partial and key not in self.known, 3, f"{key!r} changed, and is not held"
            )
            return previous
        _expect(
            held == previous, 2, f"`previous` of {key!r} is {previous}, but the client holds {held}"
        )
        return held

    def _step(
        self, key: str, before: Served | None, after: Served | None, cause: str | None
    ) -> None:
        """Find the version that a change leads to, no earlier than the one that is held."""
        found = {
            index
            for start in self._starts(key, before)
            for index in self._indexes_after(key, start, before, after, cause)
        }
        if found:
            self.known[key] = tuple(sorted(found))
            return
        how = "" if cause is None else f" by {cause}"
        raise BrokenPromise(
            f"clauses 2, 3 and 4: {key!r} became {after}{how}; it never did so after {before}, or "
            "changes between the two are missing"
        )

    def _starts(self, key: str, before: Served | None) -> Sequence[int]:
        """Which versions the client may stand at."""
        if key in self.known:
            return self.known[key]
        start = self.truth.index_at(key, self.floor)
        if not self.is_partial:
            return [0]  # it was made after the snapshot
        last = self.truth.index_at(key, self.partial_until)
        return [at for at, view in self._views(key, start) if view == before and at <= last]

    def _indexes_after(
        self,
        key: str,
        start: int,
        before: Served | None,
        after: Served | None,
        cause: str | None,
    ) -> Iterator[int]:
        """The versions to which an event can lead from one: the first that fits behind it."""
        history = self.truth.history(key)
        sees_all = self.strictness.feed_was_never_lost and self.strictness.sees_every_change
        for index in range(start + 1, len(history)):
            view = self._view(history[index])
            if view == after:
                if cause is None or cause in self._causes(history, start, index):
                    yield index
                    break
            elif sees_all and view != before:
                return
        # What is held may be too old, and what has happened to it since is on its way.
        is_too_old = cause == "LEFT_FILTER" and self.truth.has_left(history[start])
        if is_too_old and not self.strictness.feed_was_never_lost:
            yield start

    def _fitting(self, key: str, row: Served | None) -> tuple[int, ...]:
        """The versions that a snapshot may show as this row."""
        known = self.known.get(key, (0,))[0]
        start = max(known, self.truth.index_at(key, self.floor))
        return tuple(at for at, view in self._views(key, start) if view == row)

    def _causes(self, history: list[Moment], start: int, end: int) -> set[str]:
        """Why a step from one version to another may be said to have happened."""
        crossed = self._view(history[end]) is not None
        outside = [
            index
            for index in range(start + (not crossed), end + (not crossed))
            if self._view(history[index]) is None
        ]
        if self.strictness.feed_was_never_lost:
            # The last crossing of the filter's border counts.
            outside = outside[-1:] if crossed else outside[-_run_length(outside, end) :][:1]
        words = ("CREATED", "ENTERED_FILTER") if crossed else ("DELETED", "LEFT_FILTER")
        causes = {words[history[index].row is not None] for index in outside}
        # RethinkDB tells a write that moves a row through a window's edge as one that creates or
        # deletes it; what has left by its age has left the filter.
        causes |= {words[1] for index in outside if history[index].is_outside}
        if not self.strictness.feed_was_never_lost:
            # A feed lets go what is too old, also if it has changed since, and that is on its way.
            had_left = any(self.truth.has_left(moment) for moment in history[start:end])
            causes |= {*(words if crossed else words[1:])} if had_left else set()
        return causes

    def _view(self, moment: Moment) -> Served | None:
        row = moment.row
        return row if row is not None and self.truth.table.matches(row, self.where) else None

    def _views(self, key: str, start: int) -> Iterator[tuple[int, Served | None]]:
        history = self.truth.history(key)
        return ((at, self._view(history[at])) for at in range(start, len(history)))

    # What must hold when all is calm.

    def difference(self) -> str | None:
        """What is wrong with the rows, now that everything has arrived; None if nothing is."""
        if self.stage is not Stage.LIVE or self.status != "READY":
            return f"its status is {self.status}, not READY"
        wanted = self.truth.rows(self.where)
        for key in {**self.rows, **wanted}:
            held, row = self.rows.get(key), wanted.get(key)
            if held == row:
                continue
            if (
                held is None
                and self.is_partial
                and key not in self.known
                and self._may_hold(key, row)
            ):
                continue
            return f"{key!r} is {held}, and should be {row}"
        return None

    def _may_hold(self, key: str, row: Served | None) -> bool:
        """Whether a client that was sent no rows may hold this one."""
        first = self.truth.index_at(key, self.floor)
        last = self.truth.index_at(key, self.partial_until)
        return any(view == row for at, view in self._views(key, first) if at <= last)


def _run_length(outside: list[int], end: int) -> int:
    """How many of the last indices are consecutive, up to `end`."""
    length = 0
    while length < len(outside) and outside[-1 - length] == end - length:
        length += 1
    return length


def _row(event: Event) -> Served:
    (row,) = (
        value for name, value in event.items() if isinstance(value, dict) and name != "previous"
    )
    row["invalidFields"].sort()
    return row


def _expect(condition: bool, clause: int, text: str) -> None:
    if not condition:
        raise BrokenPromise(f"clause {clause}: {text}")
