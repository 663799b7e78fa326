"""Names, columns and conditions of a table for people: in the terminal and on the page `/live`."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from types import NoneType
from typing import Any, NamedTuple, get_args, get_origin, get_type_hints

from strawberry.types.base import (
    StrawberryContainer,
    StrawberryList,
    get_object_definition,
    has_object_definition,
)
from strawberry.types.lazy_type import LazyType

from graphql_api.schema.document import graphql_name
from graphql_api.schema.filters import conditions_of


class Look(Enum):
    """The look of a cell's values. Those of the second group are for one table each."""

    TEXT = "text"
    WORD = "word"
    """A member of an enum, in lower case."""
    NUMBER = "number"
    LIST = "list"
    SWITCH = "switch"
    """Whether something is on: `enabled` or `disabled`."""
    YES_OR_NO = "yesOrNo"
    TIME = "time"

    LIMITS = "limits"
    INTERVAL = "interval"
    POLICY = "policy"
    USERS = "users"
    JOB_STATE = "jobState"
    PROGRESS = "progress"
    """How many items a job has, and of how many at most."""
    RATE = "rate"
    """How fast a job's items come, by the number of them."""
    STATUS_CODES = "statusCodes"
    """The shares of the HTTP statuses that a job's items had."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table; one that stands elsewhere in the terminal is declared twice.

    Attributes:
        look: How its cells show their values.
        fields: Which fields of the row it shows, by the names of attributes; `limits.max_cost` is a
            part of one.
        live: What stands above it on the page; None, if it is not there.
        width: Its share of the page's width.
        terminal: What stands above it in the terminal; None, if it is not there.
        is_optional: Whether the terminal leaves it out where there is no room for all.
    """

    look: Look
    fields: tuple[str, ...]
    live: str | None = None
    width: int = 0
    terminal: str | None = None
    is_optional: bool = False

    @property
    def paths(self) -> list[list[str]]:
        """Its fields in GraphQL's names, each as the steps that lead to it."""
        return [[*map(graphql_name, field.split("."))] for field in self.fields]


UPDATED = Column(
    Look.TIME, ("updated_at",), live="Updated", width=20, terminal="UPDATED", is_optional=True
)


@dataclass(frozen=True, slots=True)
class Editing:
    """The edits of a row that the page offers, by the table's mutations.

    Attributes:
        fields: Which values, by the names of attributes as in `Column.fields`, and what each is
            called there: numbers, and one that is on or off.
        what: What the numbers are called together.
        note: What people have to know who change a row.
        needs: Attributes, of which one has a value in each row that can be changed.
        removable_if: What an attribute has to be in a row that can be deleted.
        removed_too: What is deleted with a row.
    """

    fields: tuple[tuple[str, str], ...] = ()
    what: str = ""
    note: str = ""
    needs: tuple[str, ...] = ()
    removable_if: Mapping[str, tuple[Enum, ...]] = dataclasses.field(default_factory=dict)
    removed_too: str = ""


@dataclass(frozen=True, slots=True)
class ForPeople:
    """The names that people have for a table, and the columns that they see of its rows.

    Attributes:
        name: What its rows are called in commands: `logins`.
        singular: What one of them is called.
        title: What stands above the table.
        named_by: The attribute that names a row.
        name_title: What stands above the names.
        name_width: The share that names have of the page's width.
        columns: What else is shown.
        newest_by: The attribute whose time orders the rows, the latest first; by name, if absent.
        counts: The attributes that grow while a row gets on, and what they count: the terminal says
            how far it has come, and how fast, by the first of them.
        counted_too: Attributes that change with these.
        editing: What can be changed on the page, beside deleting a row.
    """

    name: str
    singular: str
    title: str
    named_by: str
    columns: tuple[Column, ...]
    name_title: str = "Name"
    name_width: int = 24
    newest_by: str | None = None
    counts: tuple[tuple[str, str], ...] = ()
    counted_too: tuple[str, ...] = ()
    editing: Editing | None = None


def selections(row_type: type, *, resolved: bool = False) -> dict[str, str]:
    """The fields of a row that are no keys, in GraphQL's names, with what to select in each.

    Args:
        row_type: The type of the row.
        resolved: Whether those that a resolver answers are wanted too.
    """
    hints = get_type_hints(row_type)
    return {
        graphql_name(field.python_name): _selection(hints[field.python_name])
        for field in get_object_definition(row_type, strict=True).fields
        if (resolved or field.is_basic_field) and field.python_name != "id"
    }


def _selection(hint: Any) -> str:
    type_ = _without_null(hint)
    if get_origin(type_) is not None:
        (type_,) = get_args(type_)
    if not has_object_definition(type_):
        return ""
    parts = (f"{name} {inner}".strip() for name, inner in selections(type_).items())
    return f"{{ {' '.join(parts)} }}"


class ResolvedField(NamedTuple):
    """A field of a row that a resolver answers, in GraphQL's name."""

    name: str
    type_: Any
    is_list: bool


def resolved_fields(row_type: type) -> Iterator[ResolvedField]:
    """The fields of a row that a resolver answers: those that lead to other rows among them."""
    for field in get_object_definition(row_type, strict=True).fields:
        if not field.is_basic_field:
            type_: Any = field.type
            is_list = False
            while isinstance(type_, StrawberryContainer):
                is_list = is_list or isinstance(type_, StrawberryList)
                type_ = type_.of_type
            if isinstance(type_, LazyType):
                type_ = type_.resolve_type()
            yield ResolvedField(graphql_name(field.python_name), type_, is_list)


def filter_keys(filter_type: type) -> Mapping[str, tuple[str, type, tuple[str, ...]]]:
    """The conditions that people can give, by key.

    Each is the member of the filter; list, bool or str; and the words that it takes, if it is an
    enum.
    """
    hints = get_type_hints(filter_type)
    return {
        condition.key: (graphql_name(member), _kind(hints[member]), _words(hints[member]))
        for member, condition in conditions_of(filter_type).items()
        if condition.key is not None
    }


def _kind(hint: Any) -> type:
    type_ = _without_null(hint)
    if get_origin(type_) is list:
        return list
    return bool if type_ is bool else str


def _words(hint: Any) -> tuple[str, ...]:
    type_ = _without_null(hint)
    (one,) = get_args(type_) if get_origin(type_) is list else (type_,)
    return (
        tuple(each.name for each in one) if isinstance(one, type) and issubclass(one, Enum) else ()
    )


def _without_null(hint: Any) -> Any:
    parts = [part for part in get_args(hint) if part is not NoneType]
    return parts[0] if NoneType in get_args(hint) else hint
