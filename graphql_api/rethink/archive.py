"""Reading the documents outside of a feed's window, by an index."""

from __future__ import annotations

import re
from typing import Any, Final

from graphql_api.feeds.archive import Outside, Place, Relation, Wanted
from graphql_api.rethink.driver import r
from graphql_api.rethink.part import is_inside

_FIRST_S: Final = -17_987_443_200
_LAST_S: Final = 253_402_300_799
"""The times that RethinkDB can make: from the year 1400 to 9999."""


def rows(table: Any, outside: Outside) -> Any:
    """The documents, in no order."""
    return _filtered(_times(table, outside), outside)


def _times(table: Any, outside: Outside) -> Any:
    """The documents that have a time in the index."""
    bounds = r.epoch_time(_FIRST_S), r.epoch_time(_LAST_S)
    return table.between(*bounds, index=outside.index, right_bound="closed")


def delete_if(row: Any, wanted: Wanted) -> Any:
    """Delete a document that meets a condition.

    A `filter` before `delete` would be evaluated before the write, and not again in it.
    """
    return row.replace(
        lambda stored: r.branch((stored == None) | _meets(stored, wanted), None, stored)  # noqa: E711
    )


def places(table: Any, outside: Outside, *, offset: int, limit: int) -> Any:
    """The places of some of the documents, the latest first."""
    ordered = _times(table, outside).order_by(index=r.desc(outside.index))
    return (
        _filtered(ordered, outside)
        .skip(offset)
        .limit(limit)
        .map(lambda row: [row[outside.index].to_epoch_time(), row[outside.key]])
        .coerce_to("array")
    )


def place(row: list[Any]) -> Place:
    """A place, as `places` gives it."""
    time, key = row
    return Place(time, key)


def _filtered(documents: Any, outside: Outside) -> Any:
    def matches(row: Any) -> Any:
        # A feed does not serve a document whose key is no text either.
        found = (row[outside.key].type_of() == "STRING") & ~is_inside(row, outside.edge)
        for wanted in outside.wanted:
            found &= _meets(row, wanted)
        return found

    return documents.filter(matches)


def _meets(row: Any, wanted: Wanted) -> Any:
    """Whether a document meets a condition; one with a value of another type does not."""
    value, given = row[wanted.field].default(None), wanted.value
    match wanted.relation:
        case Relation.ONE_OF:
            return r.expr(given).contains(value)
        case Relation.EQUALS:
            return value == given
        case Relation.ANY_OF:
            has_one = value.contains(lambda item: r.expr(given).contains(item))
            return r.branch(value.type_of() == "ARRAY", has_one, False)
        case Relation.CONTAINS:
            # It folds letter by letter: unlike in the feed's filter, ß is not ss.
            is_found = value.match(f"(?i){re.escape(given)}") != None  # noqa: E711 - ReQL's
            return r.branch(value.type_of() == "STRING", is_found, False)
        case Relation.AFTER:
            is_later = value > r.epoch_time(given)
            return r.branch(value.type_of() == "PTYPE<TIME>", is_later, False)
