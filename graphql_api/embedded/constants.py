"""Constants of a query: parts of its JSON that are a datum in any query."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeGuard

from graphql_api.embedded import deep
from graphql_api.embedded.datum import REQL_TYPE, Datum
from graphql_api.embedded.pseudo_types import from_json
from graphql_api.embedded.ql2 import TermType

if TYPE_CHECKING:
    from collections.abc import Iterable

# Longer arrays of constants are checked against `array_limit` element by element when they run.
LONGEST_FOLDED_ARRAY = 1000


class NotConstantError(Exception):
    """The JSON holds a term whose value is only known when it runs."""


def constant(raw: object) -> Datum:
    """Return the datum that JSON stands for if no term but arrays and objects is in it.

    Documents are constants almost always: folding them makes inserts of thousands fast.

    Raises:
        NotConstantError: There is.
    """
    try:
        return _fold(raw)
    except RecursionError:
        return deep.fold(raw, _constant_parts, _constant_of)


def _constant_parts(raw: object) -> Iterable[object] | None:
    if isinstance(raw, dict):
        return raw.values()
    return raw[1] if _is_constant_array(raw) else None


def _constant_of(raw: object, parts: list[Datum]) -> Datum:
    if isinstance(raw, dict):
        if REQL_TYPE in raw:
            raise NotConstantError
        return dict(zip(raw, parts, strict=True))
    return parts if _is_constant_array(raw) else _fold(raw)


def _is_constant_array(raw: object) -> TypeGuard[tuple[int, list[object]]]:
    return (
        isinstance(raw, list)
        and len(raw) == 2
        and raw[0] == TermType.MAKE_ARRAY
        and isinstance(raw[1], list)
        and len(raw[1]) <= LONGEST_FOLDED_ARRAY
    )


def _fold(raw: object) -> Datum:
    if raw is None or isinstance(raw, (str, bool)):
        return raw
    if isinstance(raw, dict):
        if REQL_TYPE in raw:
            raise NotConstantError  # it may be invalid, which is an error of the run
        return {name: _fold(item) for name, item in raw.items()}
    if isinstance(raw, list):
        if not _is_constant_array(raw):
            raise NotConstantError
        return [_fold(item) for item in raw[1]]
    return from_json(raw)
