"""Schedules: when Starbelly crawls what. Their rows, their filter and their table."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import strawberry

from graphql_api.feeds.table import Document
from graphql_api.schema.changes import invalid_fields
from graphql_api.schema.columns import UPDATED, Column, Editing, ForPeople, Look
from graphql_api.schema.context import Info
from graphql_api.schema.declaration import TableDeclaration
from graphql_api.schema.document import Fields
from graphql_api.schema.document_problems import (
    PROBLEMS,
    DocumentProblem,
    JudgedRow,
    as_stored,
    hidden_nulls,
)
from graphql_api.schema.filters import RowFilter, by_keys, by_name, by_tag, equals
from graphql_api.schema.later import later
from graphql_api.schema.pages import Limit, checked_limit
from graphql_api.schema.problems import Place
from graphql_api.schema.scopes import require
from graphql_api.schema.stored import key, stored
from graphql_api.scopes import Scope
from graphql_api.tables.policy import POLICIES, Policy
from graphql_api.tables.schedule_rules import check_schedule
from graphql_api.tables.schedule_timing import ScheduleTiming, TimeUnit

_READ = frozenset({Scope.READ})

_Job: Any = later("Job", "graphql_api.tables.job")
"""The type of jobs, whose file imports this one."""

AS_HELD = (
    " Only jobs that this server holds are there: those that have not ended, or not long ago "
    "(`--job-window`); `Query.jobs` has all. A change of a job is no change of the schedule. It "
    "needs the scope `read`, also in what a mutation returns."
)


def read_policy_of(root: strawberry.Parent[Schedule], info: Info) -> Policy | None:
    """The policy that a schedule names, from memory; clients that may only write do not see it."""
    require(_READ, info.field_name, info.context.scopes)
    return _policy_of(root, info)


def _policy_of(root: Schedule, info: Info) -> Policy | None:
    return None if root.policy_id is None else info.context.feeds[POLICIES].get(root.policy_id)


def read_latest_job_of(root: strawberry.Parent[Schedule], info: Info) -> Any:
    """The job that a schedule started last, from memory."""
    return next(iter(_jobs_of(root, info, 1)), None)


def read_jobs_of(root: strawberry.Parent[Schedule], info: Info, limit: Limit = 10) -> Any:
    """The jobs that a schedule started last, from memory."""
    return _jobs_of(root, info, checked_limit(info.context, limit))


def _jobs_of(root: Schedule, info: Info, limit: int) -> Sequence[Any]:
    require(_READ, info.field_name, info.context.scopes)
    return info.context.feeds.named("job").group("schedule_id", root.id, limit=limit)


def read_schedule_problems(
    root: strawberry.Parent[Schedule], info: Info
) -> Sequence[DocumentProblem]:
    """Find what would stop the crawler in a schedule, its policy looked up in memory.

    It needs no scope of its own: a client that may only write learns as much from the rules of
    writing.
    """
    policy = _policy_of(root, info)
    now = info.context.now()

    def check(document: Document, at: Place) -> None:
        check_schedule(document, at, now=now, policy=None if policy is None else as_stored(policy))

    return root.judged_by(check, beside=policy, day=now.toordinal())


@strawberry.type(
    description=(
        "What Starbelly crawls again and again, and when. The crawler keeps its schedules in "
        "memory and reads them when it starts: one that was deleted or disabled here still starts "
        "its jobs until then."
    )
)
class Schedule(JudgedRow):
    """A row of the schedule feed."""

    schedule_name: str | None = stored("What it is called.")
    created_at: datetime | None = stored("When it was created.")
    updated_at: datetime | None = stored("When it was last changed.")
    enabled: bool | None = stored("Whether it starts jobs. The crawler reads this when it starts.")
    time_unit: TimeUnit | None = stored("The unit of the time between two jobs.")
    num_units: int | None = stored("How many units are between two jobs.")
    timing: ScheduleTiming | None = stored("From when the time to the next job counts.")
    job_name: str | None = stored(
        "What its jobs are called; may hold `{COUNT}`, `{DATE}` and `{TIME}`."
    )
    job_count: int | None = stored(
        "How many jobs it has started, as the crawler counts; Starbelly's dashboard may reset it."
    )
    seeds: Sequence[str] | None = stored(
        "The URLs with which a job begins, their passwords masked.", read=Fields.urls
    )
    tags: Sequence[str] | None = stored("The tags that its jobs are given.")
    policy_id: strawberry.ID | None = stored("The key of the policy that its jobs follow.")
    invalid_fields: Sequence[str] = invalid_fields()
    id: strawberry.ID = key("The schedule's key.")
    policy: Policy | None = strawberry.field(
        resolver=read_policy_of,
        description=(
            "The policy that its jobs follow, as it is now; null if there is none with that key. A "
            "change of it is no change of the schedule. It needs the scope `read`, also in what a "
            "mutation returns."
        ),
    )
    latest_job = strawberry.field(
        resolver=read_latest_job_of,
        graphql_type=_Job | None,
        description="Of the jobs that it has started, the last one." + AS_HELD,
    )
    jobs = strawberry.field(
        resolver=read_jobs_of,
        graphql_type=Sequence[_Job],
        description="The jobs that it has started, the last first." + AS_HELD,
    )
    problems: Sequence[DocumentProblem] = strawberry.field(
        resolver=read_schedule_problems, description=PROBLEMS
    )


@strawberry.input(
    description="Which schedules. What is given must all hold; a null counts as not given."
)
class ScheduleFilter(RowFilter[Schedule]):
    """The `where` of schedules."""

    ids: list[strawberry.ID] | None = by_keys()
    name_contains: str | None = by_name("schedule_name")
    enabled: bool | None = equals(
        "enabled", "Those that are enabled, or those that are disabled.", key="enabled"
    )
    policy_id: strawberry.ID | None = equals(
        "policy_id", "Those that name this policy.", key="policy"
    )
    any_tag: list[str] | None = by_tag()


SCHEDULES = TableDeclaration(
    Schedule,
    ScheduleFilter,
    name="schedule",
    plural="schedules",
    indexes=("schedule_name",),
    orders=("schedule_name", "created_at", "updated_at"),
    groups=("policy_id",),
    depends_on=("policy", "job"),
    people=ForPeople(
        name="schedules",
        singular="schedule",
        title="Schedules",
        named_by="schedule_name",
        name_width=21,
        columns=(
            Column(Look.SWITCH, ("enabled",), live="Enabled", width=8),
            Column(
                Look.INTERVAL,
                ("num_units", "time_unit", "timing"),
                live="Runs",
                width=15,
                terminal="EVERY",
            ),
            Column(Look.SWITCH, ("enabled",), terminal="STATE"),
            Column(Look.POLICY, ("policy_id",), live="Policy", width=14),
            Column(Look.NUMBER, ("job_count",), live="Jobs", width=7, terminal="JOBS"),
            Column(Look.LIST, ("tags",), terminal="TAGS"),
            UPDATED,
        ),
        editing=Editing(
            fields=(("enabled", "Enabled"),),
            note="The crawler keeps its schedules in memory: this is in force when it restarts.",
        ),
    ),
    beside={"hidden": lambda document: hidden_nulls(document, ["tags"])},
)
