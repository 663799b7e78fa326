"""Making and inspecting datums: arrays, literals, bounds, binary, points, types, coercion.

Source: src/rdb_protocol/terms/datum_terms.cc, type_manip.cc, obj.cc, geo.cc.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from graphql_api.embedded.datum import (
    DATUM_TYPES,
    MAXVAL,
    MINVAL,
    REQL_TYPE,
    Datum,
    Document,
    Extremum,
    as_array,
    as_string,
    encode,
    number,
    pretty_print,
    pseudo_type,
    truncated_print,
    type_name,
    typed_error,
)
from graphql_api.embedded.determinism import Determinism
from graphql_api.embedded.errors import logic_error
from graphql_api.embedded.pseudo_types import (
    binary,
    binary_bytes,
    binary_size,
    literal_error,
    sanitized,
)
from graphql_api.embedded.ql2 import TermType
from graphql_api.embedded.stored_table import Database, StoredTable
from graphql_api.embedded.streams import array_stream, collect, to_stream
from graphql_api.embedded.term import Call, term
from graphql_api.embedded.values import (
    DatumStream,
    Function,
    Selection,
    SingleSelection,
    TableSlice,
    Value,
    to_datum,
)

if TYPE_CHECKING:
    from graphql_api.embedded.catalog import Catalog
    from graphql_api.embedded.permissions import Access

_MAX_LONGITUDE = 180
_MAX_LATITUDE = 90
_NUMBER = re.compile(r"\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)


@term(TermType.MAKE_ARRAY, 0, None)
def make_array(call: Call) -> Value:
    """Return an array of the arguments."""
    return call.array([call.datum(position) for position in range(call.count)])


@term(TermType.ARGS, 1, 1)
def args(call: Call) -> Value:
    """Return an array whose elements the term around it takes as arguments."""
    return as_array(call.datum(0))


@term(TermType.LITERAL, 0, 1)
def literal(call: Call) -> Value:
    """Return what replaces, rather than merges, in `merge` and `update`."""
    if not call.literal_ok:
        raise literal_error()
    result: Document = {REQL_TYPE: "LITERAL"}
    if call.count:
        result["value"] = call.datum(0)
    return result


@term(TermType.MINVAL, 0, 0)
def minval(call: Call) -> Value:
    """Return the bound below everything."""
    del call
    return MINVAL


@term(TermType.MAXVAL, 0, 0)
def maxval(call: Call) -> Value:
    """Return the bound above everything."""
    del call
    return MAXVAL


@term(TermType.BINARY, 1, 1, name="binary")
def binary_(call: Call) -> Value:
    """Return a BINARY of a string's UTF-8, or the BINARY given."""
    value = call.datum(0)
    if pseudo_type(value) == "BINARY":
        return value
    return binary(as_string(value).encode())


@term(TermType.POINT, 2, 2)
def point(call: Call) -> Value:
    """Return the GEOMETRY of a longitude and a latitude."""
    longitude, latitude = call.number(0), call.number(1)
    if abs(longitude) > _MAX_LONGITUDE:
        raise logic_error(f"Longitude must be between -180 and 180.  Got {longitude:.20g}.")
    if abs(latitude) > _MAX_LATITUDE:
        raise logic_error(f"Latitude must be between -90 and 90.  Got {latitude:.20g}.")
    return {
        REQL_TYPE: "GEOMETRY",
        "coordinates": [longitude, latitude],
        "type": "Point",
    }


def _plain_object(call: Call) -> Document:
    value = call.datum(0)
    if isinstance(value, dict) and pseudo_type(value) is None:
        return value
    raise call.at(
        0, logic_error(f"Cannot call `{call.name}` on objects of type `{type_name(value)}`.")
    )


@term(TermType.KEYS, 1, 1)
def keys(call: Call) -> Value:
    """Return the names of an object's fields."""
    names: list[Datum] = [*sorted(_plain_object(call))]
    return names


@term(TermType.VALUES, 1, 1)
def values(call: Call) -> Value:
    """Return the values of an object's fields, in the order of their names."""
    fields = _plain_object(call)
    return [fields[name] for name in sorted(fields)]


_TYPE_NAMES: dict[type, str] = {
    Database: "DB",
    StoredTable: "TABLE",
    TableSlice: "TABLE_SLICE",
    DatumStream: "STREAM",
    SingleSelection: "SELECTION<OBJECT>",
    Function: "FUNCTION",
}
_DATUM_TYPE_NAMES = frozenset(
    {"NULL", "BINARY", "BOOL", "NUMBER", "STRING", "ARRAY", "OBJECT", "MINVAL", "MAXVAL"}
)
_KNOWN_TYPES = {
    *_TYPE_NAMES.values(),
    *_DATUM_TYPE_NAMES,
    "SELECTION<STREAM>",
    "SELECTION<ARRAY>",
    "DATUM",
    "GROUPED_DATA",
}


def _name_of_type(value: Value) -> str:
    if isinstance(value, Selection):
        return "SELECTION<ARRAY>" if value.stream.is_array else "SELECTION<STREAM>"
    if type(value) in DATUM_TYPES:
        return type_name(to_datum(value))
    return _TYPE_NAMES[type(value)]


@term(TermType.TYPE_OF, 1, 1, name="typeof")
def type_of(call: Call) -> Value:
    """Return the name of a value's type."""
    return _name_of_type(call.value(0))


