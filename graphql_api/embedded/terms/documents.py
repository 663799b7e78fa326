"""Terms that take an object or, for each of its elements, a sequence of objects.

Source: src/rdb_protocol/terms/obj_or_seq.cc, arr.cc (`nth_term_impl`).
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING

from graphql_api.embedded.datum import (
    DATUM_TYPES,
    Datum,
    as_integer,
    get_field,
    pseudo_type,
    truncated_print,
    type_name,
    typed_error,
)
from graphql_api.embedded.determinism import Determinism
from graphql_api.embedded.errors import ErrorType, ReqlError, logic_error, non_existence_error
from graphql_api.embedded.merge import merge
from graphql_api.embedded.pathspec import has_all, parse_paths, project, unproject
from graphql_api.embedded.ql2 import TermType
from graphql_api.embedded.term import Call, term
from graphql_api.embedded.values import (
    Function,
    Selection,
    SingleSelection,
    Value,
    print_value,
    to_datum,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


class _Poly(Enum):
    """The function of a term for objects, on an object or a sequence of objects."""

    MAP = 0
    FILTER = 1
    SKIP_MAP = 2
    """Map, leaving out what does not exist."""


def _object_or_sequence(
    call: Call, poly: _Poly, value: Value, convert: Callable[[Datum], Datum]
) -> Value:
    """Apply a term to an object, or to the objects of a sequence.

    Args:
        call: The term.
        poly: What it does on a sequence.
        value: Its first argument.
        convert: What it does to an object.
    """
    datum = None
    is_datum = type(value) in DATUM_TYPES or isinstance(value, SingleSelection)
    if is_datum:
        datum = to_datum(value)
        if isinstance(datum, dict) and pseudo_type(datum) != "BINARY":
            _refuse_pseudo_type(call, datum, 0)
            return convert(datum)
    if isinstance(datum, list) or not (is_datum or isinstance(value, Function)):
        return _over_sequence(call, poly, value, convert)
    shown = truncated_print(datum) if is_datum else print_value(value)
    message = f"Cannot perform {call.name} on a non-object non-sequence `{shown}`."
    raise call.at(0, typed_error(datum, message) if is_datum else logic_error(message))


def _refuse_pseudo_type(call: Call, datum: Datum, position: int | None) -> None:
    if pseudo_type(datum) is not None:
        error = logic_error(f"Cannot call `{call.name}` on objects of type `{type_name(datum)}`.")
        raise error if position is None else call.at(position, error)


def _over_sequence(
    call: Call, poly: _Poly, value: Value, convert: Callable[[Datum], Datum]
) -> Value:
    path = call.term.path

    def element(row: Datum) -> Datum:
        # As if the term were called on the element: an error is this term's.
        try:
            if isinstance(row, list):
                raise logic_error(f"Cannot perform {call.name} on a sequence of sequences.")
            if not isinstance(row, dict) or pseudo_type(row) == "BINARY":
                raise typed_error(
                    row,
                    f"Cannot perform {call.name} on a non-object non-sequence "
                    f"`{truncated_print(row)}`.",
                )
            _refuse_pseudo_type(call, row, None)
            return convert(row)
        except ReqlError as error:
            if error.backtrace is None:
                error.backtrace = path
            raise

    def transformation(row: Datum) -> Iterable[Datum]:
        if poly is _Poly.MAP:
            return (element(row),)
        try:
            result = element(row)
        except ReqlError as error:
            if error.type is ErrorType.NON_EXISTENCE:
                return ()
            raise
        if poly is _Poly.FILTER:
            return (row,) if result else ()
        return () if result is None and poly is _Poly.SKIP_MAP else (result,)

    selection = call.selection(value) if poly is _Poly.FILTER else None
    stream = selection.stream if selection else call.to_stream(0, value)
    result = stream.transformed(transformation, _determinism(call))
    return Selection(selection.table, result) if selection else call.sequence(result)


def _determinism(call: Call) -> Determinism:
    others = (argument.determinism for argument in call.arguments[1:])
    return max(others, default=Determinism.ALWAYS)


@term(TermType.GET_FIELD, 2, 2, "_NO_RECURSE_")
def get_field_(call: Call) -> Value:
    """Return a field of an object, or the array of that field of a sequence's objects."""
    value = call.value(0)
    return _object_or_sequence(
        call, _Poly.SKIP_MAP, value, lambda row: get_field(row, call.string(1))
    )


