"""The jobs of the demo: one starts, its counts grow, it ends; now and then one is paused."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from random import Random
from typing import Final

from graphql_api.sample import Document, job, response
from graphql_api.schema.document import in_milliseconds

_ITEMS: Final = (40, 150)
"""How many items a job downloads."""
_ITEMS_AT_ONCE: Final = (3, 12)
_ERROR_CODES: Final = ("404", "404", "403", "500")


class Crawls:
    """A few jobs, always with the same keys.

    Args:
        schedules: The names and the keys of the schedules that start them, by the keys of the jobs.
        policy: The policy that they copy.
    """

    def __init__(self, schedules: Mapping[str, tuple[str, str]], policy: Document) -> None:
        self._schedules = schedules
        self._policy = policy
        self._jobs: dict[str, Document] = {}
        self._targets: dict[str, int] = {}
        self._runs = dict.fromkeys(schedules, 0)
        self._sequence = 0
        self._downloads: dict[str, tuple[list[Document], list[Document]]] = {}

    def downloads(self, job: str) -> tuple[list[Document], list[Document]]:
        """The responses that the last step of a job has brought, and their bodies."""
        return self._downloads.pop(job, ([], []))

    def step(self, rng: Random, now: datetime) -> tuple[Document, Document | None]:
        """Make the next change of one of the jobs.

        Returns:
            The job as it is then, and the fields of it that have changed; none, if it has begun.
        """
        key = rng.choice([*self._schedules])
        found = self._jobs.get(key)
        if found is None or found["completed_at"] is not None:
            return self._start(key, rng, now), None
        fields = self._go_on(found, rng, now)
        found.update(fields)
        return dict(found), fields

    def _start(self, key: str, rng: Random, now: datetime) -> Document:
        self._runs[key] += 1
        self._targets[key] = rng.randint(*_ITEMS)
        name, schedule = self._schedules[key]
        self._jobs[key] = job(
            key,
            f"{name} #{self._runs[key]}",
            started_at=now,
            schedule_id=schedule,
            policy=self._policy,
            seeds=[f"https://demo.example.net/{schedule}/"],
            tags=["demo"],
        )
        return dict(self._jobs[key])

    def _go_on(self, found: Document, rng: Random, now: datetime) -> Document:
        if found["run_state"] == "paused":
            return {"run_state": "running"}
        if rng.random() < 0.08:
            return {"run_state": "paused"}
        return self._counts(found, rng, now)

    def _counts(self, found: Document, rng: Random, now: datetime) -> Document:
        items = rng.randint(*_ITEMS_AT_ONCE)
        errors = [rng.choice(_ERROR_CODES) for _ in range(items) if rng.random() < 0.08]
        exceptions = int(rng.random() < 0.1)
        codes = dict(found["http_status_counts"])
        for code in [*errors, *["200"] * (items - len(errors))]:
            codes[code] = codes.get(code, 0) + 1
        count = found["item_count"] + items + exceptions
        statuses = [*errors, *["200"] * (items - len(errors)), *[None] * exceptions]
        self._downloads[found["id"]] = self._responses(found, statuses, now)
        fields = {
            "item_count": count,
            "http_success_count": found["http_success_count"] + items - len(errors),
            "http_error_count": found["http_error_count"] + len(errors),
            "exception_count": found["exception_count"] + exceptions,
            "http_status_counts": codes,
        }
        if count >= self._targets[found["id"]]:
            fields["run_state"] = "completed"
            fields["completed_at"] = in_milliseconds(now)
            fields["duration"] = (now - found["started_at"]).total_seconds()
        return fields

    def _responses(
        self, found: Document, statuses: Sequence[str | None], now: datetime
    ) -> tuple[list[Document], list[Document]]:
        """The downloads of a step; None stands for a failure.

        Sequences grow over all runs of the demo on one database, whichever server it runs in.
        """
        self._sequence = max(self._sequence, int(now.timestamp() * 1000))
        rows, bodies = [], {}
        for number, status in enumerate(statuses, found["item_count"] + 1):
            self._sequence += 1
            page = f"{found['seeds'][0]}{number}"
            row, body = response(self._sequence, found["id"], page, at=now, status=status)
            rows.append(row)
            if body is not None:
                bodies[body["id"]] = body
        return rows, [*bodies.values()]