@term(TermType.COERCE_TO, 2, 2)
def coerce_to(call: Call) -> Value:
    """Return a value as one of another type."""
    value = call.value(0)
    target = call.string(1).upper()
    if target not in _KNOWN_TYPES:
        raise logic_error(f"Unknown Type: {target}")
    if isinstance(value, SingleSelection):
        if target == "SELECTION<OBJECT>":
            return value
        value = value.read()
    if type(value) in DATUM_TYPES:
        return _coerce_datum(call, to_datum(value), target)
    source = _name_of_type(value)
    if target == source or _converts_to(value, target):
        return value
    if target == "BOOL":
        return True
    if isinstance(value, (Database, Function)):
        raise call.at(0, logic_error(f"Cannot coerce {source} to {target}."))
    return _coerce_stream(call, to_stream(value, call.transaction), source, target)


def _coerce_datum(call: Call, value: Datum, target: str) -> Value:
    source = _internal_type(value)
    if target in (source, "DATUM"):
        return value
    if target == "BOOL":
        return value is not None
    if target in _DATUM_TYPE_NAMES:
        converted = _convert(call, value, source, target)
        if converted is not None:
            return converted
    if isinstance(value, list):
        return _coerce_stream(call, array_stream(value), source, target)
    raise call.at(0, typed_error(value, f"Cannot coerce {source} to {target}."))


def _coerce_stream(call: Call, stream: DatumStream, source: str, target: str) -> Value:
    if target in ("ARRAY", "DATUM"):
        return collect(stream, call.env.query.array_limit)
    if target == "OBJECT":
        return _object_of_pairs(stream)
    if target == "STREAM":
        return replace(stream, is_array=False)
    raise call.at(0, logic_error(f"Cannot coerce {source} to {target}."))


def _internal_type(value: Datum) -> str:
    # Of the pseudo-types only BINARY is a type of its own here; a TIME is an OBJECT.
    if isinstance(value, dict):
        return "BINARY" if pseudo_type(value) == "BINARY" else "OBJECT"
    return type_name(value)


def _converts_to(value: Value, target: str) -> bool:
    if isinstance(value, (StoredTable, TableSlice)):
        return target in ("TABLE_SLICE", "SELECTION<STREAM>", "STREAM")
    return isinstance(value, Selection) and target in ("SELECTION<STREAM>", "STREAM")


def _convert(call: Call, value: Datum, source: str, target: str) -> Datum:
    """Convert a datum to another type of datum; `None` if this is not how it is done."""
    if source == "BINARY" and target == "STRING":
        assert isinstance(value, dict)
        try:
            return binary_bytes(value).decode()
        except UnicodeDecodeError as error:
            raise logic_error(
                f"String (truncated) is not a UTF-8 string; {error.reason} at position "
                f"{error.start}."
            ) from None
    if source == "STRING" and target == "BINARY":
        return binary(as_string(value).encode())
    if target == "STRING":
        return encode(value).decode()
    if source == "OBJECT" and target == "ARRAY":
        assert isinstance(value, dict)
        return call.array([[name, value[name]] for name in sorted(value)])
    if source == "STRING" and target == "NUMBER":
        text = as_string(value)
        if _NUMBER.fullmatch(text) is None:
            raise logic_error(f"Could not coerce `{text}` to NUMBER.")
        return number(float(text))
    return None


def _object_of_pairs(stream: DatumStream) -> Document:
    result: Document = {}
    for pair in stream.rows():
        items = as_array(pair)
        if len(items) != 2:
            raise logic_error(f"Expected array of size 2, but got size {len(items)}.")
        name = as_string(items[0])
        if name in result:
            raise logic_error(
                f"Duplicate key {pretty_print(name)} in coerced object.  "
                f"(got {truncated_print(result[name])} and {truncated_print(items[1])} as values)"
            )
        result[name] = items[1]
    return sanitized(result)


@term(TermType.INFO, 1, 1, determinism=Determinism.NO)
def info(call: Call) -> Value:
    """Describe a value."""
    return _info(call.value(0), call.env.query.catalog, call.transaction.access)


def _info(value: Value, catalog: Catalog, access: Access) -> Document:
    result: Document = {"type": _name_of_type(value)}
    if isinstance(value, Database):
        result.update(name=value.name, id=value.id)
    elif isinstance(value, StoredTable):
        access.require_read(value)
        result.update(
            db=_info(catalog.database(value.database), catalog, access),
            name=value.name,
            primary_key=value.primary_key,
            id=value.id,
            doc_count_estimates=[len(value.documents)],
            indexes=[*sorted(value.indexes)],
        )
    elif isinstance(value, TableSlice):
        result.update(table=_info(value.table, catalog, access), index=value.index)
        result["sorting"] = value.sorting.name
        result.update(_bound("left", value.bounds.left, MINVAL, value.bounds.left_open))
        result.update(_bound("right", value.bounds.right, MAXVAL, value.bounds.right_open))
    elif isinstance(value, (Selection, SingleSelection)):
        result["table"] = _info(value.table, catalog, access)
    elif isinstance(value, (DatumStream, Function)) or value is None or isinstance(value, Extremum):
        pass
    else:
        result["value"] = pretty_print(value)
        if pseudo_type(value) == "BINARY":
            assert isinstance(value, dict)
            result["count"] = binary_size(value)
    return result


def _bound(side: str, bound: Datum, unbounded: Extremum, is_open: bool) -> Document:
    if bound is unbounded:
        return {f"{side}_bound_type": "unbounded"}
    if isinstance(bound, Extremum):
        return {f"{side}_bound_type": "unachievable"}
    return {f"{side}_bound": bound, f"{side}_bound_type": "open" if is_open else "closed"}
