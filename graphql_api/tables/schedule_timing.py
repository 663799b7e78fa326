"""Enums of a schedule's timing."""

from __future__ import annotations

from enum import Enum

import strawberry


@strawberry.enum(description="The unit of the time between two jobs.")
class TimeUnit(Enum):
    """`time_unit` of a schedule."""

    MINUTES = strawberry.enum_value("MINUTES", description="Minutes.")
    HOURS = strawberry.enum_value("HOURS", description="Hours.")
    DAYS = strawberry.enum_value("DAYS", description="Days.")
    WEEKS = strawberry.enum_value("WEEKS", description="Weeks.")
    MONTHS = strawberry.enum_value("MONTHS", description="Months.")
    YEARS = strawberry.enum_value("YEARS", description="Years.")


@strawberry.enum(description="From when the time to the next job counts.")
class ScheduleTiming(Enum):
    """`timing` of a schedule."""

    AFTER_PREVIOUS_JOB_FINISHED = strawberry.enum_value(
        "AFTER_PREVIOUS_JOB_FINISHED", description="From the end of the job before."
    )
    REGULAR_INTERVAL = strawberry.enum_value(
        "REGULAR_INTERVAL", description="From the start of the job before."
    )
