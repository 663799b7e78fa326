"""Terms on sequences.

Source: src/rdb_protocol/terms/seq.cc, arr.cc, sort.cc, shards.cc; func.cc for `filter`.
"""

from __future__ import annotations

import re
from functools import cache, cmp_to_key, partial
from typing import TYPE_CHECKING, TypeVar

from graphql_api.embedded.datum import (
    DATUM_TYPES,
    REQL_TYPE,
    Datum,
    as_boolean,
    as_number,
    as_string,
    get_field,
    number,
    pseudo_type,
    type_name,
)
from graphql_api.embedded.errors import (
    ErrorType,
    ReqlError,
    logic_error,
    non_existence_error,
)
from graphql_api.embedded.following import Following, Sorting
from graphql_api.embedded.ordering import equal, sort_key
from graphql_api.embedded.pseudo_types import binary, binary_bytes
from graphql_api.embedded.ql2 import TermType
from graphql_api.embedded.streams import (
    array_stream,
    collect,
    index_keys,
    table_stream,
    to_stream,
)
from graphql_api.embedded.table import Table
from graphql_api.embedded.term import Call, term
from graphql_api.embedded.values import (
    Function,
    Selection,
    SingleSelection,
    Stream,
    TableSlice,
    Value,
    to_datum,
    wrong_value_type,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from graphql_api.embedded.ordering import SortKey

_Result = TypeVar("_Result")


def _row_function(call: Call, position: int) -> Callable[[Datum], Datum]:
    """Return an argument as a function of a row; a string names a field."""
    value = call.value(position)
    if isinstance(value, Function):
        return lambda row: to_datum(value.call(row))
    key = call.blame(position, to_datum, value)
    if isinstance(key, str):
        return lambda row: get_field(row, key)
    return lambda _: key


def _stream_and_selection(call: Call, value: Value) -> tuple[Stream, Selection | None]:
    selection = call.selection(value)
    return (selection.stream if selection else call.to_stream(0, value)), selection


def _same_kind(call: Call, stream: Stream, selection: Selection | None) -> Value:
    """Return a stream that has rows of a selection as a selection again."""
    return Selection(selection.table, stream) if selection else call.sequence(stream)


# --- filter, map ---


@term(TermType.FILTER, 2, 2, "default", forbids_writes=True)
def filter_(call: Call) -> Value:
    """Keep the rows for which a function is true, or that an object matches."""
    stream, selection = _stream_and_selection(call, call.value(0))
    predicate = call.value(1, literal_ok=True)
    if isinstance(predicate, Function):
        matches = partial(_holds, predicate)
    else:
        matches = partial(_matches, call.blame(1, to_datum, predicate))

    def transformation(row: Datum) -> Iterable[Datum]:
        try:
            return (row,) if matches(row) else ()
        except ReqlError as error:
            if error.backtrace is None:
                error.backtrace = call.arguments[1].path
            if error.type is not ErrorType.NON_EXISTENCE:
                raise
            return (row,) if _default(call, error) else ()

    determinism = call.arguments[1].determinism
    return _same_kind(
        call, stream.transformed(transformation, determinism, is_filter=True), selection
    )


def _default(call: Call, error: ReqlError) -> bool:
    """Return whether a row is kept for which the predicate needs what does not exist."""
    default = call.term.optargs.get("default")
    if default is None:
        return False
    try:
        return as_boolean(to_datum(default.eval(call.env)))
    except ReqlError as failure:
        if not failure.empty:
            raise
        raise error from None


def _holds(function: Function, row: Datum) -> bool:
    result = to_datum(function.call(row))
    if isinstance(result, dict) and function.type in (TermType.MAKE_OBJ, TermType.DATUM):
        return _matches(result, row)
    return as_boolean(result)


def _matches(predicate: Datum, row: Datum) -> bool:
    """Return whether a row has everything that an object has."""
    if not isinstance(predicate, dict):
        return as_boolean(predicate)
    if predicate.get(REQL_TYPE) == "LITERAL":
        return equal(get_field(predicate, "value"), row)
    for name, expected in predicate.items():
        if not isinstance(row, dict) or name not in row:
            raise non_existence_error(f"No attribute `{name}` in object.")
        found = row[name]
        plain = isinstance(expected, dict) and expected.get(REQL_TYPE) in (None, "LITERAL")
        same = _matches if plain and isinstance(found, dict) else equal
        if not same(expected, found):
            return False
    return True


@term(TermType.MAP, 2, None, forbids_writes=True)
def map_(call: Call) -> Value:
    """Turn rows into others; of several sequences, the function takes a row of each."""
    sequences = call.count - 1
    streams = [call.stream(position) for position in range(sequences)]
    function = call.function(sequences)
    arity = len(function.parameters)
    if arity not in (0, sequences):
        found = "sequence was" if sequences == 1 else "sequences were"
        raise logic_error(
            f"The function passed to `map` expects {arity} argument{'' if arity == 1 else 's'}, "
            f"but {sequences} {found} found."
        )
    if sequences == 1:
        determinism = call.arguments[1].determinism
        stream = streams[0].transformed(lambda row: (to_datum(function.call(row)),), determinism)
        return call.sequence(stream)
    return call.sequence(
        Stream(
            lambda: (
                to_datum(function.call(*rows))
                for rows in zip(*(stream.rows() for stream in streams), strict=False)
            ),
            is_array=all(stream.is_array for stream in streams),
        )
    )


# --- order ---


@term(TermType.ORDER_BY, 1, None, "index", name="orderby")
def order_by(call: Call) -> Value:
    """Sort by fields or functions, or by an index."""
    orders = [_order(call, position) for position in range(1, call.count)]
    value = call.value(0)
    index = call.optarg("index", as_string)
    if index is not None:
        if not isinstance(value, (Table, TableSlice)):
            raise logic_error(
                "Indexed order_by can only be performed on a TABLE or TABLE_SLICE. Make sure "
                "order_by comes before any transformations (such as map) or filters."
            )
        table_slice = _sorted_slice(call, value, index)
        if not orders:
            return table_slice
        rows = _sort_within_index(call, table_slice, index, orders)
        return Selection(table_slice.table, Stream(lambda: iter(rows)))
    if not orders:
        raise logic_error("Must specify something to order by.")
    selection = call.selection(value)
    stream = selection.stream if selection else call.to_stream(0, value)
    rows = _sorted(collect(stream, call.env.query.array_limit), orders)
    return _same_kind(call, array_stream(rows), selection)


def _order(call: Call, position: int) -> tuple[Callable[[Datum], SortKey | None], bool]:
    """Return what gives a row's sort key, and whether the order is descending."""
    argument = call.arguments[position]
    if argument.determinism.needs_tables:
        raise logic_error("Sorting by a non-deterministic function is not supported.")
    function = _row_function(call, position)

    def key(row: Datum) -> SortKey | None:
        try:
            return sort_key(function(row))
        except ReqlError as error:
            if error.type is ErrorType.NON_EXISTENCE:
                return None
            raise

    return key, argument.type == TermType.DESC


def _sorted(
    rows: list[Datum], orders: list[tuple[Callable[[Datum], SortKey | None], bool]]
) -> list[Datum]:
    # A row without a value comes first, and last if descending. Sorting by the last order first
    # is stable, and needs no comparison of several keys at once.
    for key, descending in reversed(orders):
        keyed = [(key(row), row) for row in rows]
        keyed.sort(key=cmp_to_key(_compare_keys), reverse=descending)
        rows = [row for _, row in keyed]
    return rows


def _compare_keys(left: tuple[SortKey | None, Datum], right: tuple[SortKey | None, Datum]) -> int:
    a, b = left[0], right[0]
    if a is None or b is None:
        return (a is not None) - (b is not None)
    return (a > b) - (a < b)


def _sorted_slice(call: Call, value: Table | TableSlice, index: str) -> TableSlice:
    table_slice = TableSlice(value) if isinstance(value, Table) else value
    if table_slice.sorting is not Sorting.UNORDERED:
        raise logic_error("Cannot perform multiple indexed ORDER_BYs on the same table.")
    if table_slice.index not in (None, index):
        raise logic_error(
            f"Cannot order by index `{index}` after calling BETWEEN on index `{table_slice.index}`."
        )
    index_keys(table_slice.table, index)  # it must exist
    argument = call.term.optargs.get("index")
    descending = argument is not None and argument.type == TermType.DESC
    sorting = Sorting.DESCENDING if descending else Sorting.ASCENDING
    return TableSlice(table_slice.table, index, sorting, table_slice.bounds)


def _sort_within_index(
    call: Call,
    table_slice: TableSlice,
    index: str,
    orders: list[tuple[Callable[[Datum], SortKey | None], bool]],
) -> list[Datum]:
    """Sort the rows that have the same key in an index by further orders."""
    keys = index_keys(table_slice.table, index)
    groups: list[tuple[list[SortKey], list[Datum]]] = []
    for row in table_stream(table_slice, call.transaction).rows():
        assert isinstance(row, dict)
        found = [sort_key(key) for key in keys(row)]
        if groups and groups[-1][0] == found:
            groups[-1][1].append(row)
        else:
            groups.append((found, [row]))
    return [row for _, rows in groups for row in _sorted(rows, orders)]


@term(TermType.ASC, 1, 1)
def asc(call: Call) -> Value:
    """Mark an order as ascending."""
    return call.value(0)


@term(TermType.DESC, 1, 1)
def desc(call: Call) -> Value:
    """Mark an order as descending."""
    return call.value(0)


@term(TermType.DISTINCT, 1, 1, "index")
def distinct(call: Call) -> Value:
    """Return the different rows, or the different keys of an index."""
    value = call.value(0)
    index = call.optarg("index", as_string)
    if isinstance(value, (Table, TableSlice)):
        table = value if isinstance(value, Table) else value.table
        chosen = None if isinstance(value, Table) else value.index
        name = index or table.primary_key
        if chosen in (None, name):
            return _distinct_keys(call, value, table, name, keys_only=index is not None)
    if index is not None:
        raise logic_error("Can only perform an indexed distinct on a TABLE.")
    return call.array(_distinct(call.to_stream(0, value).rows()))


def _distinct(rows: Iterable[Datum]) -> list[Datum]:
    pairs = sorted(((sort_key(row), row) for row in rows), key=lambda pair: pair[0])
    return [row for at, (key, row) in enumerate(pairs) if at == 0 or pairs[at - 1][0] != key]


def _distinct_keys(
    call: Call, value: Table | TableSlice, table: Table, index: str, *, keys_only: bool
) -> Value:
    keys = index_keys(table, index)
    stream = to_stream(value, call.transaction)
    if not keys_only:
        return Stream(lambda: iter(_distinct(stream.rows())))
    bounds = value.bounds if isinstance(value, TableSlice) else TableSlice(table).bounds

    def rows() -> Iterable[Datum]:
        for document in stream.rows():
            assert isinstance(document, dict)
            yield from (key for key in keys(document) if bounds.contains(key))

    return Stream(
        lambda: iter(_distinct(rows())), following="Cannot call `changes` after `distinct`."
    )


# --- slices ---


@term(TermType.LIMIT, 2, 2)
def limit(call: Call) -> Value:
    """Return the first rows."""
    stream, selection = _stream_and_selection(call, call.value(0))
    count = call.integer(1)
    if count < 0:
        raise logic_error(f"LIMIT takes a non-negative argument (got {count})")
    return _same_kind(call, stream.sliced(0, count), selection)


@term(TermType.SKIP, 2, 2)
def skip(call: Call) -> Value:
    """Leave out the first rows."""
    return _slice(call, call.integer(1), -1, left_open=False, right_open=False)


@term(TermType.SLICE, 2, 3, "left_bound", "right_bound")
def slice_(call: Call) -> Value:
    """Return the rows from one number up to another, or a part of a string or BINARY."""
    left_open = open_bound(call, "left_bound", default=False)
    if call.count == 2:
        return _slice(call, call.integer(1), -1, left_open=left_open, right_open=False)
    right_open = open_bound(call, "right_bound", default=True)
    return _slice(
        call, call.integer(1), call.integer(2), left_open=left_open, right_open=right_open
    )


def open_bound(call: Call, name: str, *, default: bool) -> bool:
    """Return whether a bound is open.

    Raises:
        ReqlError: The optional argument is neither "open" nor "closed".
    """
    bound = call.optarg(name, as_string)
    if bound is None:
        return default
    if bound not in ("open", "closed"):
        raise logic_error(f'Expected `open` or `closed` for optarg `{name}` (got `"{bound}"`).')
    return bound == "open"


def _slice(call: Call, left: int, right: int, *, left_open: bool, right_open: bool) -> Value:
    value = call.value(0)
    if type(value) in DATUM_TYPES or isinstance(value, SingleSelection):
        datum = to_datum(value)
        content: list[Datum] | str | bytes
        if pseudo_type(datum) == "BINARY":
            assert isinstance(datum, dict)
            content = binary_bytes(datum)
        elif isinstance(datum, (list, str)):
            content = datum
        else:
            raise call.at(
                0,
                logic_error(f"Expected ARRAY, BINARY, or STRING, but found {type_name(datum)}."),
            )
        size = len(content)
        start = _canonical(left, size, adjust=left_open)
        part = content[start : max(start, _canonical(right, size, adjust=not right_open))]
        return binary(part) if isinstance(part, bytes) else part
    stream, selection = _stream_and_selection(call, value)
    if left < 0:
        raise logic_error("Cannot use a negative left index on a stream.")
    if right < -1:
        raise logic_error("Cannot use a right index < -1 on a stream.")
    if right == -1 and right_open:
        raise logic_error("Cannot slice to an open right index of -1 on a stream.")
    stop = None if right == -1 else right + (not right_open)
    return _same_kind(call, stream.sliced(left + left_open, stop), selection)


def _canonical(index: int, size: int, *, adjust: bool) -> int:
    """Return an index counted from the start; one before the start is 0, whatever the bound."""
    if index < -size:
        return 0
    return (index if index >= 0 else size + index) + adjust


# --- aggregation ---


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
            return len(binary_bytes(datum))
        if isinstance(datum, (str, dict)):
            return len(datum)
    return sum(1 for _ in call.to_stream(0, value).rows())


def _holds_or_missing(function: Function, row: Datum) -> bool:
    try:
        return _holds(function, row)
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
    call: Call, stream: Stream, convert: Callable[[Datum], _Result]
) -> Iterable[tuple[Datum, _Result]]:
    """Yield each row with what a field or function gives for it; rows without it are left out."""
    function = _row_function(call, 1) if call.count == 2 else None
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
    if call.count == 1 and (index is not None or isinstance(value, Table)):
        if not isinstance(value, Table):
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


def _extreme_of_index(call: Call, table: Table, index: str, *, greatest: bool) -> Value:
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


# --- strings ---


@term(TermType.MATCH, 2, 2)
def match(call: Call) -> Value:
    """Search a string for a regular expression; null if it is not found."""
    text, pattern = call.string(0), call.string(1)
    try:
        found = re.search(pattern, text)
    except re.error as error:
        portion = pattern if error.pos is None else pattern[error.pos :]
        raise logic_error(
            f"Error in regexp `{pattern}` (portion `{portion}`): {error.msg}"
        ) from None
    if found is None:
        return None

    def group(at: int) -> Datum:
        if found[at] is None:
            return None
        start, end = (len(text[:offset].encode()) for offset in found.span(at))
        return {"str": found[at], "start": start, "end": end}

    whole = group(0)
    assert isinstance(whole, dict)
    return {**whole, "groups": [group(at) for at in range(1, len(found.groups()) + 1)]}
