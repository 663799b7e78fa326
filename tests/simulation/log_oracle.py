"""What docs/results.md promises to those who follow a job, as one client can see it.

Nothing here knows how a log is followed.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from tests.simulation.log_truth import JobTruth
from tests.simulation.oracle import BrokenPromise

_SETTLES_S = 3.0
_SETTLES = 0.25
"""How much later than the bound a cursor may move on: seconds, and a part of the bound."""

_READ_S = 2.0
"""How old it may be what a server has read of jobs: all who follow one share it."""


@dataclass
class Following:
    """What a client has of the responses of a job.

    Attributes:
        kinds: The kinds that it asks for; None for all.
        bound_s: How long after a response one with a lower sequence may become visible.
        is_steady: Whether nothing can hold up what the server knows, or what it sends.
        held: The sequences that it has.
        seen: Those that it was sent by this subscription, of which none comes twice.
        settled_s: What became visible before is not repeated after a resume.
        first_s: When this subscription was sent its first response.
    """

    job: str
    truth: JobTruth
    kinds: tuple[str, ...] | None
    clock: Callable[[], float]
    bound_s: float
    is_steady: bool
    held: set[int] = field(default_factory=set)
    seen: set[int] = field(default_factory=set)
    settled_s: float = -math.inf
    began_s: float = 0.0
    first_s: float = 0.0
    is_over: bool = False

    def copy(self) -> Following:
        """The same, to go on from later."""
        return replace(self, held=set(self.held), seen=set(self.seen))

    def begin(self, *, resumes: bool) -> None:
        """A subscription begins; with `resumes` it goes on from the last cursor."""
        self.began_s = self.clock()
        self.seen.clear()
        if not resumes:
            self.held.clear()
            self.settled_s = -math.inf

    def take(self, event: dict[str, Any]) -> None:
        """Judge one event.

        Raises:
            BrokenPromise: It is none that may be sent.
        """
        row = event["response"]
        sequence = row["sequence"]
        logged = self.truth.rows.get(sequence)
        _expect(logged is not None and logged.row == row, f"there is no response {row}")
        assert logged is not None
        _expect(self._is_wanted(sequence), f"{row} is none of the kinds {self.kinds}")
        _expect(sequence not in self.seen, f"{sequence} was sent twice by one subscription")
        if sequence in self.held:
            _expect(
                logged.visible_s > self.settled_s,
                f"{sequence} was repeated, which has been visible since {logged.visible_s:.3f} s; "
                f"the cursor was given when all up to {self.settled_s:.3f} s was settled",
            )
        if not self.seen:  # only now is it certain that the server has read the job
            self.first_s = self.clock()
        self.seen.add(sequence)
        self.held.add(sequence)
        slack_s = self.bound_s * (1 + _SETTLES) + _SETTLES_S
        if self.is_steady and self.clock() - slack_s > self.first_s:
            self.settled_s = max(self.settled_s, self.clock() - slack_s)

    def complete(self) -> None:
        """Judge the end of the subscription.

        Raises:
            BrokenPromise: More may come, or was left out.
        """
        self.is_over = True
        truth, now_s = self.truth, self.clock()
        if truth.deleted_s <= now_s:
            return
        _expect(truth.ended_s <= now_s, f"{self.job} has not ended, and the subscription has")
        if any(row.is_gone for row in truth.rows.values()):
            return  # it is being deleted
        wanted = truth.visible_by(truth.ended_s + self.bound_s)
        is_late_enough = now_s >= truth.ended_s + self.bound_s
        if is_late_enough and not self._missing(wanted):
            return
        count = truth.count or 0
        counted = truth.first(count)
        has_counted = len(truth.visible_by(truth.ended_s)) <= count == len(counted)
        missing = self._missing(counted if has_counted else wanted)
        _expect(has_counted or is_late_enough, f"{self.job} completes, and has no {count} rows")
        _expect(not missing, f"{self.job} is said to be complete without {sorted(missing)}")

    def fail(self, code: str | None) -> None:
        """Judge an error instead of events.

        Raises:
            BrokenPromise: There is no reason for it.
        """
        self.is_over = True
        _expect(code == "NOT_FOUND", f"{self.job} is followed, and fails with {code}")
        was_there = self.truth.made_s <= self.began_s - _READ_S
        is_there = was_there and self.truth.deleted_s > self.clock()
        _expect(not is_there, f"{self.job} is there, and not found")

    def difference(self) -> str | None:
        """What is wrong now that everything has arrived; None if nothing is."""
        if self.is_over:
            return None
        if self.truth.deleted_s < math.inf or self.truth.ended_s < math.inf:
            return f"{self.job} has ended, or was deleted, and the subscription has not"
        missing = self._missing(set(self.truth.rows))
        return f"{sorted(missing)} of {self.job} have not come" if missing else None

    def _missing(self, wanted: set[int]) -> set[int]:
        return {
            sequence
            for sequence in wanted - self.held
            if self._is_wanted(sequence) and self.truth.is_due(sequence, self.bound_s)
        }

    def _is_wanted(self, sequence: int) -> bool:
        return self.kinds is None or self.truth.rows[sequence].row["kind"] in self.kinds


def _expect(condition: bool, text: str) -> None:
    if not condition:
        raise BrokenPromise(f"results: {text}")
