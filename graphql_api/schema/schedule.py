"""Schedules: when Starbelly crawls what. Their types, filter and changes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, TypeAlias

import strawberry
from strawberry import UNSET

from graphql_api.feeds.table import Document, Filter
from graphql_api.schema.changes import (
    CURSOR,
    INVALID_FIELDS,
    FeedState,
    changed_fields_field,
)
from graphql_api.schema.context import Info
from graphql_api.schema.document import Fields
from graphql_api.schema.document_problems import (
    PROBLEMS,
    DocumentProblem,
    Judged,
    as_stored,
    hidden_nulls,
)
from graphql_api.schema.enums import ChangeCause, FeedStatus
from graphql_api.schema.filters import (
    Where,
    alternatives,
    contains,
    equals,
    given,
    has_any_of,
    is_one_of,
    needle,
)
from graphql_api.schema.packed_rows import PackedRows
from graphql_api.schema.pages import by_name
from graphql_api.schema.policy import POLICIES, Policy
from graphql_api.schema.problems import Place
from graphql_api.schema.schedule_rules import check_schedule
from graphql_api.schema.schedule_timing import ScheduleTiming, TimeUnit
from graphql_api.schema.scopes import Scope, require

_READ = frozenset({Scope.READ})


@strawberry.type(description="The values that a schedule has, or had, at some time.")
class ScheduleVersion:
    """A schedule without its key, so that a client's cache does not take old values for new ones.

    It names its policy and does not lead to it: the policy may have changed since.
    """

    schedule_name: str | None = strawberry.field(description="What it is called.")
    created_at: datetime | None = strawberry.field(description="When it was created.")
    updated_at: datetime | None = strawberry.field(description="When it was last changed.")
    enabled: bool | None = strawberry.field(
        description="Whether it starts jobs. The crawler reads this when it starts."
    )
    time_unit: TimeUnit | None = strawberry.field(
        description="The unit of the time between two jobs."
    )
    num_units: int | None = strawberry.field(description="How many units are between two jobs.")
    timing: ScheduleTiming | None = strawberry.field(
        description="From when the time to the next job counts."
    )
    job_name: str | None = strawberry.field(
        description="What its jobs are called; may hold `{COUNT}`, `{DATE}` and `{TIME}`."
    )
    job_count: int | None = strawberry.field(
        description=(
            "How many jobs it has started, as the crawler counts; Starbelly's dashboard may reset "
            "it."
        )
    )
    seeds: Sequence[str] | None = strawberry.field(
        description="The URLs with which a job begins, their passwords masked."
    )
    tags: Sequence[str] | None = strawberry.field(description="The tags that its jobs are given.")
    policy_id: strawberry.ID | None = strawberry.field(
        description="The key of the policy that its jobs follow."
    )
    invalid_fields: Sequence[str] = strawberry.field(description=INVALID_FIELDS)


def read_policy_of(root: strawberry.Parent[Schedule], info: Info) -> Policy | None:
    """The policy that a schedule names, from memory; clients that may only write do not see it."""
    require(_READ, info.field_name, info.context.scopes)
    return _policy_of(root, info)


def _policy_of(root: Schedule, info: Info) -> Policy | None:
    return None if root.policy_id is None else info.context.feeds[POLICIES].get(root.policy_id)


def read_schedule_problems(
    root: strawberry.Parent[Schedule], info: Info
) -> Sequence[DocumentProblem]:
    """What would stop the crawler in a schedule, its policy looked up in memory.

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
class Schedule(Judged, ScheduleVersion):
    """A row of the schedule feed."""

    id: strawberry.ID = strawberry.field(description="The schedule's key.")
    policy: Policy | None = strawberry.field(
        resolver=read_policy_of,
        description=(
            "The policy that its jobs follow, as it is now; null if there is none with that key. A "
            "change of it is no change of the schedule. It needs the scope `read`, also in what a "
            "mutation returns."
        ),
    )
    problems: Sequence[DocumentProblem] = strawberry.field(
        resolver=read_schedule_problems, description=PROBLEMS
    )


# Its filter


@strawberry.input(
    description="Which schedules. What is given must all hold; a null counts as not given."
)
class ScheduleFilter:
    """The `where` of schedules."""

    ids: list[strawberry.ID] | None = strawberry.field(
        default=UNSET, description="Those with one of these keys; none, if the list is empty."
    )
    name_contains: str | None = strawberry.field(
        default=UNSET, description="Those with this in their name, whatever the case."
    )
    enabled: bool | None = strawberry.field(
        default=UNSET, description="Those that are enabled, or those that are disabled."
    )
    policy_id: strawberry.ID | None = strawberry.field(
        default=UNSET, description="Those that name this policy."
    )
    any_tag: list[str] | None = strawberry.field(
        default=UNSET, description="Those with one of these tags; none, if the list is empty."
    )

    def condition(self) -> Filter[Schedule] | None:
        """The filter as a feed takes it."""
        return ScheduleWhere(
            ids=alternatives(self.ids),
            name_contains=needle(self.name_contains),
            enabled=given(self.enabled),
            policy_id=given(self.policy_id),
            any_tag=alternatives(self.any_tag),
        ).simplified()


