"""Jobs: what Starbelly crawls and has crawled. Their rows, their filter and their table."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from enum import Enum
from typing import Any

import strawberry

from graphql_api.feeds.part import TimeWindow
from graphql_api.schema.changes import invalid_fields
from graphql_api.schema.columns import Column, Editing, ForPeople, Look
from graphql_api.schema.context import Info
from graphql_api.schema.declaration import TableDeclaration
from graphql_api.schema.document import Fields
from graphql_api.schema.filters import RowFilter, after, by_keys, by_name, by_tag, equals, one_of
from graphql_api.schema.scopes import require
from graphql_api.schema.stored import key, stored, version_reader
from graphql_api.scopes import Scope
from graphql_api.tables.policy import POLICIES
from graphql_api.tables.schedule import SCHEDULES, Schedule

_READ = frozenset({Scope.READ})

PolicyVersion: Any = POLICIES.changes.version


@strawberry.enum(description="How far a job has come.")
class JobRunState(Enum):
    """`run_state` of a job."""

    PENDING = strawberry.enum_value("pending", description="It waits for the crawler.")
    RUNNING = strawberry.enum_value("running", description="It crawls.")
    PAUSED = strawberry.enum_value("paused", description="It has stopped, and may go on.")
    COMPLETED = strawberry.enum_value("completed", description="It has come to its end.")
    CANCELLED = strawberry.enum_value("cancelled", description="Somebody has ended it.")


FINISHED = (JobRunState.COMPLETED, JobRunState.CANCELLED)
"""The states in which a job stays."""


@strawberry.type(description="How many responses had one HTTP status.")
class JobStatusCount:
    """A member of `http_status_counts`, which maps status codes as text to counts."""

    status_code: int = strawberry.field(description="The status code.")
    count: int = strawberry.field(description="How many responses had it.")


def _status_counts(fields: Fields, name: str) -> tuple[JobStatusCount, ...] | None:
    counts = fields.counts(name)
    if counts is None:
        return None
    return tuple(JobStatusCount(status_code=code, count=count) for code, count in counts)


def read_schedule_of(root: strawberry.Parent[Job], info: Info) -> Schedule | None:
    """The schedule that has started a job, from memory."""
    require(_READ, info.field_name, info.context.scopes)
    return None if root.schedule_id is None else info.context.feeds[SCHEDULES].get(root.schedule_id)


@strawberry.type(
    description=(
        "A crawl: what it started from, how far it has come, and by which policy. Its counts are "
        "sent once a second at most."
    )
)
class Job:
    """A row of the job feed."""

    name: str | None = stored("What it is called.")
    run_state: JobRunState | None = stored("How far it has come.")
    seeds: Sequence[str] | None = stored(
        "The URLs with which it began, their passwords masked.", read=Fields.urls
    )
    tags: Sequence[str] | None = stored("Its tags.")
    started_at: datetime | None = stored("When it was started.")
    completed_at: datetime | None = stored("When it ended; null before.")
    duration_s: float | None = stored(
        "How long it took, in seconds; null before its end.",
        name="duration",
        read=lambda fields, name: fields.number(name, served_as="duration_s"),
    )
    item_count: int | None = stored("How many items it has downloaded, of any kind.")
    http_success_count: int | None = stored("How many of them had an HTTP status from 200 to 299.")
    http_error_count: int | None = stored("How many of them had another HTTP status.")
    exception_count: int | None = stored("How many of them could not be downloaded.")
    http_status_counts: Sequence[JobStatusCount] | None = stored(
        "How many of them had which HTTP status, by the status.", read=_status_counts
    )
    schedule_id: strawberry.ID | None = stored(
        "The key of the schedule that started it; null if somebody has."
    )
    policy: PolicyVersion | None = stored(
        "A copy of its policy as that was when it started, which it follows until it ends. It has "
        "no key; what the policy is by now, `Query.policy` knows. The copy's CAPTCHA solver is not "
        "served.",
        read=version_reader(PolicyVersion),
    )
    invalid_fields: Sequence[str] = invalid_fields()
    id: strawberry.ID = key("The job's key.")
    schedule: Schedule | None = strawberry.field(
        resolver=read_schedule_of,
        description=(
            "The schedule that started it, as it is now; null if there is none with that key. A "
            "change of it is no change of the job. It needs the scope `read`, also in what a "
            "mutation returns."
        ),
    )


@strawberry.input(
    description="Which jobs. What is given must all hold; a null counts as not given."
)
class JobFilter(RowFilter[Job]):
    """The `where` of jobs."""

    ids: list[strawberry.ID] | None = by_keys()
    run_states: list[JobRunState] | None = one_of(
        "run_state", "Those in one of these states; none, if the list is empty.", key="state"
    )
    schedule_id: strawberry.ID | None = equals(
        "schedule_id", "Those that this schedule started.", key="schedule"
    )
    any_tag: list[str] | None = by_tag()
    name_contains: str | None = by_name()
    started_after: datetime | None = after(
        "started_at", "Those that were started later than this.", key="after"
    )


JOBS = TableDeclaration(
    Job,
    JobFilter,
    name="job",
    plural="jobs",
    indexes=("started_at", ("schedule", ("schedule_id", "started_at"))),
    orders=("started_at", "completed_at", "name", "item_count"),
    is_descending=True,
    groups=("schedule_id",),
    depends_on=("schedule",),
    # `old_urls` is a list of every URL of a job that was paused: 20 MB for a million of them.
    without=("old_urls", "policy.captcha_solver"),
    pace=(1.0, "job_pace_s"),
    window=TimeWindow("completed_at", 7 * 86_400.0, setting="job_window"),
    older_by="started_at",
    people=ForPeople(
        name="jobs",
        singular="job",
        title="Jobs",
        named_by="name",
        name_width=20,
        newest_by="started_at",
        counts=(
            ("item_count", "items"),
            ("http_success_count", "success"),
            ("http_error_count", "errors"),
            ("exception_count", "exceptions"),
        ),
        counted_too=("http_status_counts",),
        columns=(
            Column(Look.JOB_STATE, ("run_state",), live="State", width=12),
            Column(
                Look.PROGRESS,
                ("item_count", "policy.limits.max_items", "run_state"),
                live="Items",
                width=14,
            ),
            Column(
                Look.RATE,
                ("item_count", "duration_s", "run_state"),
                live="Items/s",
                width=10,
            ),
            Column(
                Look.STATUS_CODES,
                ("http_status_counts", "exception_count"),
                live="Responses",
                width=23,
            ),
            Column(Look.TIME, ("started_at",), live="Started", width=11),
            Column(Look.TIME, ("completed_at",), live="Ended", width=11),
            Column(Look.WORD, ("run_state",), terminal="STATE"),
            Column(Look.NUMBER, ("item_count",), terminal="ITEMS"),
            Column(Look.NUMBER, ("http_success_count",), terminal="OK"),
            Column(Look.NUMBER, ("http_error_count",), terminal="ERRORS"),
            Column(Look.NUMBER, ("exception_count",), terminal="EXCEPTIONS"),
            Column(Look.TIME, ("started_at",), terminal="STARTED"),
            Column(Look.TIME, ("completed_at",), terminal="ENDED", is_optional=True),
            Column(Look.LIST, ("tags",), terminal="TAGS", is_optional=True),
        ),
        editing=Editing(removable_if={"run_state": FINISHED}, removed_too="its responses"),
    ),
)
