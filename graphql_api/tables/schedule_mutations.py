"""Schedules: their fields of `Mutation`."""

from __future__ import annotations

from typing import Annotated, TypeAlias

import strawberry
from strawberry import UNSET

from graphql_api.errors import InvalidInputError, Problem, WriteError
from graphql_api.feeds.table import Document
from graphql_api.schema.context import Context, Info
from graphql_api.schema.described import argument
from graphql_api.schema.filters import given
from graphql_api.schema.problems import Place
from graphql_api.schema.writing import IfUpdatedAt, create, delete, get, update
from graphql_api.tables.policy_rules import NO_POLICY
from graphql_api.tables.schedule import SCHEDULES, Schedule
from graphql_api.tables.schedule_input import (
    CreateScheduleInput,
    UpdateScheduleInput,
    schedule_document,
)
from graphql_api.tables.schedule_rules import is_enabled

ScheduleKey: TypeAlias = Annotated[strawberry.ID, argument("The schedule's key.")]
AT_NEXT_START = " The crawler reads it when it next starts."
UNTIL_NEXT_START = (
    " The crawler keeps schedules in memory: one that was deleted or disabled here still starts "
    "its jobs until the crawler is restarted."
)

ScheduleValues: TypeAlias = Annotated[CreateScheduleInput, argument("Its values.")]
ScheduleChanges: TypeAlias = Annotated[UpdateScheduleInput, argument("What changes of it.")]

# The policy of a schedule is looked for before the schedule is written. RethinkDB has no
# transaction over two tables: one that is deleted in the moment between is missing then.


async def create_schedule(
    info: Info,
    input: ScheduleValues,  # noqa: A002
) -> Schedule | None:
    """Write a new schedule."""
    context = info.context
    policy = await get(context, "policy", given(input.policy_id))
    return await create(
        context,
        SCHEDULES,
        lambda stored, at: schedule_document(
            input, stored, at / "input", now=context.now(), policy=policy
        ),
        confirm=lambda written: _policy_is_gone(context, written),
    )


async def update_schedule(
    info: Info,
    id: ScheduleKey,  # noqa: A002
    input: ScheduleChanges,  # noqa: A002
    if_updated_at: IfUpdatedAt = UNSET,
) -> Schedule | None:
    """Change what is given of a schedule."""
    context = info.context
    policies: dict[str, Document | None] = {}

    def make(stored: Document | None, at: Place) -> Document:
        policy = None
        key = _policy_to_look_up(input, stored or {})
        if key is not None:
            if key not in policies:
                raise _PolicyNotLookedUpError(key)
            policy = policies[key]
        return schedule_document(input, stored, at / "input", now=context.now(), policy=policy)

    while True:
        try:
            return await update(
                context,
                SCHEDULES,
                id,
                make,
                if_updated_at=if_updated_at,
                confirm=(lambda written: _policy_is_gone(context, written)) if policies else None,
            )
        except _PolicyNotLookedUpError as error:
            policies[error.key] = await get(context, "policy", error.key)


def _policy_to_look_up(values: UpdateScheduleInput, stored: Document) -> str | None:
    """The key of the policy that a schedule names once it is updated, if its rules need that."""
    if values.policy_id is not UNSET:
        key = values.policy_id
    elif values.enabled is True or values.seeds is not UNSET:
        key = stored.get("policy_id")
    else:
        return None
    return key if isinstance(key, str) else None


async def _policy_is_gone(context: Context, schedule: Document) -> InvalidInputError | None:
    """The error for an enabled schedule whose policy was deleted while it was written."""
    if not is_enabled(schedule):
        return None
    try:
        policy = await get(context, "policy", schedule["policy_id"])
    except WriteError:
        return None  # it is written, and the database was lost since; the log has it
    if policy is not None:
        return None
    return InvalidInputError([Problem(("input", "policyId"), NO_POLICY)])


class _PolicyNotLookedUpError(Exception):
    """An update needs a policy that has not been looked up yet."""

    def __init__(self, key: str) -> None:
        super().__init__(key)
        self.key = key


async def delete_schedule(
    info: Info,
    id: ScheduleKey,  # noqa: A002
    if_updated_at: IfUpdatedAt = UNSET,
) -> strawberry.ID | None:
    """Delete a schedule."""
    await delete(info.context, SCHEDULES, id, if_updated_at=if_updated_at)
    return id


@strawberry.type
class ScheduleMutation:
    """Fields of `Mutation`."""

    create_schedule: Schedule | None = strawberry.mutation(
        resolver=create_schedule,
        description="Creates a schedule, and returns it." + AT_NEXT_START,
    )
    update_schedule: Schedule | None = strawberry.mutation(
        resolver=update_schedule,
        description=(
            "Changes what is given of a schedule, and returns it as it is then." + UNTIL_NEXT_START
        ),
    )
    delete_schedule: strawberry.ID | None = strawberry.mutation(
        resolver=delete_schedule,
        description="Deletes a schedule, and returns its key." + UNTIL_NEXT_START,
    )
