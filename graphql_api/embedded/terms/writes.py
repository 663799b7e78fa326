"""Writing documents.

A write computes, row by row, what a document becomes; an error of one row is counted in the
result and does not stop the others.

Source: src/rdb_protocol/terms/writes.cc, rewrites.cc; val.cc, `batched_insert`; btree.cc,
`rdb_replace_and_return_superblock`; table_common.cc.
"""

from __future__ import annotations

import uuid
from enum import Enum
from typing import TYPE_CHECKING

from graphql_api.embedded.catalog import SYSTEM_DATABASE
from graphql_api.embedded.datum import (
    DATUM_TYPES,
    Datum,
    Document,
    as_object,
    as_string,
    encode,
    pretty_print,
    type_name,
    typed_error,
)
from graphql_api.embedded.errors import ErrorType, ReqlError, logic_error, op_failed_error
from graphql_api.embedded.merge import WriteStats, merge
from graphql_api.embedded.ordering import equal
from graphql_api.embedded.primary_key import primary_key
from graphql_api.embedded.ql2 import TermType
from graphql_api.embedded.table import Table
from graphql_api.embedded.term import Call, Determinism, term
from graphql_api.embedded.terms.tables import parse_durability
from graphql_api.embedded.users import ADMIN, accept_user, user_row
from graphql_api.embedded.values import (
    Function,
    SingleSelection,
    Value,
    to_datum,
    wrong_value_type,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_MAX_ARRAY_ON_DISK = 100_000


class _ReturnChanges(Enum):
    NO = 0
    YES = 1
    ALWAYS = 2


class _Writer:
    """The writes of one term to one table."""

    def __init__(self, call: Call, table: Table) -> None:
        self.call = call
        self.table = table
        self.transaction = call.transaction
        if call.optarg_term("return_vals") is not None:
            raise logic_error(
                "Error: encountered obsolete optarg `return_vals`.  Use `return_changes` instead."
            )
        self.return_changes = call.optarg("return_changes", _return_changes) or _ReturnChanges.NO
        durability = call.optarg("durability", parse_durability) or table.durability
        self.transaction.hard = self.transaction.hard or durability == "hard"
        self.stats = WriteStats(with_changes=self.return_changes is not _ReturnChanges.NO)

    def write(
        self,
        key: str,
        replace: Callable[[Document | None], Datum],
        *,
        generated_key: bool = False,
    ) -> None:
        """Replace one document.

        Args:
            key: The text of its primary key.
            replace: Returns the new document for the old one; null deletes.
            generated_key: Whether the server made the key.
        """
        old = self.transaction.get(self.table, key)
        try:
            new = replace(old)
            self._check(key, old, new)
            # Compared before a user's password is taken out of the row: a new password is a change.
            changed = not equal(old, new)
            shown = new
            if changed:
                shown = self._accept(key, old, new, generated_key=generated_key)
        except ReqlError as error:
            self.fail(error, old)
            return
        counts = self.stats.counts
        if old is None:
            counts["skipped" if new is None else "inserted"] += 1
        elif new is None:
            counts["deleted"] += 1
        else:
            counts["replaced" if changed else "unchanged"] += 1
        if self.return_changes is _ReturnChanges.ALWAYS or (
            changed and self.return_changes is _ReturnChanges.YES
        ):
            self.stats.add_change(old, shown)

    def fail(self, error: ReqlError, old: Document | None) -> None:
        """Count a row that could not be written."""
        self.stats.add_error(error.message)
        if self.return_changes is _ReturnChanges.ALWAYS:
            self.stats.add_change(old, old, error.message)

    def _check(self, key: str, old: Document | None, new: Datum) -> None:
        if new is None:
            return
        if not isinstance(new, dict) or type_name(new) == "PTYPE<BINARY>":
            raise logic_error(
                f"Inserted value must be an OBJECT (got {type_name(new)}):\n{pretty_print(new)}"
            )
        name = self.table.primary_key
        if name not in new:
            raise _no_primary_key(name, new)
        if old is None:
            if primary_key(new[name]) != key:
                raise logic_error(
                    f"Primary key `{name}` cannot be changed (null -> {pretty_print(new)})"
                )
        elif old[name] is not new[name] and not equal(old[name], new[name]):
            raise logic_error(
                f"Primary key `{name}` cannot be changed (`{pretty_print(old)}` -> "
                f"`{pretty_print(new)}`)."
            )

    def _accept(self, key: str, old: Document | None, new: Datum, *, generated_key: bool) -> Datum:
        """Put a changed document into the transaction, and return it as it may be shown."""
        if self.table.database == SYSTEM_DATABASE:
            new = self._accept_user(old, new, generated_key=generated_key)
        assert new is None or isinstance(new, dict)
        body = None if new is None else _body(new)
        self.transaction.put(self.table, key, new, body)
        return new

    def _accept_user(self, old: Document | None, new: Datum, *, generated_key: bool) -> Datum:
        credentials = self.transaction.credentials
        if new is None:
            assert old is not None
            name = as_string(old["id"])
            if name == ADMIN:
                raise op_failed_error(f"The user `{name}` can't be deleted.")
            credentials[name] = None
            return None
        assert isinstance(new, dict)
        user = new["id"]
        current = None
        if isinstance(user, str):
            current = credentials.get(user, self.call.env.query.catalog.credentials.get(user))
        name, accepted = accept_user(new, current, generated_key=generated_key)
        credentials[name] = accepted
        return user_row(name, accepted)

    def result(self) -> Document:
        """Return the term's value."""
        return self.stats.result(self.call.env.query.array_limit)


def _return_changes(value: Datum) -> _ReturnChanges:
    if isinstance(value, str):
        if value != "always":
            raise logic_error(
                f"Invalid return_changes value `{value}` (options are `true`, `false`, and "
                "`'always'`.)"
            )
        return _ReturnChanges.ALWAYS
    return _ReturnChanges.YES if value is not None and value is not False else _ReturnChanges.NO


def _no_primary_key(name: str, row: Datum) -> ReqlError:
    return logic_error(f"Inserted object must have primary key `{name}`:\n{pretty_print(row)}")


def _body(document: Document) -> bytes:
    """Return the JSON of a document for the data file.

    Raises:
        ReqlError: It holds a bound, an array that is too long, or is nested too deeply.
    """
    try:
        # Nested, so that a change of whatever can be stored can be told, in `changes` or a feed,
        # for all that the depth of JSON is limited.
        body = encode([[[[document]]]])[4:-4]
    except ReqlError as error:
        if error.type is ErrorType.QUERY_LOGIC:
            raise logic_error("`r.minval` and `r.maxval` cannot be written to disk.") from None
        raise
    # An array that is too long has a JSON that is longer still: most documents need no look.
    if len(body) > _MAX_ARRAY_ON_DISK:
        _check_arrays(document)
    return body


def _check_arrays(value: Datum) -> None:
    if isinstance(value, dict):
        for item in value.values():
            _check_arrays(item)
    elif isinstance(value, list):
        if len(value) > _MAX_ARRAY_ON_DISK:
            raise logic_error("Array too large for disk writes (limit 100,000 elements).")
        for item in value:
            _check_arrays(item)


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
    writer = _Writer(call, call.table(0))
    conflict = _conflict(call)
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
    _insert_rows(writer, rows, conflict)
    return writer.result()


def _conflict(call: Call) -> _Conflict | Function:
    found = call.optarg_term("conflict")
    if found is None:
        return _Conflict.ERROR
    value = found.eval(call.env)
    if isinstance(value, Function):
        if found.determinism.needs_tables:
            raise logic_error("The conflict function passed to `insert` must be deterministic.")
        if len(value.parameters) not in (0, 3):
            raise logic_error("The conflict function passed to `insert` should expect 3 arguments.")
        return value
    try:
        return _parse_conflict(to_datum(value))
    except ReqlError as error:
        error.backtrace = error.backtrace or found.path
        raise


def _parse_conflict(value: Datum) -> _Conflict:
    name = as_string(value)
    try:
        return _Conflict(name)
    except ValueError:
        raise logic_error(
            f'Conflict option `{name}` unrecognized (options are "error", "replace" and "update").'
        ) from None


def _insert_rows(writer: _Writer, rows: Iterable[Datum], conflict: _Conflict | Function) -> None:
    name = writer.table.primary_key
    for row in rows:
        generated = False
        new = row
        if isinstance(new, dict) and name not in new:
            key = str(uuid.uuid4())
            new = {**new, name: key}
            generated = True
            writer.stats.add_generated_key(key)
        try:
            text = primary_key(as_object(new)[name])
        except ReqlError as error:
            writer.fail(error, None)
            continue
        writer.write(text, _resolution(name, new, conflict), generated_key=generated)


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


def _replace_all(call: Call, replace: Callable[[Document | None], Datum]) -> Document:
    """Replace the documents that the first argument selects."""
    value = call.value(0)
    if isinstance(value, SingleSelection):
        writer = _Writer(call, value.table)
        writer.write(primary_key(value.key), replace)
        return writer.result()
    selection = call.selection(value)
    if selection is None:
        raise call.at(0, wrong_value_type(value, "SELECTION"))
    table = selection.table
    writer = _Writer(call, table)
    # All rows are chosen before the first is written, which might change what is chosen.
    for row in list(selection.stream.rows()):
        assert isinstance(row, dict)
        writer.write(primary_key(row[table.primary_key]), replace)
    return writer.result()


def _check_deterministic(call: Call) -> None:
    if not call.flag("non_atomic") and call.arguments[1].determinism.needs_tables:
        raise logic_error(
            "Could not prove argument deterministic.  Maybe you want to use the non_atomic flag?"
        )


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
    _check_deterministic(call)
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

    return _replace_all(call, replace)


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
    _check_deterministic(call)
    change = call.value(1)
    if isinstance(change, Function):
        function = change
        return _replace_all(call, lambda old: to_datum(function.call(old)))
    datum = call.blame(1, to_datum, change)
    return _replace_all(call, lambda _: datum)


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
    return _replace_all(call, lambda _: None)
