"""What the database really held of jobs' responses: what every follower is judged by."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.simulation.tables import Document, Served

JOBS, RESPONSES = "job", "response"
_ENDED = ("completed", "cancelled")


@dataclass(slots=True)
class LoggedRow:
    """A response.

    Attributes:
        visible_s: Since when it could be read.
        is_gone: Whether it has been deleted.
    """

    row: Served
    visible_s: float
    is_gone: bool = False


@dataclass(slots=True)
class JobTruth:
    """One job and its responses.

    Attributes:
        rows: By sequence.
        made_s: Since when the job is there.
        ended_s: Since when it is completed or cancelled.
        deleted_s: Since when it is not there any more.
        count: How many responses it says that it has, at its end.
    """

    rows: dict[int, LoggedRow] = field(default_factory=dict)
    made_s: float = math.inf
    ended_s: float = math.inf
    deleted_s: float = math.inf
    count: int | None = None

    def commit(self, document: Document | None, now_s: float) -> None:
        """Note what the job is from now on."""
        if document is None:
            self.deleted_s = min(self.deleted_s, now_s)
            return
        self.made_s = min(self.made_s, now_s)
        if document["run_state"] in _ENDED:
            self.ended_s = min(self.ended_s, now_s)
            self.count = document["item_count"]

    def is_due(self, sequence: int, bound_s: float) -> bool:
        """Whether a response became visible within the bound: later ones may be missed."""
        higher = [row.visible_s for other, row in self.rows.items() if other > sequence]
        return self.rows[sequence].visible_s < min(higher, default=math.inf) + bound_s

    def visible_by(self, at_s: float) -> set[int]:
        """The sequences of the responses that could be read at a time."""
        return {sequence for sequence, row in self.rows.items() if row.visible_s <= at_s}

    def first(self, count: int) -> set[int]:
        """The sequences of those responses that could be read first."""
        in_order = sorted(self.rows, key=lambda sequence: self.rows[sequence].visible_s)
        return set(in_order[:count])


class LogTruth:
    """Every job of a story that is followed, and its responses."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self.clock = clock
        self._jobs: dict[str, JobTruth] = {}

    def __getitem__(self, job: str) -> JobTruth:
        return self._jobs.setdefault(job, JobTruth())

    def commit(self, table: str, key: Any, old: Document | None, new: Document | None) -> None:
        """Note a committed write to any table."""
        if table == JOBS:
            self[key].commit(new, self.clock())
        elif table == RESPONSES and new is not None:
            row = LoggedRow(_serve(new), self.clock())
            self[new["job_id"]].rows.setdefault(new["sequence"], row)
        elif table == RESPONSES and old is not None:
            self[old["job_id"]].rows[old["sequence"]].is_gone = True


def response(job: str, sequence: int, kind: str) -> Document:
    """A response as the crawler writes it."""
    document: dict[str, Any] = {
        "sequence": sequence,
        "job_id": job,
        "url": f"https://{job}.example/{sequence}",
        "is_success": kind == "SUCCESS",
    }
    if kind == "EXCEPTION":
        return {**document, "exception": "it failed"}
    return {**document, "status_code": 200 if kind == "SUCCESS" else 404}


def _serve(document: Document) -> Served:
    kind = "SUCCESS" if document["is_success"] else "ERROR"
    return {
        "sequence": document["sequence"],
        "jobId": document["job_id"],
        "url": document["url"],
        "kind": "EXCEPTION" if "exception" in document else kind,
        "statusCode": document.get("status_code"),
    }
