"""What the filters of all tables have in common."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, fields
from functools import cached_property
from hashlib import blake2b
from typing import Generic, TypeVar

from strawberry import UNSET

from graphql_api.feeds.cursor import FILTER_BYTES
from graphql_api.feeds.table import Filter

RowT = TypeVar("RowT")
T = TypeVar("T")


@dataclass(frozen=True)
class Where(Generic[RowT]):
    """A filter's conditions, all of which must hold; a subclass has a field for each.

    A condition that is None is not there. The values are canonical, so that two filters which mean
    the same are equal: a list of alternatives is a frozenset, text to look for is casefolded.
    """

    def matches(self, row: RowT) -> bool:
        """Whether `row` passes."""
        raise NotImplementedError

    @cached_property
    def digest(self) -> bytes:
        """Eight bytes that stand for this filter in a cursor; the same in every process."""
        return _digest(
            {
                name: sorted(value) if isinstance(value, frozenset) else value
                for name, value in self._conditions().items()
            }
        )

    def simplified(self) -> Filter[RowT] | None:
        """The simplest filter that means the same: None when every row passes."""
        conditions = self._conditions()
        if not conditions:
            return None
        return NOTHING if frozenset() in conditions.values() else self

    def _conditions(self) -> dict[str, object]:
        given = ((field.name, getattr(self, field.name)) for field in fields(self))
        return {name: value for name, value in given if value is not None}


def _digest(conditions: object) -> bytes:
    canonical = json.dumps(conditions, sort_keys=True).encode("ascii")
    return blake2b(canonical, digest_size=FILTER_BYTES, person=b"feed-filter").digest()


@dataclass(frozen=True)
class _Nothing:
    """The filter that no row passes: that of an empty list of alternatives."""

    digest = _digest("nothing")

    def matches(self, row: object) -> bool:  # noqa: ARG002
        return False


NOTHING: Filter[object] = _Nothing()


# From an input's members to conditions: absent and null are the same.


def given(value: T | None) -> T | None:
    """A member's value; None when it is absent."""
    return None if value is UNSET else value


def alternatives(values: Iterable[str] | None) -> frozenset[str] | None:
    """A list's values, whatever their order, each once."""
    return None if values is None or values is UNSET else frozenset(values)


def needle(text: str | None) -> str | None:
    """Text to look for, whatever its case."""
    return None if text is None or text is UNSET else text.casefold()


# Whether a row's value meets a condition.


def is_one_of(value: str | None, condition: frozenset[str] | None) -> bool:
    """Whether `value` is one of the alternatives."""
    return condition is None or value in condition


def has_any_of(values: Iterable[str], condition: frozenset[str] | None) -> bool:
    """Whether one of `values` is one of the alternatives."""
    return condition is None or not condition.isdisjoint(values)


def contains(value: str | None, condition: str | None) -> bool:
    """Whether the text is in `value`, whatever its case."""
    return condition is None or (value is not None and condition in value.casefold())


def equals(value: T | None, condition: T | None) -> bool:
    """Whether `value` is the one that is wanted."""
    return condition is None or value == condition
