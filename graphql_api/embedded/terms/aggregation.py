"""Terms that make one value of a sequence: `count`, `contains`, `sum`, `avg`, `min`, `max`.

Source: src/rdb_protocol/terms/seq.cc, shards.cc.
"""

from __future__ import annotations

from functools import cache, partial
from typing import TYPE_CHECKING, TypeVar

from graphql_api.embedded.datum import (
    DATUM_TYPES,
    Datum,
    as_boolean,
    as_number,
    as_string,
    number,
    pseudo_type,
)
from graphql_api.embedded.errors import ErrorType, ReqlError, logic_error, non_existence_error
from graphql_api.embedded.following import Following, Sorting
from graphql_api.embedded.ordering import equal, sort_key
from graphql_api.embedded.pseudo_types import binary_size
from graphql_api.embedded.ql2 import TermType
from graphql_api.embedded.stored_table import StoredTable
from graphql_api.embedded.streams import table_stream
from graphql_api.embedded.term import Call, term
from graphql_api.embedded.terms.sequences import holds, row_function
from graphql_api.embedded.values import (
    DatumStream,
    Function,
    SingleSelection,
    TableSlice,
    Value,
    to_datum,
    wrong_value_type,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from graphql_api.embedded.ordering import SortKey


_Result = TypeVar("_Result")


@term(TermType.COUNT, 1, 2, forbids_writes=True)
def count(call: Call) -> Value:
    """Count rows, those that are equal to a value, or those for which a function is true."""
    value = call.value(0)
    if call.count == 2:
        wanted = call.value(1)
        rows = call.to_stream(0, value).rows()
        if isinstance(wanted, Function):
            return sum(_holds_or_missing(wanted, row) for row in rows)
        expected = call.blame(1, to_datum, wanted)
        return sum(equal(row, expected) for row in rows)
    if type(value) in DATUM_TYPES or isinstance(value, SingleSelection):
        datum = to_datum(value)
        if pseudo_type(datum) == "BINARY":
            assert isinstance(datum, dict)
            return binary_size(datum)
        if isinstance(datum, (str, dict)):
            return len(datum)
    return sum(1 for _ in call.to_stream(0, value).rows())


def _holds_or_missing(function: Function, row: Datum) -> bool:
    try:
        return holds(function, row)
    except ReqlError as error:
        if error.type is ErrorType.NON_EXISTENCE:
            return False
        raise


@term(TermType.IS_EMPTY, 1, 1)
def is_empty(call: Call) -> Value:
    """Return whether a sequence has no rows."""
    return next(iter(call.stream(0).rows()), _NOTHING) is _NOTHING


_NOTHING = object()


@term(TermType.CONTAINS, 1, None)
def contains(call: Call) -> Value:
    """Return whether a sequence has all the values, and rows for which the functions are true."""
    stream = call.stream(0)
    wanted: list[Callable[[Datum], bool]] = []
    for position in range(1, call.count):
        value = call.value(position)
        if isinstance(value, Function):
            wanted.append(partial(_is_true_of, value))
        else:
            wanted.append(partial(equal, call.blame(position, to_datum, value)))
    if not wanted:
        return next(iter(stream.rows()), _NOTHING) is not _NOTHING
    for row in stream.rows():
        for position, matches in enumerate(wanted):
            if matches(row):
                del wanted[position]  # one row counts once
                break
        if not wanted:
            return True
    return False


def _is_true_of(function: Function, row: Datum) -> bool:
    return as_boolean(to_datum(function.call(row)))


def _aggregated(
    call: Call, stream: DatumStream, convert: Callable[[Datum], _Result]
) -> Iterable[tuple[Datum, _Result]]:
    """Yield each row with what a field or function gives for it; rows without it are left out."""
    function = row_function(call, 1) if call.count == 2 else None
    for row in stream.rows():
        try:
            result = convert(row if function is None else function(row))
        except ReqlError as error:
            if error.type is not ErrorType.NON_EXISTENCE:
                raise
        else:
            yield row, result


def _refuse_index(call: Call) -> None:
    if call.optarg_term("index") is None:
        return
    if call.count == 2:
        raise logic_error(f"Cannot provide both a function and an index to {call.name}.")
    raise logic_error(f"Cannot call {call.name} on an index.")


@term(TermType.SUM, 1, 2, "index", forbids_writes=True)
def sum_(call: Call) -> Value:
    """Add up rows, or a field of them."""
    _refuse_index(call)
    return number(
        sum((value for _, value in _aggregated(call, call.stream(0), as_number)), start=0.0)
    )


@term(TermType.AVG, 1, 2, "index", forbids_writes=True)
def avg(call: Call) -> Value:
    """Return the mean of rows, or of a field of them."""
    _refuse_index(call)
    total, rows = 0.0, 0
    for _, value in _aggregated(call, call.stream(0), as_number):
        total += value
        rows += 1
    if not rows:
        raise non_existence_error(
            "Cannot take the average of an empty stream.  (If you passed `avg` a field name, it "
            "may be that no elements of the stream had that field.)"
        )
    return number(total / rows)


def _extreme(call: Call, *, greatest: bool) -> Value:
    value = call.value(0)
    index = call.optarg("index", as_string)
    if call.count == 1 and (index is not None or isinstance(value, StoredTable)):
        if not isinstance(value, StoredTable):
            raise call.at(0, wrong_value_type(value, "TABLE"))
        return _extreme_of_index(call, value, index or value.primary_key, greatest=greatest)
    if index is not None:
        raise logic_error(f"Cannot provide both a function and an index to {call.name}.")
    best: tuple[SortKey, Datum] | None = None
    for row, key in _aggregated(call, call.to_stream(0, value), sort_key):
        if best is None or (key > best[0] if greatest else key < best[0]):
            best = key, row
    if best is None:
        raise non_existence_error(
            f"Cannot take the {call.name} of an empty stream.  (If you passed `{call.name}` a "
            "field name, it may be that no elements of the stream had that field.)"
        )
    return best[1]


def _extreme_of_index(call: Call, table: StoredTable, index: str, *, greatest: bool) -> Value:
    sorting = Sorting.DESCENDING if greatest else Sorting.ASCENDING
    stream = table_stream(TableSlice(table, index, sorting), call.transaction)

    @cache
    def read() -> Datum:
        for row in stream.rows():
            return row
        raise logic_error(f"`{call.name}` found no entries in the specified index.")

    assert isinstance(stream.following, Following)
    return SingleSelection(table, read, first_of=stream.following)


@term(TermType.MIN, 1, 2, "index", name="min", forbids_writes=True)
def min_(call: Call) -> Value:
    """Return the row that is least by itself, a field, a function or an index."""
    return _extreme(call, greatest=False)


@term(TermType.MAX, 1, 2, "index", name="max", forbids_writes=True)
def max_(call: Call) -> Value:
    """Return the row that is greatest by itself, a field, a function or an index."""
    return _extreme(call, greatest=True)
