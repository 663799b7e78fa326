"""Writing documents.

A write computes, row by row, what a document becomes; an error of one row is counted in the
result and does not stop the others.

Source: src/rdb_protocol/terms/writes.cc, rewrites.cc; val.cc, `batched_insert`.
"""

from __future__ import annotations

import uuid
from bisect import bisect_left
from dataclasses import dataclass
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
from graphql_api.embedded.table import Table
from graphql_api.embedded.term import Call, term
from graphql_api.embedded.terms.tables import parse_durability
from graphql_api.embedded.values import (
    Function,
    SingleSelection,
    Value,
    to_datum,
    wrong_value_type,
)
from graphql_api.embedded.writer import Change, ReturnChanges, Writer, no_primary_key

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from graphql_api.embedded.environment import Term
    from graphql_api.embedded.ordering import SortKey


def _return_changes(call: Call) -> ReturnChanges:
    if call.optarg_term("return_vals") is not None:
        raise logic_error(
            "Error: encountered obsolete optarg `return_vals`.  Use `return_changes` instead."
        )
    return call.optarg("return_changes", _parse_return_changes) or ReturnChanges.NO


def _parse_return_changes(value: Datum) -> ReturnChanges:
    if isinstance(value, str):
        if value != "always":
            raise logic_error(
                f"Invalid return_changes value `{value}` (options are `true`, `false`, and "
                "`'always'`.)"
            )
        return ReturnChanges.ALWAYS
    return ReturnChanges.YES if value is not None and value is not False else ReturnChanges.NO


def _set_durability(call: Call, table: Table, durability: str | None) -> None:
    hard = (durability or table.durability) == "hard"
    call.transaction.hard = call.transaction.hard or hard


# --- insert ---


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
    return_changes = _return_changes(call)
    found = call.optarg_term("conflict")
    conflict = _Conflict.ERROR if found is None else _conflict(call, found)
    _set_durability(call, table, call.optarg("durability", parse_durability))
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
    return _insert_rows(Writer(call, table, return_changes), rows, conflict)


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


def _insert_rows(writer: Writer, rows: Iterable[Datum], conflict: _Conflict | Function) -> Document:
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


def _insert_changes(writer: Writer, given: list[Datum | ReqlError]) -> list[Datum]:
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
            changes.append(Change(None, None, None, key.message).document())
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


# --- update, replace, delete ---


def _replace_all(
    call: Call, options: _ReplaceOptions, replace: Callable[[Document | None], Datum]
) -> Document:
    """Replace the documents that the first argument selects."""
    value = call.value(0)
    selected: list[tuple[str, Document | None]]
    scanned = False
    if isinstance(value, SingleSelection):
        table = value.table
        selected = [(primary_key(value.key), None)]
        if options.precomputed:
            found = value.read()
            assert found is None or isinstance(found, dict)
            selected = [(primary_key(value.key), found)]
    else:
        selection = call.selection(value)
        if selection is None:
            raise call.at(0, wrong_value_type(value, "SELECTION"))
        table = selection.table
        scanned = selection.is_scan
        # All rows are chosen before the first is written, which might change what is chosen.
        selected = [
            (primary_key(row[table.primary_key]), row)
            for row in selection.stream.rows()
            if isinstance(row, dict)
        ]
    _set_durability(call, table, options.durability)
    writer = Writer(call, table, options.return_changes)
    refused: list[str] = []
    if options.precomputed:
        refused = _replace_by_values(writer, selected, replace)
    else:
        for key, _ in selected:
            writer.write(key, replace)
    reported = len(writer.changes) + len(writer.errors)
    order: Iterable[int] = range(len(writer.keys))
    if reported > 1:
        order = writer.order(scanned=scanned)
    if selected and options.return_changes is not ReturnChanges.NO:
        writer.stats.changes = [
            writer.changes[position].document() for position in order if position in writer.changes
        ]
    return writer.result(refused, order)


