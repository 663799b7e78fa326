"""Rows of a sequence one by one, and parts of a sequence.

Source: src/rdb_protocol/terms/seq.cc, arr.cc; func.cc for `filter`.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from graphql_api.embedded.datum import (
    DATUM_TYPES,
    REQL_TYPE,
    Datum,
    as_boolean,
    as_string,
    get_field,
    pseudo_type,
    type_name,
)
from graphql_api.embedded.errors import ErrorType, ReqlError, logic_error, non_existence_error
from graphql_api.embedded.ordering import equal
from graphql_api.embedded.pseudo_types import binary, binary_part, binary_size
from graphql_api.embedded.ql2 import TermType
from graphql_api.embedded.term import Call, term
from graphql_api.embedded.values import (
    DatumStream,
    Function,
    Selection,
    SingleSelection,
    Value,
    to_datum,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


def row_function(call: Call, position: int) -> Callable[[Datum], Datum]:
    """Return an argument as a function of a row; a string names a field."""
    value = call.value(position)
    if isinstance(value, Function):
        return lambda row: to_datum(value.call(row))
    key = call.blame(position, to_datum, value)
    if isinstance(key, str):
        return lambda row: get_field(row, key)
    return lambda _: key


def stream_and_selection(call: Call, value: Value) -> tuple[DatumStream, Selection | None]:
    """Return the first argument's value as a stream, and as a selection if it is one."""
    selection = call.selection(value)
    return (selection.stream if selection else call.to_stream(0, value)), selection


def same_kind(call: Call, stream: DatumStream, selection: Selection | None) -> Value:
    """Return a stream that has rows of a selection as a selection again."""
    return Selection(selection.table, stream) if selection else call.sequence(stream)


@term(TermType.FILTER, 2, 2, "default", forbids_writes=True)
def filter_(call: Call) -> Value:
    """Keep the rows for which a function is true, or that an object matches."""
    stream, selection = stream_and_selection(call, call.value(0))
    predicate = call.value(1, literal_ok=True)
    if isinstance(predicate, Function):
        matches = partial(holds, predicate)
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
    return same_kind(
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


def holds(function: Function, row: Datum) -> bool:
    """Return whether a function is true for a row, or gives an object that the row matches."""
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
        DatumStream(
            lambda: (
                to_datum(function.call(*rows))
                for rows in zip(*(stream.rows() for stream in streams), strict=False)
            ),
            is_array=all(stream.is_array for stream in streams),
        )
    )


@term(TermType.LIMIT, 2, 2)
def limit(call: Call) -> Value:
    """Return the first rows."""
    stream, selection = stream_and_selection(call, call.value(0))
    count = call.integer(1)
    if count < 0:
        raise logic_error(f"LIMIT takes a non-negative argument (got {count})")
    return same_kind(call, stream.sliced(0, count), selection)


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

        def bounds(size: int) -> tuple[int, int]:
            start = _canonical(left, size, adjust=left_open)
            return start, max(start, _canonical(right, size, adjust=not right_open))

        if pseudo_type(datum) == "BINARY":
            assert isinstance(datum, dict)
            return binary(binary_part(datum, *bounds(binary_size(datum))))
        if isinstance(datum, (list, str)):
            return datum[slice(*bounds(len(datum)))]
        raise call.at(
            0, logic_error(f"Expected ARRAY, BINARY, or STRING, but found {type_name(datum)}.")
        )
    stream, selection = stream_and_selection(call, value)
    if left < 0:
        raise logic_error("Cannot use a negative left index on a stream.")
    if right < -1:
        raise logic_error("Cannot use a right index < -1 on a stream.")
    if right == -1 and right_open:
        raise logic_error("Cannot slice to an open right index of -1 on a stream.")
    stop = None if right == -1 else right + (not right_open)
    return same_kind(call, stream.sliced(left + left_open, stop), selection)


def _canonical(index: int, size: int, *, adjust: bool) -> int:
    """Return an index counted from the start; one before the start is 0, whatever the bound."""
    if index < -size:
        return 0
    return (index if index >= 0 else size + index) + adjust
