"""Inputs for schedules, and Starbelly's rules for them."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

import strawberry
from strawberry import UNSET

from graphql_api.feeds.table import Document
from graphql_api.schema.described import optional
from graphql_api.schema.inputs import required, stored_list, with_stored_password
from graphql_api.schema.problems import Place, is_storable
from graphql_api.tables.schedule_rules import check_schedule
from graphql_api.tables.schedule_timing import ScheduleTiming, TimeUnit

_DEFAULTS: Final[Document] = {"enabled": True, "job_count": 0, "tags": []}


@strawberry.input(
    description=("What changes of a schedule; what is absent stays. Lists are replaced as a whole.")
)
class UpdateScheduleInput:
    """The input of `updateSchedule`."""

    schedule_name: str | None = optional("What it is called; not blank.")
    enabled: bool | None = optional(
        "Whether it starts jobs; a new one does, if this is absent. One that is disabled still "
        "starts them until the crawler is restarted."
    )
    time_unit: TimeUnit | None = optional("The unit of the time between two jobs.")
    num_units: int | None = optional(
        "How many units are between two jobs; positive, and so few that the next job comes "
        "before the year 10000."
    )
    timing: ScheduleTiming | None = optional("From when the time to the next job counts.")
    job_name: str | None = optional(
        "What its jobs are called; may hold `{COUNT}`, `{DATE}` and `{TIME}`. Every other "
        "brace is written twice."
    )
    seeds: list[str] | None = optional(
        "The URLs with which a job begins, at least one: absolute http or https URLs with a "
        "host in ASCII, and not in punycode. A password masked as it is served, "
        "`user:***@host`, stands for the stored one of the same user and host."
    )
    tags: list[str] | None = optional(
        "The tags that its jobs are given; null for none, the default."
    )
    policy_id: strawberry.ID | None = optional("The key of the policy that its jobs follow.")


@strawberry.input(description="The values of a new schedule.")
class CreateScheduleInput(UpdateScheduleInput):
    """The input of `createSchedule`."""

    schedule_name: str = required(UpdateScheduleInput, "schedule_name")
    time_unit: TimeUnit = required(UpdateScheduleInput, "time_unit")
    num_units: int = required(UpdateScheduleInput, "num_units")
    timing: ScheduleTiming = required(UpdateScheduleInput, "timing")
    job_name: str = required(UpdateScheduleInput, "job_name")
    seeds: list[str] = required(UpdateScheduleInput, "seeds")
    policy_id: strawberry.ID = required(UpdateScheduleInput, "policy_id")


def schedule_document(
    values: UpdateScheduleInput,
    stored: Document | None,
    at: Place,
    *,
    now: datetime,
    policy: Document | None,
) -> Document:
    """The document that a schedule becomes, apart from its key and times.

    Args:
        values: What shall be in it.
        stored: The document as it is; None for a new one. What `values` do not give stays in it,
            whether or not this API knows it. It is checked when `values` enable the schedule.
        at: The place of `values` in the request; takes what is wrong.
        now: The time from which intervals count.
        policy: The policy that the schedule names from now on; None if there is none.
    """
    if not is_storable(values, at):
        return {}
    before = _DEFAULTS if stored is None else stored
    written = {name: value for name, value in vars(values).items() if value is not UNSET}
    document: dict[str, Any] = {**before, **written}
    if "seeds" in written:
        document["seeds"] = _seeds(values.seeds or [], before.get("seeds"), at / "seeds")
    if "tags" in written:
        document["tags"] = values.tags or []
    for name in ("time_unit", "timing"):
        if name in written:
            document[name] = written[name] and written[name].name
    is_whole = stored is None or (values.enabled is True and stored.get("enabled") is not True)
    check_schedule(
        document, at, now=now, policy=policy, members=None if is_whole else written.keys()
    )
    return document


def _seeds(seeds: list[str], stored: object, at: Place) -> list[str]:
    return [
        with_stored_password(seed, index, stored_list(stored), place)
        for index, (place, seed) in enumerate(at.items(seeds, "seed"))
    ]
