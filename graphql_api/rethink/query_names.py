"""What a query is called where its values must not be seen: its operation, and its table."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, Final, NamedTuple, TypeAlias

from rethinkdb import ast

Observe: TypeAlias = Callable[[str, str | None], AbstractContextManager[object]]
"""Surrounds a query; it is given its operation and its table, if it has one."""

_WRITES: Final = frozenset({"insert", "update", "replace", "delete"})


class QueryNames(NamedTuple):
    """The names of a query.

    Attributes:
        operation: The term that writes; if none does, the term next to the table, such as `get`.
        table: The table; of several, the one that is read first.
    """

    operation: str
    table: str | None


def names_of(term: Any) -> QueryNames:
    """The names of a query, by its ReQL term: `get` and `policy` of `table("policy").get("…")`."""
    operation = "query"
    is_write = False
    while not isinstance(term, ast.Table):
        if not is_write:
            operation = str(getattr(term, "statement", operation))
            is_write = operation in _WRITES
        # What a term works on is its first argument.
        arguments = term._args  # noqa: SLF001 - there is no other way to it
        if not arguments:
            return QueryNames(operation, None)
        term = arguments[0]
    name = term._args[-1]  # noqa: SLF001 - of `db.table(name)` and of `table(name)`
    return QueryNames(operation, name.data if isinstance(name, ast.Datum) else None)
