"""One write: what becomes of each of its rows, and the answer.

Source: src/rdb_protocol/btree.cc, `rdb_replace_and_return_superblock`; table_common.cc; val.cc,
`batched_replace` and `batched_insert`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from graphql_api.embedded.datum import Datum, Document, as_string, encode, pretty_print, type_name
from graphql_api.embedded.deep import walk
from graphql_api.embedded.errors import ErrorType, ReqlError, logic_error, op_failed_error
from graphql_api.embedded.merge import WriteStats
from graphql_api.embedded.ordering import equal
from graphql_api.embedded.primary_key import primary_key
from graphql_api.embedded.stored_table import SYSTEM_DATABASE, StoredTable
from graphql_api.embedded.users import ADMIN, accept_user, user_row
from graphql_api.embedded.write_order import scan_order, write_order

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from graphql_api.embedded.term import Call

_MAX_ARRAY_ON_DISK = 100_000


class ReturnChanges(Enum):
    """The optional argument `return_changes`."""

    NO = 0
    YES = 1
    ALWAYS = 2


class RowWriter:
    """The writes of one term to one table.

    Args:
        call: The term's call.
        table: The table.
        return_changes: What to report of the rows.

    Attributes:
        keys: The text of each row's primary key, in the order in which the rows were written.
        errors: The message of each row that failed, by its position in `keys`.
        changes: What `return_changes` reports of a row, by its position in `keys`.
        stats: The counts of rows.
    """

    def __init__(self, call: Call, table: StoredTable, return_changes: ReturnChanges) -> None:
        self.call = call
        self.table = table
        self.return_changes = return_changes
        self.transaction = call.transaction
        self.keys: list[str] = []
        self.errors: dict[int, str] = {}
        self.changes: dict[int, ReturnedChange] = {}
        self.stats = WriteStats()

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
        self.transaction.access.require_write(self.table)
        position = len(self.keys)
        self.keys.append(key)
        old = self.transaction.get(self.table, key)
        new: Datum = old
        try:
            new = replace(old)
            self._check(key, old, new)
            # Compared before a user's password is taken out of the row: a new password is a change.
            changed = not equal(old, new)
            shown = new
            if changed:
                shown = self._accept(key, old, new, generated_key=generated_key)
        except ReqlError as error:
            self.errors[position] = error.message
            if self.return_changes is ReturnChanges.ALWAYS:
                self.changes[position] = ReturnedChange(old, old, new, error.message)
            return
        counts = self.stats.counts
        if old is None:
            counts["skipped" if new is None else "inserted"] += 1
        elif new is None:
            counts["deleted"] += 1
        else:
            counts["replaced" if changed else "unchanged"] += 1
        if self.return_changes is ReturnChanges.ALWAYS or (
            changed and self.return_changes is ReturnChanges.YES
        ):
            self.changes[position] = ReturnedChange(old, shown, old if shown is None else shown)

    def _check(self, key: str, old: Document | None, new: Datum) -> None:
        if new is None:
            return
        if not isinstance(new, dict) or type_name(new) == "PTYPE<BINARY>":
            raise logic_error(
                f"Inserted value must be an OBJECT (got {type_name(new)}):\n{pretty_print(new)}"
            )
        name = self.table.primary_key
        if name not in new:
            raise no_primary_key(name, new)
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

    def order(self, *, scanned: bool) -> list[int]:
        """Return the positions in `keys` in the order in which RethinkDB writes the rows.

        Args:
            scanned: Whether the rows come from a read of the table without an order of its own.
        """
        if self.table.database == SYSTEM_DATABASE:
            return list(range(len(self.keys)))
        scan = scan_order(self.keys) if scanned else list(range(len(self.keys)))
        return [scan[at] for at in write_order([self.keys[at] for at in scan])]

    def result(self, refused: Iterable[str], order: Iterable[int]) -> Document:
        """Return the term's value.

        Args:
            refused: The messages of rows that were refused before any was written.
            order: The positions of rows in the order in which they are written.
        """
        for message in refused:
            self.stats.add_error(message)
        if self.errors:
            for position in order:
                if position in self.errors:
                    self.stats.add_error(self.errors[position])
        return self.stats.result(self.call.env.query.array_limit)


@dataclass(frozen=True, slots=True)
class ReturnedChange:
    """A change of a row, for `return_changes`.

    Attributes:
        old_val: The document before.
        new_val: The document after; the one before, if the row failed.
        keyed: The document whose primary key is the row's.
        error: Why the row failed.
    """

    old_val: Datum
    new_val: Datum
    keyed: Datum
    error: str | None = None

    def document(self) -> Document:
        """Return the element of `changes`."""
        change: Document = {"new_val": self.new_val, "old_val": self.old_val}
        if self.error is not None:
            change["error"] = self.error
        return change


def no_primary_key(name: str, row: Datum) -> ReqlError:
    """Return the error for a document without its primary key."""
    return logic_error(f"Inserted object must have primary key `{name}`:\n{pretty_print(row)}")


def _body(document: Document) -> bytes:
    """Return the JSON of a document for the data file.

    Raises:
        ReqlError: It holds a bound, or an array that is too long.
    """
    try:
        body = encode(document)
    except ReqlError as error:
        if error.type is ErrorType.QUERY_LOGIC:
            raise logic_error("`r.minval` and `r.maxval` cannot be written to disk.") from None
        raise
    # An array that is too long has a JSON that is longer still: most documents need no look.
    if len(body) > _MAX_ARRAY_ON_DISK:
        _check_arrays(document)
    return body


def _check_arrays(document: Datum) -> None:
    if any(isinstance(part, list) and len(part) > _MAX_ARRAY_ON_DISK for part in walk(document)):
        raise logic_error("Array too large for disk writes (limit 100,000 elements).")
