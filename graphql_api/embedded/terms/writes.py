"""Changing documents: `update`, `replace` and `delete`.

A write computes, row by row, what a document becomes; an error of one row is counted in the
result and does not stop the others.

Source: src/rdb_protocol/terms/writes.cc, rewrites.cc; val.cc, `batched_replace`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from graphql_api.embedded.datum import Datum, Document, as_object, pretty_print, type_name
from graphql_api.embedded.determinism import Determinism
from graphql_api.embedded.errors import ReqlError, logic_error
from graphql_api.embedded.merge import merge
from graphql_api.embedded.primary_key import primary_key
from graphql_api.embedded.ql2 import TermType
from graphql_api.embedded.term import Call, term
from graphql_api.embedded.terms.write_options import (
    parse_durability,
    read_return_changes,
    set_durability,
)
from graphql_api.embedded.values import Function, SingleSelection, Value, to_datum, wrong_value_type
from graphql_api.embedded.writer import ReturnChanges, RowWriter, no_primary_key

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


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
    set_durability(call, table, options.durability)
    writer = RowWriter(call, table, options.return_changes)
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
    writer: RowWriter,
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
    return_changes = read_return_changes(call)
    durability = call.optarg("durability", parse_durability)
    needs_tables = function and call.arguments[1].determinism.needs_tables
    if needs_tables and not non_atomic:
        raise logic_error(
            "Could not prove argument deterministic.  Maybe you want to use the non_atomic flag?"
        )
    return _ReplaceOptions(return_changes, durability, needs_tables)


_OPTARGS = ("non_atomic", "durability", "return_vals", "return_changes", "ignore_write_hook")


def _changing(
    type_: TermType, arguments: int
) -> Callable[[Callable[[Call], Value]], Callable[[Call], Value]]:
    """Register a term that changes the documents that its first argument selects."""
    no = Determinism.NO
    return term(
        type_, arguments, arguments, *_OPTARGS, determinism=no, writes=True, forbids_writes=True
    )


@_changing(TermType.UPDATE, 2)
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


@_changing(TermType.REPLACE, 2)
def replace_(call: Call) -> Value:
    """Replace documents by an object, or by what a function gives; null deletes."""
    options = _replace_options(call, function=True)
    change = call.value(1)
    if isinstance(change, Function):
        function = change
        return _replace_all(call, options, lambda old: to_datum(function.call(old)))
    datum = call.blame(1, to_datum, change)
    return _replace_all(call, options, lambda _: datum)


@_changing(TermType.DELETE, 1)
def delete(call: Call) -> Value:
    """Delete documents."""
    return _replace_all(call, _replace_options(call, function=False), lambda _: None)