@term(TermType.BRACKET, 2, 2, "_NO_RECURSE_")
def bracket(call: Call) -> Value:
    """Return a field by name, or an element by number."""
    value, key = call.value(0), call.datum(1)
    if isinstance(key, str):
        return _object_or_sequence(call, _Poly.SKIP_MAP, value, lambda row: get_field(row, key))
    if isinstance(key, (int, float)) and not isinstance(key, bool):
        return nth_element(call, value, call.blame(1, as_integer, key))
    raise typed_error(
        key,
        f"Expected NUMBER or STRING as second argument to `{call.name}` but found "
        f"{type_name(key)}.",
    )


def nth_element(call: Call, value: Value, index: int) -> Value:
    """Return an element of an array or stream; negative numbers count from the end.

    Raises:
        ReqlError: There is no such element, or it would have to be counted from a stream's end.
    """
    if type(value) in DATUM_TYPES or isinstance(value, SingleSelection):
        array = to_datum(value)
        if not isinstance(array, list):
            raise typed_error(array, f"Expected type ARRAY but found {type_name(array)}.")
        if not -len(array) <= index < len(array):
            raise non_existence_error(f"Index out of bounds: {index}")
        return array[index]
    selection = call.selection(value)
    stream = selection.stream if selection else call.to_stream(0, value)
    if index < -1:
        raise logic_error(f"Cannot use an index < -1 ({index}) on a stream.")
    found = False
    element: Datum = None
    for position, row in enumerate(stream.rows()):
        found, element = index in (-1, position), row
        if index == position:
            break
    if not found:
        raise non_existence_error(f"Index out of bounds: {index}")
    if selection is None:
        return element
    table = selection.table
    return SingleSelection(table, lambda: element, get_field(element, table.primary_key))


@term(TermType.NTH, 2, 2)
def nth(call: Call) -> Value:
    """Return an element by number."""
    return nth_element(call, call.value(0), call.integer(1))


def _paths(call: Call) -> list[Datum]:
    return [call.datum(position) for position in range(1, call.count)]


@term(TermType.PLUCK, 1, None, "_NO_RECURSE_")
def pluck(call: Call) -> Value:
    """Keep the given paths only."""
    value, paths = call.value(0), parse_paths(_paths(call))
    return _object_or_sequence(call, _Poly.MAP, value, lambda row: project(row, paths))


@term(TermType.WITHOUT, 1, None, "_NO_RECURSE_")
def without(call: Call) -> Value:
    """Leave out the given paths."""
    value, paths = call.value(0), parse_paths(_paths(call))
    return _object_or_sequence(call, _Poly.MAP, value, lambda row: unproject(row, paths))


@term(TermType.HAS_FIELDS, 1, None, "_NO_RECURSE_")
def has_fields(call: Call) -> Value:
    """Return whether an object has the given paths, or keep those of a sequence that have."""
    value, paths = call.value(0), parse_paths(_paths(call))
    return _object_or_sequence(call, _Poly.FILTER, value, lambda row: has_all(row, paths))


@term(TermType.MERGE, 1, None, "_NO_RECURSE_")
def merge_(call: Call) -> Value:
    """Merge objects, from left to right."""
    value = call.value(0)
    others = [call.value(position, literal_ok=True) for position in range(1, call.count)]

    def merged(row: Datum) -> Datum:
        for position, other in enumerate(others, start=1):
            if isinstance(other, Function):
                right = to_datum(other.call(row, literal_ok=True))
            else:
                right = call.blame(position, to_datum, other)
            pseudo = pseudo_type(right)
            if pseudo not in (None, "LITERAL", "BINARY"):
                raise call.at(
                    position, logic_error(f"Cannot merge objects of type `{type_name(right)}`.")
                )
            row = merge(row, right)
        return row

    return _object_or_sequence(call, _Poly.MAP, value, merged)
