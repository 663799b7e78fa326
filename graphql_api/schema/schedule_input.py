"""What clients write of a schedule, and Starbelly's rules for it."""

from __future__ import annotations

import re
from string import Formatter
from typing import Any, Final

import strawberry
from strawberry import UNSET

from graphql_api.schema.filters import given
from graphql_api.schema.inputs import has_text, stored_list, with_stored_password
from graphql_api.schema.problems import Place
from graphql_api.schema.schedule_timing import ScheduleTiming, TimeUnit
from graphql_api.store import Document

_DEFAULTS: Final[Document] = {"enabled": True, "job_count": 0, "tags": []}

_JOB: Final = {"COUNT": 1, "DATE": "2026-11-02T08:30:00", "TIME": 1_793_608_200}
"""What Starbelly fills into the name of a job."""

_FORMAT = re.compile(r"[^{}0-9]*+[0-9]{0,2}+[^{}0-9]*+")
"""How it may be formatted: `{COUNT:04}`; with a width of a billion no server would stay well."""


@strawberry.input(
    description=(
        "The values of a schedule. A new one needs all but `enabled` and `tags`. An update changes "
        "what is given and leaves the rest; lists are replaced as a whole."
    )
)
class ScheduleInput:
    """The input of `createSchedule` and `updateSchedule`."""

    schedule_name: str | None = strawberry.field(
        default=UNSET, description="What it is called; not blank."
    )
    enabled: bool | None = strawberry.field(
        default=UNSET, description="Whether it starts jobs; a new one does, if this is absent."
    )
    time_unit: TimeUnit | None = strawberry.field(
        default=UNSET, description="The unit of the time between two jobs."
    )
    num_units: int | None = strawberry.field(
        default=UNSET, description="How many units are between two jobs; positive."
    )
    timing: ScheduleTiming | None = strawberry.field(
        default=UNSET, description="From when the time to the next job counts."
    )
    job_name: str | None = strawberry.field(
        default=UNSET,
        description="What its jobs are called; may hold `{COUNT}`, `{DATE}` and `{TIME}`.",
    )
    seeds: list[str] | None = strawberry.field(
        default=UNSET,
        description=(
            "The URLs with which a job begins, at least one. A password masked as it is served, "
            "`user:***@host`, stands for the stored one of the same user and host."
        ),
    )
    tags: list[str] | None = strawberry.field(
        default=UNSET, description="The tags that its jobs are given; null for none, the default."
    )
    policy_id: strawberry.ID | None = strawberry.field(
        default=UNSET, description="The key of the policy that its jobs follow."
    )


def schedule_document(
    values: ScheduleInput, stored: Document | None, at: Place, *, has_policy: bool
) -> Document:
    """The document that a schedule becomes, apart from its key and times.

    Args:
        values: What shall be in it.
        stored: The document as it is; None for a new one. What `values` do not give stays in it,
            whether or not this API knows it.
        at: The place of `values` in the request; takes what is wrong.
        has_policy: Whether there is a policy with the key that `values` give.
    """
    new = stored is None
    before = _DEFAULTS if stored is None else stored
    document: dict[str, Any] = dict(before)
    if new or values.schedule_name is not UNSET:
        document["schedule_name"] = values.schedule_name
        if not has_text(values.schedule_name):
            (at / "scheduleName").refuse("Schedule name cannot be blank")
    if values.enabled is not UNSET:
        document["enabled"] = values.enabled
        if values.enabled is None:
            (at / "enabled").refuse("Enabled must be true or false")
    _write_timing(document, values, at, new=new)
    if new or values.job_name is not UNSET:
        document["job_name"] = values.job_name
        _check_job_name(values.job_name, at / "jobName")
    if new or values.seeds is not UNSET:
        document["seeds"] = _seeds(given(values.seeds) or [], before.get("seeds"), at / "seeds")
    if values.tags is not UNSET:
        document["tags"] = values.tags or []
    if new or values.policy_id is not UNSET:
        document["policy_id"] = values.policy_id
        if not has_text(values.policy_id):
            (at / "policyId").refuse("Policy is required")
        elif not has_policy:
            (at / "policyId").refuse("Policy does not exist")
    return document


def _write_timing(document: dict[str, Any], values: ScheduleInput, at: Place, *, new: bool) -> None:
    if new or values.time_unit is not UNSET:
        document["time_unit"] = values.time_unit and values.time_unit.name
        if not values.time_unit:
            (at / "timeUnit").refuse("Time unit is required")
    if new or values.num_units is not UNSET:
        document["num_units"] = values.num_units
        if (given(values.num_units) or 0) <= 0:
            (at / "numUnits").refuse("Time units must be positive")
    if new or values.timing is not UNSET:
        document["timing"] = values.timing and values.timing.name
        if not values.timing:
            (at / "timing").refuse("Timing is required")


def _seeds(seeds: list[str], stored: object, at: Place) -> list[str]:
    if not seeds:
        at.refuse("Crawl schedule must have at least one seed URL")
    urls = []
    for index, (place, seed) in enumerate(at.items(seeds, "seed")):
        if not has_text(seed):
            place.refuse("URL is required")
        urls.append(with_stored_password(seed, index, stored_list(stored), place))
    return urls


def _check_job_name(name: str | None, at: Place) -> None:
    if not has_text(name):
        at.refuse("Job name cannot be blank")
        return
    try:
        parts = list(Formatter().parse(name))
        if not {field for _, field, _, _ in parts if field is not None} <= _JOB.keys():
            at.refuse("Invalid variable in job name: COUNT, DATE, & TIME are allowed")
        elif all(_FORMAT.fullmatch(spec or "") for _, _, spec, _ in parts):
            name.format(**_JOB)
        else:
            at.refuse("Invalid job name")
    except ValueError:
        at.refuse("Invalid job name")
