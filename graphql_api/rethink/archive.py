"""Reading the documents outside of a feed's window, by an index.

The database only orders and sends the fields that matter: which documents are looked for is found
out here. Its evaluation of a filter takes longer than sending them, above all if a document is
compared with many values.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from graphql_api.feeds.archive import ArchivePlace, Lookup, Outside, Relation, Spot, WantedValue
from graphql_api.feeds.keys import TEXT
from graphql_api.feeds.table import Document
from graphql_api.rethink.driver import r

_FIRST_S: Final = -17_987_443_200
_LAST_S: Final = 253_402_300_799
"""The times that RethinkDB can make: from the year 1400 to 9999."""


def delete_if(row: Any, wanted: WantedValue) -> Any:
    """Delete a document of which a field is one of some values.

    A `filter` before `delete` would be evaluated before the write, and not again in it.
    """
    assert wanted.relation is Relation.ONE_OF
    values = r.expr(sorted(wanted.value))

    def meets(stored: Any) -> Any:
        return values.contains(stored[wanted.field].default(None))

    return row.replace(
        lambda stored: r.branch((stored == None) | meets(stored), None, stored)  # noqa: E711
    )


def look(table: Any, outside: Outside, spot: Spot | None, limit: int) -> Any:
    """Look at some documents by the index, the latest first.

    Args:
        table: Their table.
        outside: Which are looked for.
        spot: Where to go on; None to begin with the latest.
        limit: How many are looked at, at most.
    """
    first = max([_FIRST_S, *_after(outside)])
    last = _LAST_S if spot is None else spot.time
    bounds = r.epoch_time(first), r.epoch_time(last)
    return (
        table.between(*bounds, index=outside.index, right_bound="closed")
        .order_by(index=r.desc(outside.index))
        .skip(0 if spot is None else spot.number)
        .limit(limit)
        .pluck(*_fields(outside))
        .coerce_to("array")
    )


def look_at_keys(table: Any, outside: Outside, keys: Sequence[str]) -> Any:
    """Look at the documents with some keys, in no order."""
    return table.get_all(*keys).pluck(*_fields(outside)).coerce_to("array")


def _after(outside: Outside) -> list[float]:
    """After which times by the index the documents must be; it can be any number of them."""
    return [
        wanted.value
        for wanted in outside.wanted
        if wanted.field == outside.index and wanted.relation is Relation.AFTER
    ]


def _fields(outside: Outside) -> list[str]:
    wanted = {wanted.field for wanted in outside.wanted}
    return sorted({outside.key, outside.index, outside.edge.field, *wanted})


def parse_lookup(
    documents: Sequence[Document], outside: Outside, spot: Spot | None, limit: int
) -> Lookup:
    """Parse the answer to `look`."""
    found = places(documents, outside)
    if len(documents) < limit:
        return Lookup(found, len(documents), None)
    times = [_time(document.get(outside.index)) for document in documents]
    last = times[-1]
    assert last is not None, "the index has times only between two times"
    number = times.count(last)
    if spot is not None and spot.time == last:
        number += spot.number
    return Lookup(found, len(documents), Spot(last, number))


def places(documents: Sequence[Document], outside: Outside) -> list[ArchivePlace]:
    """The places of those documents that are looked for."""
    tests = [(wanted.field, _test(wanted)) for wanted in outside.wanted]
    found: list[ArchivePlace] = []
    for document in documents:
        key, time = document.get(outside.key), _time(document.get(outside.index))
        ended = _time(document.get(outside.edge.field))
        is_outside = ended is not None and ended < outside.edge.since_s
        # A feed does not serve a document whose key is no text either.
        if time is None or not is_outside or (served := TEXT.served(key)) is None:
            continue
        if all(meets(document.get(field)) for field, meets in tests):
            found.append(ArchivePlace(time, served))
    return found


def _time(value: object) -> float | None:
    """A TIME in seconds since 1970; None if it is something else."""
    if isinstance(value, dict) and value.get("$reql_type$") == "TIME":
        seconds = value.get("epoch_time")
        return seconds if isinstance(seconds, int | float) else None
    return None


def _test(wanted: WantedValue) -> Callable[[Any], bool]:
    """Whether a stored value meets a condition, as its row would; one of another type does not."""
    given = wanted.value
    match wanted.relation:
        case Relation.ONE_OF:
            return lambda value: isinstance(value, str) and value in given
        case Relation.EQUALS:
            return lambda value: type(value) is type(given) and value == given
        case Relation.ANY_OF:
            return lambda value: (
                isinstance(value, list)
                and any(isinstance(item, str) and item in given for item in value)
            )
        case Relation.CONTAINS:
            return lambda value: isinstance(value, str) and given in value.casefold()
        case Relation.AFTER:
            return lambda value: (time := _time(value)) is not None and time > given
