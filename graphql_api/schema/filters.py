"""The filters of tables: which rows a client asks for.

A filter's input has a member for each condition, which names the attribute that it looks at:

    @strawberry.input
    class PolicyFilter(RowFilter[Policy]):
        ids: list[strawberry.ID] | None = one_of("id", "Those with one of these keys.")
        name_contains: str | None = contains("name", "Those with this in their name.")
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import Enum
from functools import cache, cached_property
from hashlib import blake2b
from typing import Any, Final, Generic, NamedTuple, TypeVar

import strawberry
from strawberry import UNSET
from strawberry.types.base import get_object_definition

from graphql_api.feeds.archive import Relation
from graphql_api.feeds.cursor import FILTER_BYTES
from graphql_api.feeds.table import Filter
from graphql_api.schema.generated import function

RowT = TypeVar("RowT")
T = TypeVar("T")

_CONDITION: Final = "condition"

FILTERING: Final = 1
"""The version of all filters: goes up when a filter shows other rows than it did, for then a cursor
of another server means another content."""


class FilterCondition(NamedTuple):
    """The condition that a member of a filter's input puts on a row.

    Attributes:
        attribute: The attribute of the row that it looks at.
        canonical: Makes the condition's value from the member's: equal for all that mean the same.
        test: The expression that is true if a value meets the condition: `{value}` stands for the
            attribute's value, `{wanted}` for the condition's.
        relation: The same for the database, with values as they are stored.
        key: By which key `watch --where` knows it; None, if it does not.
    """

    attribute: str
    canonical: Callable[[Any], Any]
    test: str
    relation: Relation
    key: str | None


def one_of(attribute: str, description: str, *, key: str | None = None) -> Any:
    """A member that lists values, of which the attribute's must be one."""
    return _member(
        description,
        FilterCondition(attribute, frozenset, "{value} in {wanted}", Relation.ONE_OF, key),
    )


def after(attribute: str, description: str, *, key: str | None = None) -> Any:
    """A member that is a time, after which the attribute's must be."""
    return _member(
        description,
        FilterCondition(
            attribute, _in_utc, "{value} is not None and {value} > {wanted}", Relation.AFTER, key
        ),
    )


def by_keys() -> Any:
    """A member that lists keys, of which the row's must be one."""
    return one_of("id", "Those with one of these keys; none, if the list is empty.", key="id")


def by_tag() -> Any:
    """A member that lists tags, of which the row must have one."""
    test = "not {wanted}.isdisjoint({value} or ())"
    return _member(
        "Those with one of these tags; none, if the list is empty.",
        FilterCondition("tags", frozenset, test, Relation.ANY_OF, "tag"),
    )


def contains(attribute: str, description: str, *, key: str | None = None) -> Any:
    """A member that is a part of the attribute's text, in upper or lower case."""
    return _member(
        description,
        FilterCondition(
            attribute,
            str.casefold,
            "{value} is not None and {wanted} in {value}.casefold()",
            Relation.CONTAINS,
            key,
        ),
    )


def by_name(attribute: str = "name") -> Any:
    """A member that is a part of the row's name, in upper or lower case."""
    return contains(attribute, "Those with this in their name, whatever the case.", key="name")


def equals(attribute: str, description: str, *, key: str | None = None) -> Any:
    """A member that is the attribute's value."""
    return _member(
        description, FilterCondition(attribute, _same, "{value} == {wanted}", Relation.EQUALS, key)
    )


def _member(description: str, condition: FilterCondition) -> Any:
    return strawberry.field(
        default=UNSET, description=description, metadata={_CONDITION: condition}
    )


def conditions_of(filter_type: type) -> Mapping[str, FilterCondition]:
    """The conditions of a filter's input, by the names of its members."""
    return _conditions(filter_type)


@cache
def _conditions(filter_type: type) -> Mapping[str, FilterCondition]:
    members = get_object_definition(filter_type, strict=True).fields
    return {member.python_name: member.metadata[_CONDITION] for member in members}


class RowFilter(Generic[RowT]):
    """The base of the inputs `where`."""

    def condition(self) -> Filter[RowT] | None:
        """The simplest filter that means the same: None when every row passes."""
        filter_type: type = type(self)
        conditions = conditions_of(filter_type)
        values = {
            name: condition.canonical(value)
            for name, condition in conditions.items()
            if (value := given(getattr(self, name))) is not None
        }
        if not values:
            return None
        if frozenset() in values.values():
            return NOTHING
        matches = _matcher(filter_type, tuple(values))(*values.values())
        return Where(tuple(values.items()), matches)


@dataclass(frozen=True)
class Where(Generic[RowT]):
    """A filter's conditions, all of which must hold.

    Their values are canonical, so that two filters of one table which mean the same are equal: a
    list of alternatives is a frozenset, text to look for is casefolded.

    Attributes:
        conditions: The names of the members that are given, with their values.
        matches: Whether a row passes.
    """

    conditions: tuple[tuple[str, Any], ...]
    matches: Callable[[RowT], bool] = field(compare=False, repr=False)

    @cached_property
    def digest(self) -> bytes:
        """Eight bytes that stand for this filter in a cursor; the same in every process."""
        return _digest(
            {
                name: _sorted(value) if isinstance(value, frozenset) else _plain(value)
                for name, value in self.conditions
            }
        )


@cache
def _matcher(filter_type: type, members: tuple[str, ...]) -> Callable[..., Callable[[Any], bool]]:
    """A function that makes a test of rows from the values of these members' conditions."""
    conditions = conditions_of(filter_type)
    tests = (
        "("
        + conditions[name].test.format(value=f"row.{conditions[name].attribute}", wanted=name)
        + ")"
        for name in members
    )
    return function(", ".join(members), f"lambda row: {' and '.join(tests)}", {})


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


def given(value: T | None) -> T | None:
    """A member's value; None when it is absent, which means the same as null."""
    return None if value is UNSET else value


def _sorted(values: frozenset[Any]) -> list[Any]:
    if {*map(type, values)} == {str}:  # keys, of which there may be 10 000
        return sorted(values)
    return sorted(map(_plain, values))


def _plain(value: Any) -> Any:
    """A value as JSON has it."""
    if isinstance(value, datetime):
        return value.isoformat()
    return value.name if isinstance(value, Enum) else value


def _in_utc(value: datetime) -> datetime:
    return value.astimezone(UTC)


def _same(value: object) -> object:
    return value
