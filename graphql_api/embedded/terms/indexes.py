"""Terms on secondary indexes.

An index is by the field of its name, or by a function; `multi` indexes a document under each
element of an array. Geospatial indexes are not offered.

Source: src/rdb_protocol/terms/sindex.cc.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from graphql_api.embedded.compiler import compile_query
from graphql_api.embedded.datum import Datum, Document, Extremum, as_boolean, encode, pseudo_type
from graphql_api.embedded.determinism import Determinism
from graphql_api.embedded.environment import Env, QueryContext
from graphql_api.embedded.errors import ReqlError, logic_error, op_failed_error
from graphql_api.embedded.pseudo_types import binary, from_json, time
from graphql_api.embedded.ql2 import TermType
from graphql_api.embedded.stored_table import Index, StoredTable
from graphql_api.embedded.term import Call, term
from graphql_api.embedded.transaction import Transaction
from graphql_api.embedded.values import Function, Value, to_datum, wrong_value_type

if TYPE_CHECKING:
    from collections.abc import Callable

    from graphql_api.embedded.catalog import Catalog

_STATUS_PREFIX = b"$reql_index_function$"
_FIELD_FUNCTION_HEADER = b"\t\x07\x07\x07\0\0\0\0\0\0\x01\xed\xff\xff\xff\xff\xff\xff\xff"
_FIELD_FUNCTION_VARIABLE = 19


def build_index(name: str, definition: Document, catalog: Catalog) -> Index:
    """Return an index made of what the data file holds of it.

    Args:
        name: Its name.
        definition: `function` (a raw FUNC term, or null) and `multi`.
        catalog: What a function needs to run in, though it does not read tables.
    """
    raw = definition["function"]
    value: Callable[[Document], Datum]
    if raw is None:
        value = _field(name)
    else:
        context = QueryContext(catalog, Transaction(), time(0))
        function = compile_query(raw).eval(Env(context))
        assert isinstance(function, Function)
        value = _value_of(function)
    multi = as_boolean(definition["multi"])

    def keys(document: Document) -> list[Datum]:
        found = value(document)
        if multi and isinstance(found, list):
            return [key for key in found if _is_key(key)]
        return [found] if _is_key(found) else []

    return Index(name, definition, keys)


def _field(name: str) -> Callable[[Document], Datum]:
    return lambda document: document.get(name)


def _value_of(function: Function) -> Callable[[Document], Datum]:
    def value(document: Document) -> Datum:
        try:
            return to_datum(function.call(document))
        except ReqlError:
            return None  # a document for which the function fails is not in the index

    return value


def _is_key(value: Datum) -> bool:
    if isinstance(value, dict):
        return pseudo_type(value) in ("TIME", "BINARY")
    if isinstance(value, list):
        return all(map(_is_key, value))
    return value is not None and not isinstance(value, Extremum)


@term(TermType.INDEX_CREATE, 2, 3, "multi", determinism=Determinism.NO, writes=True)
def index_create(call: Call) -> Value:
    """Create an index."""
    table, name = call.table(0), call.string(1)
    if name == table.primary_key:
        raise logic_error(f"Index name conflict: `{name}` is the name of the primary key.")
    raw: Datum = None
    if call.count == 3:
        _check_function(call)
        raw = from_json(call.term.sources[2])
    multi = call.flag("multi")
    catalog = call.env.query.catalog
    call.transaction.access.require_table_config(table)
    index = build_index(name, {"function": raw, "multi": multi}, catalog)
    catalog.commit_now(call.transaction)
    catalog.create_index(table, index)
    return {"created": 1}


def _check_function(call: Call) -> None:
    value = call.value(2)
    if isinstance(value, dict) and pseudo_type(value) == "BINARY":
        raise call.at(
            2,
            logic_error(
                "Cannot create an sindex except from a reql_index_function returned from "
                "`index_status` in the field `function`."
            ),
        )
    if not isinstance(value, Function):
        raise call.at(2, wrong_value_type(value, "FUNCTION"))
    if call.arguments[2].determinism is not Determinism.ALWAYS:
        raise call.at(
            2,
            logic_error(
                "Could not prove function deterministic.  Index functions must be deterministic."
            ),
        )


@term(TermType.INDEX_DROP, 2, 2, determinism=Determinism.NO, writes=True)
def index_drop(call: Call) -> Value:
    """Drop an index."""
    table, name = call.table(0), call.string(1)
    call.transaction.access.require_table_config(table)
    call.env.query.catalog.commit_now(call.transaction)
    call.env.query.catalog.drop_index(table, name)
    return {"dropped": 1}


@term(TermType.INDEX_LIST, 1, 1, determinism=Determinism.NO)
def index_list(call: Call) -> Value:
    """Return the names of a table's indexes."""
    names: list[Datum] = [*sorted(call.table(0).indexes)]
    return names


@term(TermType.INDEX_STATUS, 1, None, determinism=Determinism.NO)
def index_status(call: Call) -> Value:
    """Describe indexes: those named, or all."""
    return _statuses(call)


@term(TermType.INDEX_WAIT, 1, None, determinism=Determinism.NO, writes=True)
def index_wait(call: Call) -> Value:
    """Wait for indexes to be ready, which they always are, and describe them."""
    return _statuses(call)


def _statuses(call: Call) -> list[Datum]:
    table = call.table(0)
    names = {call.string(position) for position in range(1, call.count)}
    for name in sorted(names - set(table.indexes)):
        raise op_failed_error(f"Index `{name}` was not found on table `{table.display_name}`.")
    return [_status(table, name) for name in sorted(names or table.indexes)]


def _status(table: StoredTable, name: str) -> Document:
    definition = table.indexes[name].definition
    multi = as_boolean(definition["multi"])
    if definition["function"] is None:
        variable = _FIELD_FUNCTION_VARIABLE
        function = f'function(_var{variable}) {{ return _var{variable}.getField("{name}"); }}'
    else:
        function = "non-printable function"
    return {
        "function": binary(_function_blob(name, definition)),
        "geo": False,
        "index": name,
        "multi": multi,
        "outdated": False,
        "query": f"indexCreate('{name}', {function}{', {multi: true}' if multi else ''})",
        "ready": True,
    }


def _function_blob(name: str, definition: Document) -> bytes:
    """Return what a RethinkDB shows of an index's function: for clients it is opaque."""
    if definition["function"] is not None or definition["multi"]:
        return _STATUS_PREFIX + encode(definition)
    body = encode([31, [[10, [[1, -_FIELD_FUNCTION_VARIABLE, 0]], 0], [1, name, 0]], 0]) + b"\0"
    length = len(body).to_bytes(4, "little")
    return _STATUS_PREFIX + _FIELD_FUNCTION_HEADER + length + body + bytes(6)
