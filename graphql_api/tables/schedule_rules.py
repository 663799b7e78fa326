"""Starbelly's rules for schedules, for documents that are to be written and those that are stored.

A schedule that breaks one ends the crawler's process: when it starts, when a job is due, or when
the job's first URL is fetched.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import UTC, datetime, timedelta
from typing import Any, Final, TypeAlias

from graphql_api.feeds.table import Document
from graphql_api.schema.document import is_object
from graphql_api.schema.inputs import has_text, is_enum_value, stored_list
from graphql_api.schema.problems import Place
from graphql_api.schema.templates import TemplateError, filled_in
from graphql_api.schema.urls import why_not_a_seed
from graphql_api.tables.policy_rules import NO_POLICY
from graphql_api.tables.schedule_timing import ScheduleTiming, TimeUnit

MARGIN: Final = timedelta(days=1)
"""How much later than now a job may start, from whose start or end the next one is computed."""

_JOBS: Final = (
    {"COUNT": 0, "DATE": "1982-11-21T03:14:00", "TIME": 406_696_440},
    {"COUNT": 1_000_000_000, "DATE": "2026-11-02T08:30:00", "TIME": 1_793_608_200},
)
"""What Starbelly fills into the name of a job: numbers, and a time as text."""

_LAST: Final = datetime.max.replace(tzinfo=UTC)

_UNITS: Final = {
    "MINUTES": timedelta(minutes=1),
    "HOURS": timedelta(hours=1),
    "DAYS": timedelta(days=1),
    "WEEKS": timedelta(weeks=1),
}

Check: TypeAlias = Callable[[Any, Place], None]


def check_schedule(
    document: Document,
    at: Place,
    *,
    now: datetime,
    policy: Document | None,
    members: Collection[str] | None = None,
) -> None:
    """Check a schedule's document by Starbelly's rules.

    Args:
        document: The document.
        at: Its place; takes what is wrong.
        now: The time from which intervals count.
        policy: The policy that the document names; None if there is none.
        members: The names of the stored members to check; all, if absent.
    """

    def is_checked(*names: str) -> bool:
        return members is None or any(name in members for name in names)

    for name, graphql, check in _MEMBERS:
        if is_checked(name):
            check(document.get(name), at / graphql)
    if is_checked("time_unit", "num_units"):
        _check_interval(document.get("num_units"), document.get("time_unit"), at, now)
    if is_checked("policy_id"):
        if not has_text(document.get("policy_id")):
            (at / "policyId").refuse("Policy is required")
        elif policy is None:
            (at / "policyId").refuse(NO_POLICY)
    if is_checked("seeds", "policy_id") and policy is not None and not normalizes(policy):
        _check_plain_seeds(document.get("seeds"), at / "seeds")


def max_units(time_unit: str, now: datetime) -> int:
    """How many units may lie between two jobs: the calendar ends with the year 9999."""
    base = now + MARGIN
    if time_unit == "YEARS":
        return _LAST.year - base.year
    if time_unit == "MONTHS":
        return (_LAST.year - base.year) * 12 + 12 - base.month
    return (_LAST - base) // _UNITS[time_unit]


def is_enabled(schedule: Document) -> bool:
    """Whether the crawler takes a stored schedule for enabled: one without `enabled` is."""
    return bool(schedule.get("enabled", True))


def normalizes(policy: Document) -> bool:
    """Whether a policy makes URLs alike, which leaves them in ASCII."""
    url_normalization = policy.get("url_normalization")
    return not is_object(url_normalization) or bool(url_normalization.get("enabled", True))


def has_plain_seeds(schedule: Document) -> bool:
    """Whether the crawler can begin with all seeds as they stand, without normalizing them."""
    seeds = stored_list(schedule.get("seeds"))
    return all(not isinstance(seed, str) or seed.isascii() for seed in seeds)


def _check_plain_seeds(seeds: Any, at: Place) -> None:
    """Check that seeds are ASCII, where no normalization makes them so."""
    for place, seed in at.items(stored_list(seeds), "seed"):
        if isinstance(seed, str) and not seed.isascii():
            place.refuse("Invalid URL", "its policy does not normalize URLs: percent-encode it")


def _check_schedule_name(name: Any, at: Place) -> None:
    if not has_text(name):
        at.refuse("Schedule name cannot be blank")


def _check_enabled(enabled: Any, at: Place) -> None:
    if not isinstance(enabled, bool):
        at.refuse("Enabled must be true or false")


def _check_timing(timing: Any, at: Place) -> None:
    if not is_enum_value(timing, ScheduleTiming):
        at.refuse("Timing is required")


def _check_interval(num_units: Any, time_unit: Any, at: Place, now: datetime) -> None:
    has_unit = is_enum_value(time_unit, TimeUnit)
    if not has_unit:
        (at / "timeUnit").refuse("Time unit is required")
    if not _is_whole(num_units) or num_units <= 0:
        (at / "numUnits").refuse("Time units must be positive")
    elif has_unit and num_units > (most := max_units(time_unit, now)):
        (at / "numUnits").refuse(
            "Time units are too many",
            f"the calendar of the crawler ends with the year 9999; {most} {time_unit} are the most",
        )


def _check_job_name(name: Any, at: Place) -> None:
    if not has_text(name):
        at.refuse("Job name cannot be blank")
        return
    try:
        names = filled_in(name, _JOBS)
    except TemplateError as error:
        if error.is_unknown_variable:
            at.refuse("Invalid variable in job name: COUNT, DATE, & TIME are allowed")
        else:
            at.refuse("Invalid job name", str(error))
        return
    if not all(map(has_text, names)):
        at.refuse("Job name cannot be blank")


def _check_job_count(count: Any, at: Place) -> None:
    if not _is_whole(count):
        at.refuse("Job count must be a number")


def _check_seeds(seeds: Any, at: Place) -> None:
    if not isinstance(seeds, list) or not seeds:
        at.refuse("Crawl schedule must have at least one seed URL")
        return
    for place, seed in at.items(seeds, "seed"):
        if not has_text(seed):
            place.refuse("URL is required")
        elif (why := why_not_a_seed(seed)) is not None:
            place.refuse("Invalid URL", why)


def _check_tags(tags: Any, at: Place) -> None:
    if not isinstance(tags, list):
        at.refuse("Tags must be a list")


_MEMBERS: Final[tuple[tuple[str, str, Check], ...]] = (
    ("schedule_name", "scheduleName", _check_schedule_name),
    ("enabled", "enabled", _check_enabled),
    ("timing", "timing", _check_timing),
    ("job_name", "jobName", _check_job_name),
    ("job_count", "jobCount", _check_job_count),
    ("seeds", "seeds", _check_seeds),
    ("tags", "tags", _check_tags),
)
"""Each member with a rule of its own: its stored name, its name in GraphQL, and its check."""


def _is_whole(value: object) -> bool:
    """Whether it is a whole number; RethinkDB has doubles only, so 3.0 is one."""
    return type(value) is int or (type(value) is float and value.is_integer())
