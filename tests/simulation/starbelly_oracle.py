"""What Starbelly's protocol promises of a list of rows, as one client can see it.

It has no status, no cause and no cursor: first every row is ADDED, and then changes follow.
Nothing here knows how the adapter makes its messages.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from tests.simulation.oracle import BrokenPromise, Strictness
from tests.simulation.tables import JOB, LOGIN, POLICY, SCHEDULE, Served
from tests.simulation.truth import Moment, TableTruth

_STATES = {"COMPLETED": 2, "PAUSED": 3, "RUNNING": 5}

SAID: dict[str, Callable[[Served], Any]] = {
    POLICY.name: lambda row: row["name"] or "",
    SCHEDULE.name: lambda row: row["scheduleName"] or "",
    LOGIN.name: lambda _: "",
    JOB.name: lambda row: (row["name"] or "", _STATES.get(row["runState"]), row["itemCount"]),
}
"""What the protocol says of a row, by table."""


def is_sayable(table: str, key: str) -> bool:
    """Whether the protocol has a place for a key: 16 bytes, or the name of a domain."""
    if table == LOGIN.name:
        return True
    try:
        return str(UUID(key)) == key
    except ValueError:
        return False


@dataclass
class HeldList:
    """What a client holds of a list, and which versions of each row that may be.

    Attributes:
        held: What was said of each row that it has, by key.
        known: The places in the truth's history at which it may stand, by key.
        floor: How far the table was when the server had certainly seen it.
    """

    truth: TableTruth
    strictness: Strictness
    held: dict[str, Any] = field(default_factory=dict)
    known: dict[str, tuple[int, ...]] = field(default_factory=dict)
    floor: int = 0
    is_changing: bool = False

    @property
    def table(self) -> str:
        return self.truth.table.name

    def begin(self, serial: int) -> None:
        """A subscription begins, with nothing; the server had seen the table at a serial."""
        self.held.clear()
        self.known.clear()
        self.floor = serial if self.strictness.feed_was_never_lost else 0
        self.is_changing = False

    def added(self, key: str, said: Any) -> None:
        """Judge an ADDED.

        Raises:
            BrokenPromise: It may not be sent.
        """
        _expect(is_sayable(self.table, key), f"{key!r} is no key that can be said")
        _expect(key not in self.held, f"{key!r} was ADDED, and is held already")
        self._step(key, said)
        self.held[key] = said

    def updated(self, key: str, said: Any) -> None:
        """Judge an UPDATED.

        Raises:
            BrokenPromise: It may not be sent.
        """
        self._change_begins()
        _expect(key in self.held, f"{key!r} was UPDATED, and is not held")
        self._step(key, said)
        self.held[key] = said

    def deleted(self, key: str) -> None:
        """Judge a DELETED.

        Raises:
            BrokenPromise: It may not be sent.
        """
        self._change_begins()
        if self.truth.table.is_paced and key not in self.held:
            return  # it has come and gone within one interval
        _expect(key in self.held, f"{key!r} was DELETED, and is not held")
        self._step(key, None)
        del self.held[key]

    def _change_begins(self) -> None:
        """Every row that was there throughout has come before the first change of one."""
        if self.is_changing:
            return
        self.is_changing = True
        for key in self.truth.keys:
            if key in self.known or not is_sayable(self.table, key):
                continue
            start = self.truth.index_at(key, self.floor)
            was_absent = any(view is None for _, view in self._views(key, start))
            _expect(was_absent, f"the first change came before the row {key!r}")

    def _step(self, key: str, after: Any) -> None:
        """Find the versions that an event may lead to, later than the one that is held."""
        if key not in self.known:
            start = self.truth.index_at(key, self.floor)
            fitting = {at for at, view in self._views(key, start) if view == after}
        else:
            before = self.held.get(key)
            found = (self._after(key, start, before, after) for start in self.known[key])
            fitting = {at for at in found if at is not None}
        _expect(
            bool(fitting),
            f"{key!r} became {after!r} after {self.held.get(key)!r}: it never did, or changes "
            "between the two are missing",
        )
        self.known[key] = tuple(sorted(fitting))

    def _after(self, key: str, start: int, before: Any, after: Any) -> int | None:
        """The first version behind one of which an event can tell."""
        sees_all = self.strictness.feed_was_never_lost and self.strictness.sees_every_change
        history: Sequence[Moment] = self.truth.history(key)
        for at, view in self._views(key, start + 1):
            if view == after:
                return at
            if sees_all and view != before:
                return None
        # What is held is too old; the change that makes it young again is on its way.
        return start if after is None and self.truth.has_left(history[start]) else None

    def _views(self, key: str, start: int) -> Iterator[tuple[int, Any]]:
        say, history = SAID[self.table], self.truth.history(key)
        return (
            (at, None if history[at].row is None else say(history[at].row or {}))
            for at in range(start, len(history))
        )

    def difference(self) -> str | None:
        """What is wrong with the rows, now that everything has arrived; None if nothing is."""
        say = SAID[self.table]
        wanted = {
            key: say(row) for key, row in self.truth.rows({}).items() if is_sayable(self.table, key)
        }
        for key in {**self.held, **wanted}:
            if self.held.get(key) != wanted.get(key):
                return f"{key!r} is {self.held.get(key)!r}, and should be {wanted.get(key)!r}"
        return None


def _expect(condition: bool, text: str) -> None:
    if not condition:
        raise BrokenPromise(f"starbelly: {text}")
