"""The argument `everyMs`: how often a subscription is sent something at most."""

from __future__ import annotations

from math import ceil
from typing import Annotated, Final, TypeAlias

from graphql_api.errors import BadInputError
from graphql_api.schema.described import argument

_LEAST_MS: Final = 50
_MOST_MS: Final = 60_000
_STEP_MS: Final = 50
"""Paces are multiples of this, so that subscriptions have few of them."""

PageEvery: TypeAlias = Annotated[
    int,
    argument(
        f"The least time between two pages, but for a change of the status, in "
        f"milliseconds: {_LEAST_MS} to {_MOST_MS}, rounded up to a multiple of {_STEP_MS}."
    ),
]
ChangesEvery: TypeAlias = Annotated[
    int,
    argument(
        f"The least time between two batches of changes, in milliseconds: {_LEAST_MS} "
        f"to {_MOST_MS}, rounded up to a multiple of {_STEP_MS}. The changes of one row in between "
        "merge. 0 for each change at once; a status is always sent at once."
    ),
]


def pace_s(every_ms: int, *, may_be_zero: bool) -> float:
    """A pace in seconds.

    Raises:
        BadInputError: It is out of range.
    """
    if every_ms == 0 and may_be_zero:
        return 0.0
    if not _LEAST_MS <= every_ms <= _MOST_MS:
        zero = "0, or " if may_be_zero else ""
        raise BadInputError(f"everyMs must be {zero}from {_LEAST_MS} to {_MOST_MS}, not {every_ms}")
    return in_steps(every_ms)


def in_steps(every_ms: float) -> float:
    """A pace in seconds, rounded up: subscriptions of equal paces share what they are sent."""
    return ceil(every_ms / _STEP_MS) * _STEP_MS / 1000