@dataclass(frozen=True)
class ScheduleWhere(Where[Schedule]):
    """A `ScheduleFilter` as a value."""

    ids: frozenset[str] | None = None
    name_contains: str | None = None
    enabled: bool | None = None
    policy_id: str | None = None
    any_tag: frozenset[str] | None = None

    def matches(self, row: Schedule) -> bool:
        """Whether a schedule passes."""
        return (
            is_one_of(row.id, self.ids)
            and contains(row.schedule_name, self.name_contains)
            and equals(row.enabled, self.enabled)
            and equals(row.policy_id, self.policy_id)
            and has_any_of(row.tags or (), self.any_tag)
        )


# Its changes


@strawberry.type(description="A schedule that the subscription did not hold.")
class ScheduleAdded:
    """A member of `ScheduleChange`."""

    cause: ChangeCause = strawberry.field(description="INITIAL, CREATED or ENTERED_FILTER.")
    schedule: Schedule = strawberry.field(description="The schedule.")
    cursor: str = strawberry.field(description=CURSOR)


@strawberry.type(description="A schedule that the subscription held, with other values.")
class ScheduleUpdated:
    """A member of `ScheduleChange`."""

    schedule: Schedule = strawberry.field(description="The schedule as it is now.")
    previous: ScheduleVersion = strawberry.field(description="Its values before.")
    changed_fields: list[str] = changed_fields_field("schedule")
    cursor: str = strawberry.field(description=CURSOR)


@strawberry.type(description="A schedule that the subscription held, and holds no longer.")
class ScheduleDeleted:
    """A member of `ScheduleChange`."""

    cause: ChangeCause = strawberry.field(description="DELETED or LEFT_FILTER.")
    schedule_id: strawberry.ID = strawberry.field(description="The schedule's key.")
    previous: ScheduleVersion = strawberry.field(description="Its last values.")
    cursor: str = strawberry.field(description=CURSOR)


ScheduleChange: TypeAlias = Annotated[
    ScheduleAdded | ScheduleUpdated | ScheduleDeleted | FeedState,
    strawberry.union("ScheduleChange", description="What a subscription to schedules is sent."),
]


# The table


class ScheduleTable:
    """Starbelly's table `schedule`."""

    name = "schedule"
    primary_key = "id"
    reads: tuple[str, ...] = ("policy",)
    sort_keys: Mapping[str, Callable[[Schedule], tuple[Any, ...]]] = {
        "name": lambda schedule: by_name(schedule.schedule_name, schedule.id)
    }
    packing = PackedRows(
        Schedule,
        decoding=1,
        filtered=("id", "schedule_name", "enabled", "policy_id", "tags"),
        beside=("hidden",),
    )

    def decode(self, key: str, document: Document) -> Schedule:
        """The schedule that a document is served as."""
        invalid: list[str] = []
        fields = Fields(document, invalid)
        row = Schedule(
            id=strawberry.ID(key),
            schedule_name=fields.string("schedule_name"),
            created_at=fields.time("created_at"),
            updated_at=fields.time("updated_at"),
            enabled=fields.boolean("enabled"),
            time_unit=fields.enum("time_unit", TimeUnit),
            num_units=fields.integer("num_units"),
            timing=fields.enum("timing", ScheduleTiming),
            job_name=fields.string("job_name"),
            job_count=fields.integer("job_count"),
            seeds=fields.urls("seeds"),
            tags=fields.strings("tags"),
            policy_id=fields.id("policy_id"),
            invalid_fields=tuple(invalid),  # last: the readers above have filled it
        )
        if hidden := hidden_nulls(document, ["tags"]):
            row.hidden = hidden
        return row

    def added(self, cause: ChangeCause, row: Schedule, cursor: str) -> ScheduleChange:
        """The event for a schedule that a subscriber did not hold."""
        return ScheduleAdded(cause=cause, schedule=row, cursor=cursor)

    def updated(self, previous: Schedule, row: Schedule, cursor: str) -> ScheduleChange:
        """The event for a schedule that a subscriber held as `previous`."""
        return ScheduleUpdated(
            schedule=row,
            previous=previous,
            cursor=cursor,
        )

    def deleted(
        self, cause: ChangeCause, key: str, previous: Schedule, cursor: str
    ) -> ScheduleChange:
        """The event for a schedule that a subscriber held as `previous`, and holds no longer."""
        return ScheduleDeleted(
            cause=cause, schedule_id=strawberry.ID(key), previous=previous, cursor=cursor
        )

    def state(self, status: FeedStatus, cursor: str) -> ScheduleChange:
        """The event that tells how the feed stands."""
        return FeedState(status=status, cursor=cursor)


SCHEDULES = ScheduleTable()
