"""The order of all datums, and the equality that follows from it.

Datums of different types are ordered by the name of the type, arrays by their elements, objects
by their pairs, TIMEs by the moment alone, BINARYs by their bytes. Python's own comparison will not
do: it takes `True` for 1, and cannot order mixed types.

Source: src/rdb_protocol/datum.cc, `datum_t::cmp`.
"""

from __future__ import annotations

from typing import TypeAlias

from graphql_api.embedded.datum import MAXVAL, MINVAL, Datum, Extremum, pseudo_type
from graphql_api.embedded.pseudo_types import binary_bytes

SortKey: TypeAlias = (
    "tuple[str, bool | int | float | str | bytes | list[SortKey] | list[tuple[str, SortKey]]]"
)

_NULL: SortKey = ("NULL", 0)
_EXTREMA: dict[Extremum, SortKey] = {MINVAL: ("\x00", 0), MAXVAL: ("\U0010ffff", 0)}


def sort_key(value: Datum) -> SortKey:
    """Return a key whose order and equality are those that RethinkDB gives datums."""
    if value is None:
        return _NULL
    if isinstance(value, str):
        # Code points sort as their UTF-8 bytes do.
        return ("STRING", value)
    if isinstance(value, bool):
        return ("BOOL", value)
    if isinstance(value, (int, float)):
        return ("NUMBER", value)
    if isinstance(value, list):
        return ("ARRAY", [sort_key(item) for item in value])
    if isinstance(value, Extremum):
        return _EXTREMA[value]
    pseudo = pseudo_type(value)
    if pseudo == "TIME":
        moment = value["epoch_time"]
        assert isinstance(moment, (int, float))
        return ("PTYPE<TIME>", moment)
    if pseudo == "BINARY":
        return ("PTYPE<BINARY>", binary_bytes(value))
    return ("OBJECT", [(name, sort_key(value[name])) for name in sorted(value)])


def equal(left: Datum, right: Datum) -> bool:
    """Return whether RethinkDB takes two datums for the same."""
    if left is right:
        return True
    if left is None or right is None:
        return False  # every insert and delete ends here: no keys need be made
    try:
        return _same(left, right)
    except RecursionError:
        return _flat(left) == _flat(right)


def _same(left: Datum, right: Datum) -> bool:
    """The same as the equality of sort keys, without a look at the parts that both share."""
    if left is right:
        return True
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(_same, left, right))
    if not (isinstance(left, dict) and isinstance(right, dict)):
        return sort_key(left) == sort_key(right)
    if pseudo_type(left) != pseudo_type(right):
        return False
    if pseudo_type(left) == "TIME":
        return left["epoch_time"] == right["epoch_time"]
    # Equal bytes have equal text: a BINARY is always made by `pseudo_types.binary`.
    return left.keys() == right.keys() and all(_same(left[name], right[name]) for name in left)


def _flat(value: Datum) -> list[object]:
    """A list that is equal for equal values only: scalars, and arrays and objects by their size."""
    flat: list[object] = []
    left: list[Datum] = [value]
    while left:
        part = left.pop()
        if isinstance(part, list):
            flat.append(("ARRAY", len(part)))
            left.extend(part)
        elif isinstance(part, dict) and pseudo_type(part) not in ("TIME", "BINARY"):
            names = sorted(part)
            flat.append(("OBJECT", names))
            left.extend(part[name] for name in names)
        else:
            flat.append(sort_key(part))
    return flat
