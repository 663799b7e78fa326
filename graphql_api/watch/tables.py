"""The tables as they are watched: from their declarations."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from graphql_api.client.table import Row, followed
from graphql_api.schema import TableDeclaration
from graphql_api.schema.columns import Column, Look, filter_keys
from graphql_api.schema.document import graphql_name
from graphql_api.tables import TABLES as DECLARED
from graphql_api.watch.differences import value_text
from graphql_api.watch.table import ListedColumn, Table
from graphql_api.watch.where import Condition, Kind


def _at(row: Row, *path: str) -> Any:
    """The value at a path; None, if the row has no such path."""
    value: Any = row
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def _text(value: Any) -> str:
    return "" if value is None else value if isinstance(value, str) else value_text(value)


def _list(value: Any) -> str:
    return ", ".join(map(_text, value)) if isinstance(value, list) else _text(value)


def _time(value: Any) -> str:
    """A time to the minute, in local time."""
    text = _text(value)
    try:
        return f"{datetime.fromisoformat(text).astimezone():%Y-%m-%d %H:%M}"
    except (ValueError, OverflowError):
        return text


def _limits(limits: Any) -> str:
    forms = {"maxItems": "{} items", "maxCost": "cost {}", "maxDuration": "{} s"}
    given = ((form, _at({"": limits}, "", name)) for name, form in forms.items())
    return ", ".join(form.format(value_text(most)) for form, most in given if most is not None)


def _interval(number: Any, time_unit: Any, _: Any) -> str:
    unit = _text(time_unit).lower()
    return f"{_text(number)} {unit.removesuffix('s') if number == 1 else unit}".strip()


def _yes_or_no(yes: str, no: str) -> Callable[[Any], str]:
    return lambda value: (yes if value else no) if isinstance(value, bool) else _text(value)


def _users(users: Any) -> str:
    if not isinstance(users, list):
        return ""
    return ", ".join(
        _text(_at(user, "username")) + (" (does not work)" if _at(user, "working") is False else "")
        for user in users
    )


_CELLS: Mapping[Look, Callable[..., str]] = {
    Look.TEXT: _text,
    Look.WORD: _text,
    Look.NUMBER: _text,
    Look.LIST: _list,
    Look.SWITCH: _yes_or_no("enabled", "disabled"),
    Look.YES_OR_NO: _yes_or_no("yes", "no"),
    Look.TIME: _time,
    Look.LIMITS: _limits,
    Look.INTERVAL: _interval,
    Look.POLICY: _text,
    Look.USERS: _users,
}


def _cell(column: Column) -> Callable[[Row], str]:
    show, paths = _CELLS[column.look], column.paths
    return lambda row: show(*(_at(row, *path) for path in paths))


def watched(table: TableDeclaration[Any]) -> Table:
    """A table as it is watched, from its declaration."""
    people = table.people
    return Table(
        name=people.name,
        singular=people.singular,
        **asdict(followed(table)),
        name_field=graphql_name(people.named_by),
        name_title=people.name_title.upper(),
        columns=tuple(
            ListedColumn(
                column.terminal,
                _cell(column),
                is_optional=column.is_optional,
                is_number=column.look is Look.NUMBER,
            )
            for column in people.columns
            if column.terminal is not None
        ),
        conditions={
            key: Condition(member, _KINDS[kind], words)
            for key, (member, kind, words) in filter_keys(table.filter_type).items()
        },
        newest_field=None if people.newest_by is None else graphql_name(people.newest_by),
        counts=tuple((graphql_name(name), word) for name, word in people.counts),
        counted_too=tuple(map(graphql_name, people.counted_too)),
    )


_KINDS = {list: Kind.ANY_OF, bool: Kind.YES_OR_NO, str: Kind.TEXT}

TABLES = {table.people.name: watched(table) for table in DECLARED}
"""Every table that can be watched, by the name that the operator gives."""


def conditions_text() -> str:
    """The conditions that `--where` can have: `policies by id or name, logins by id or domain`."""
    return ", ".join(
        f"{table.name} by {_alternatives([*table.conditions])}" for table in TABLES.values()
    )


def _alternatives(words: Sequence[str]) -> str:
    *others, last = words
    return f"{', '.join(others)} or {last}" if others else last
