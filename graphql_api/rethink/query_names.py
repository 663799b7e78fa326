"""Names of queries for traces: the operation and the table, without any value."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, Final, NamedTuple, TypeAlias

from rethinkdb import ast

Observe: TypeAlias = Callable[[str, str | None], AbstractContextManager[object]]
"""Surrounds a query; it is given its operation and its table, if it has one."""

_UNNAMED: Final = "query"
_WRITES: Final = frozenset({"insert", "update", "replace", "delete"})

_WITH_SEVERAL: Final = (ast.Branch, ast.ForEach, ast.Func, ast.FunCall)
"""Terms of which each argument may be a query. Any other works on its first argument."""


class QueryNames(NamedTuple):
    """The names of a query.

    Attributes:
        operation: The term that writes; if none does, the term next to the table, such as `get`.
        table: The table; of several, the one that is read first.
    """

    operation: str
    table: str | None


def names_of(term: Any) -> QueryNames:
    """The names of a query, by its ReQL term: `get` and `policy` of `table("policy").get("…")`.

    A write inside `r.do`, `r.branch` or `for_each` names the query.
    """
    arguments = term._args  # noqa: SLF001 - there is no other way to it
    if isinstance(term, ast.Table):
        name = arguments[-1]  # of `db.table(name)` and of `table(name)`
        return QueryNames(_UNNAMED, name.data if isinstance(name, ast.Datum) else None)
    parts = arguments if isinstance(term, _WITH_SEVERAL) else arguments[:1]
    operation, table = max(map(names_of, parts), key=_rank, default=QueryNames(_UNNAMED, None))
    statement = str(getattr(term, "statement", _UNNAMED))
    if statement in _WRITES or operation == _UNNAMED:
        operation = statement
    return QueryNames(operation, table)


def _rank(names: QueryNames) -> tuple[bool, bool]:
    return names.operation in _WRITES, names.table is not None
