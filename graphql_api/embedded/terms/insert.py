"""Inserting documents, and what becomes of one whose key is taken.

Source: src/rdb_protocol/terms/writes.cc; val.cc, `batched_insert`.
"""

from __future__ import annotations

import uuid
from bisect import bisect_left
from enum import Enum
from typing import TYPE_CHECKING

from graphql_api.embedded.datum import (
    DATUM_TYPES,
    Datum,
    Document,
    as_object,
    as_string,
    pretty_print,
    type_name,
    typed_error,
)
from graphql_api.embedded.determinism import Determinism
from graphql_api.embedded.errors import ReqlError, logic_error, op_failed_error
from graphql_api.embedded.merge import merge
from graphql_api.embedded.ordering import sort_key
from graphql_api.embedded.primary_key import primary_key
from graphql_api.embedded.ql2 import TermType
from graphql_api.embedded.term import Call, term
from graphql_api.embedded.terms.write_options import (
    parse_durability,
    read_return_changes,
    set_durability,
)
from graphql_api.embedded.values import Function, SingleSelection, Value, to_datum
from graphql_api.embedded.writer import ReturnChanges, ReturnedChange, RowWriter

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from graphql_api.embedded.environment import Term
    from graphql_api.embedded.ordering import SortKey


class _Conflict(Enum):
    ERROR = "error"
    REPLACE = "replace"
    UPDATE = "update"


@term(
    TermType.INSERT,
    2,
    2,
    "conflict",
    "durability",
    "return_vals",
    "return_changes",
    "ignore_write_hook",
    determinism=Determinism.NO,
    writes=True,
    forbids_writes=True,
)
def insert(call: Call) -> Value:
    """Insert one document, or those of a sequence."""
    table = call.table(0)
    return_changes = read_return_changes(call)
    found = call.optarg_term("conflict")
    conflict = _Conflict.ERROR if found is None else _conflict(call, found)
    set_durability(call, table, call.optarg("durability", parse_durability))
    if found is not None and isinstance(conflict, Function):
        _check_conflict_function(found, conflict)
    value = call.value(1)
    rows: Iterable[Datum]
    if type(value) in DATUM_TYPES or isinstance(value, SingleSelection):
        datum = to_datum(value)
        if isinstance(datum, dict) and type_name(datum) != "PTYPE<BINARY>":
            rows = (datum,)
        elif isinstance(datum, list):
            rows = datum
        else:
            # Not the argument's error but this term's, as RethinkDB has it.
            raise typed_error(datum, f"Cannot convert {type_name(datum)} to SEQUENCE")
    else:
        rows = list(call.to_stream(1, value).rows())
    return _insert_rows(RowWriter(call, table, return_changes), rows, conflict)


def _conflict(call: Call, found: Term) -> _Conflict | Function:
    value = found.eval(call.env)
    if isinstance(value, Function):
        return value
    try:
        return _parse_conflict(to_datum(value))
    except ReqlError as error:
        error.backtrace = error.backtrace or found.path
        raise


def _check_conflict_function(found: Term, function: Function) -> None:
    if found.determinism.needs_tables:
        raise logic_error("The conflict function passed to `insert` must be deterministic.")
    if len(function.parameters) not in (0, 3):
        raise logic_error("The conflict function passed to `insert` should expect 3 arguments.")


def _parse_conflict(value: Datum) -> _Conflict:
    name = as_string(value)
    try:
        return _Conflict(name)
    except ValueError:
        raise logic_error(
            f'Conflict option `{name}` unrecognized (options are "error", "replace" and "update").'
        ) from None


def _insert_rows(
    writer: RowWriter, rows: Iterable[Datum], conflict: _Conflict | Function
) -> Document:
    name = writer.table.primary_key
    refused: list[str] = []
    given: list[Datum | ReqlError] = []  # each row's key, or why it was refused
    accepted: list[tuple[str, Datum, bool]] = []
    for row in rows:
        new, generated = row, False
        if isinstance(new, dict) and type_name(new) != "PTYPE<BINARY>" and name not in new:
            key = str(uuid.uuid4())
            new, generated = {**new, name: key}, True
            writer.stats.add_generated_key(key)
        try:
            given_key = as_object(new)[name]
            text = primary_key(given_key)
        except ReqlError as error:
            given.append(error)
            refused.append(error.message)
        else:
            given.append(given_key)
            accepted.append((text, new, generated))
    for text, new, generated in accepted:
        writer.write(text, _resolution(name, new, conflict), generated_key=generated)
    if given and writer.return_changes is not ReturnChanges.NO:
        writer.stats.changes = _insert_changes(writer, given)
    return writer.result(refused, writer.order(scanned=False) if writer.errors else ())


def _insert_changes(writer: RowWriter, given: list[Datum | ReqlError]) -> list[Datum]:
    """Return the changes of an insert, in the order of its rows, as `batched_insert` has it.

    Each row takes the first change that is left whose key is not less than the row's own. So a row
    without a change of its own, one that failed for instance, takes that of a row with a greater
    key. If no row could be written, only the first one's error is reported.
    """
    name = writer.table.primary_key
    if all(isinstance(key, ReqlError) for key in given):
        given = given[:1]
    left: list[tuple[SortKey, int]] = []
    for position, change in writer.changes.items():
        assert isinstance(change.keyed, dict)
        left.append((sort_key(change.keyed[name]), position))
    left.sort()
    changes: list[Datum] = []
    for key in given:
        if isinstance(key, ReqlError):
            changes.append(ReturnedChange(None, None, None, key.message).document())
            continue
        at = bisect_left(left, (sort_key(key), -1))
        if at < len(left):
            _, position = left.pop(at)
            changes.append(writer.changes[position].document())
    return changes


def _resolution(
    name: str, row: Datum, conflict: _Conflict | Function
) -> Callable[[Document | None], Datum]:
    def resolve(old: Document | None) -> Datum:
        if old is None or conflict is _Conflict.REPLACE:
            return row
        if conflict is _Conflict.UPDATE:
            return merge(old, row)
        if isinstance(conflict, Function):
            return to_datum(conflict.call(name, old, row))
        raise op_failed_error(
            f"Duplicate primary key `{name}`:\n{pretty_print(old)}\n{pretty_print(row)}"
        )

    return resolve