def _replace_by_values(
    writer: Writer,
    selected: list[tuple[str, Document | None]],
    replace: Callable[[Document | None], Datum],
) -> list[str]:
    """Compute every new document before the first is written, and return the errors.

    RethinkDB does so for a function that it cannot run where the document is (`non_atomic`); such
    a function cannot delete (val.cc, `batched_replace`).
    """
    name = writer.table.primary_key
    refused: list[str] = []
    computed: list[tuple[str, Datum]] = []
    for key, old in selected:
        try:
            new = as_object(replace(old))
            if name not in new:
                raise no_primary_key(name, new)
            if primary_key(new[name]) != key:
                raise logic_error(
                    f"Primary key `{name}` cannot be changed (`{pretty_print(old)}` -> "
                    f"`{pretty_print(new)}`)."
                )
        except ReqlError as error:
            refused.append(error.message)
        else:
            computed.append((key, new))
    for key, value in computed:
        writer.write(key, lambda _, new=value: new)  # type: ignore[misc]
    return refused


@dataclass(frozen=True, slots=True)
class _ReplaceOptions:
    """The optional arguments of `update`, `replace` and `delete`.

    Attributes:
        return_changes: `return_changes`.
        durability: `durability`.
        precomputed: Whether the new documents are computed before the first is written.
    """

    return_changes: ReturnChanges
    durability: str | None
    precomputed: bool


def _replace_options(call: Call, *, function: bool) -> _ReplaceOptions:
    """Read the optional arguments, in RethinkDB's order.

    Args:
        call: The call.
        function: Whether the second argument says what a document becomes.
    """
    non_atomic = call.flag("non_atomic")
    return_changes = _return_changes(call)
    durability = call.optarg("durability", parse_durability)
    needs_tables = function and call.arguments[1].determinism.needs_tables
    if needs_tables and not non_atomic:
        raise logic_error(
            "Could not prove argument deterministic.  Maybe you want to use the non_atomic flag?"
        )
    return _ReplaceOptions(return_changes, durability, needs_tables)


_REPLACE_OPTARGS = (
    "non_atomic",
    "durability",
    "return_vals",
    "return_changes",
    "ignore_write_hook",
)


@term(
    TermType.UPDATE,
    2,
    2,
    *_REPLACE_OPTARGS,
    determinism=Determinism.NO,
    writes=True,
    forbids_writes=True,
)
def update(call: Call) -> Value:
    """Merge an object, or what a function gives, into documents."""
    options = _replace_options(call, function=True)
    change = call.value(1, literal_ok=True)
    if not isinstance(change, Function):
        change = call.blame(1, to_datum, change)

    def replace(old: Document | None) -> Datum:
        if old is None:
            return None
        if isinstance(change, Function):
            right = to_datum(change.call(old, literal_ok=True))
        else:
            right = change
        if right is None:
            return old
        if isinstance(right, dict) and type_name(right) not in ("OBJECT", "PTYPE<LITERAL>"):
            raise logic_error(f"Cannot merge objects of type `{type_name(right)}`.")
        return merge(old, right)

    return _replace_all(call, options, replace)


@term(
    TermType.REPLACE,
    2,
    2,
    *_REPLACE_OPTARGS,
    determinism=Determinism.NO,
    writes=True,
    forbids_writes=True,
)
def replace_(call: Call) -> Value:
    """Replace documents by an object, or by what a function gives; null deletes."""
    options = _replace_options(call, function=True)
    change = call.value(1)
    if isinstance(change, Function):
        function = change
        return _replace_all(call, options, lambda old: to_datum(function.call(old)))
    datum = call.blame(1, to_datum, change)
    return _replace_all(call, options, lambda _: datum)


@term(
    TermType.DELETE,
    1,
    1,
    *_REPLACE_OPTARGS,
    determinism=Determinism.NO,
    writes=True,
    forbids_writes=True,
)
def delete(call: Call) -> Value:
    """Delete documents."""
    return _replace_all(call, _replace_options(call, function=False), lambda _: None)
