"""Values of terms: a datum, or one of the other types that RethinkDB calls `val_t`.

| RethinkDB        | here              | also usable as                           |
|------------------|-------------------|------------------------------------------|
| DATABASE         | `Database`        |                                          |
| TABLE            | `StoredTable`     | TABLE_SLICE, SELECTION, SEQUENCE         |
| TABLE_SLICE      | `TableSlice`      | SELECTION, SEQUENCE                      |
| SELECTION        | `Selection`       | SEQUENCE                                 |
| SEQUENCE         | `DatumStream`     |                                          |
| SINGLE_SELECTION | `SingleSelection` | DATUM                                    |
| DATUM            | a datum           | SEQUENCE, if it is an array              |
| FUNCTION         | `Function`        |                                          |

Source: src/rdb_protocol/val.cc.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import chain, islice
from typing import TYPE_CHECKING, TypeAlias

from graphql_api.embedded.datum import DATUM_TYPES, MAXVAL, MINVAL, Datum, pretty_print, typed_error
from graphql_api.embedded.errors import Backtrace, ReqlError, logic_error
from graphql_api.embedded.following import EAGER, Following, Sorting, Transformation
from graphql_api.embedded.ordering import sort_key
from graphql_api.embedded.stored_table import Database, StoredTable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from graphql_api.embedded.determinism import Determinism
    from graphql_api.embedded.document_changefeed import UnopenedChangefeed


@dataclass(frozen=True, slots=True)
class Bounds:
    """The keys that a `between` takes."""

    left: Datum = MINVAL
    right: Datum = MAXVAL
    left_open: bool = False
    right_open: bool = False

    def contains(self, key: Datum) -> bool:
        """Return whether a key lies between the bounds."""
        at, low, high = sort_key(key), sort_key(self.left), sort_key(self.right)
        above = at > low or (at == low and not self.left_open)
        below = at < high or (at == high and not self.right_open)
        return above and below


EVERYTHING = Bounds()


@dataclass(frozen=True, slots=True)
class DatumStream:
    """A sequence of rows, read when asked for.

    Attributes:
        rows: Starts reading.
        is_array: It is an array in disguise: it is sent as one.
        following: What `changes` would follow, or the message of the error it would give.
        source: Set for a changefeed, whose rows come from there instead, without an end.
    """

    rows: Callable[[], Iterator[Datum]]
    is_array: bool = False
    following: Following | str = EAGER
    source: UnopenedChangefeed | None = None

    def transformed(
        self,
        transformation: Transformation,
        determinism: Determinism,
        refusal: str | None = None,
        *,
        is_filter: bool = False,
    ) -> DatumStream:
        """Return the stream of what the rows are turned into.

        Args:
            transformation: Turns a row into any number of rows.
            determinism: Whether it gives the same for the same row, as `changes` demands.
            refusal: Why `changes` cannot follow the result, if it cannot.
            is_filter: Whether it only leaves rows out; `changes` does so before a `limit`.
        """
        rows = self.rows
        following = self.following
        if isinstance(following, Following):
            following = following.transformed(
                transformation,
                needs_tables=determinism.needs_tables,
                refusal=refusal,
                is_filter=is_filter,
            )
        return replace(
            self,
            rows=lambda: chain.from_iterable(map(transformation, rows())),
            following=following,
            source=None if self.source is None else self.source.transformed(transformation),
        )

    def sliced(self, start: int, stop: int | None) -> DatumStream:
        """Return the stream of the rows from `start` up to, but not including, `stop`."""
        rows = self.rows
        following = self.following
        if isinstance(following, Following):
            following = following.sliced(start, stop)
        return replace(
            self,
            rows=lambda: islice(rows(), start, None if stop is None else max(start, stop)),
            following=following,
            source=None if self.source is None else self.source.sliced(start, stop),
        )


@dataclass(frozen=True, slots=True)
class Selection:
    """Documents of a table that can be written to."""

    table: StoredTable
    stream: DatumStream

    @property
    def is_scan(self) -> bool:
        """True if the documents have no order but that of a read of the table."""
        following = self.stream.following
        return isinstance(following, Following) and following.sorting is Sorting.UNORDERED


@dataclass(frozen=True, slots=True)
class TableSlice:
    """A table in the order, or within the bounds, of an index."""

    table: StoredTable
    index: str | None = None
    sorting: Sorting = Sorting.UNORDERED
    bounds: Bounds = EVERYTHING


@dataclass(frozen=True, slots=True)
class SingleSelection:
    """One document that can be written to, or its absence.

    Attributes:
        table: The table it is in.
        read: Returns it, null if it is not there.
        given_key: Its primary key, unless it is the first document of an order.
        first_of: The documents of which it is the first, which another one may become.
    """

    table: StoredTable
    read: Callable[[], Datum]
    given_key: Datum = None
    first_of: Following | None = None

    @property
    def key(self) -> Datum:
        """Its primary key.

        Raises:
            ReqlError: It is the first document of an order in which there is none.
        """
        if self.first_of is None:
            return self.given_key
        document = self.read()
        assert isinstance(document, dict)
        return document[self.table.primary_key]


@dataclass(frozen=True, slots=True)
class Function:
    """A function and the variables it closed over.

    Attributes:
        parameters: The numbers of its variables.
        type: The number of the term that is its body.
        path: Where in the query that is.
        run: Evaluates the body with arguments; with true, the result may hold a `literal`.
    """

    parameters: tuple[int, ...]
    type: int
    path: Backtrace
    run: Callable[[tuple[Datum, ...], bool], Value]

    def call(self, *arguments: Datum, literal_ok: bool = False) -> Value:
        """Evaluate the body.

        Raises:
            ReqlError: It takes another number of arguments, or fails.
        """
        if self.parameters and len(self.parameters) != len(arguments):
            expected, found = len(arguments), len(self.parameters)
            raise logic_error(
                f"Expected function with {expected} argument{'' if expected == 1 else 's'} "
                f"but found function with {found} argument{'' if found == 1 else 's'}.",
                self.path,
            )
        return self.run(arguments, literal_ok)


Value: TypeAlias = (
    "Datum | Database | StoredTable | TableSlice"
    " | Selection | DatumStream | SingleSelection | Function"
)

_NAMES: dict[type, str] = {
    Database: "DATABASE",
    StoredTable: "TABLE",
    TableSlice: "TABLE_SLICE",
    Selection: "SELECTION",
    DatumStream: "SEQUENCE",
    SingleSelection: "SINGLE_SELECTION",
    Function: "FUNCTION",
}


def value_type_name(value: Value) -> str:
    """Return the name of a value's type as the error messages give it."""
    return _NAMES.get(type(value), "DATUM")


def print_value(value: Value) -> str:
    """Return a value as the error messages quote it."""
    if isinstance(value, SingleSelection):
        value = value.read()
    if isinstance(value, Database):
        return f'db("{value.name}")'
    if isinstance(value, StoredTable):
        return f'table("{value.name}")'
    if isinstance(value, (TableSlice, Selection)):
        return f"SELECTION ON table({value.table.name})"
    if isinstance(value, (DatumStream, Function)):
        return f"VALUE {value_type_name(value)}"
    return pretty_print(value)


def wrong_value_type(value: Value, expected: str) -> ReqlError:
    """Return the error for a value that should have been of the type `expected`."""
    message = f"Expected type {expected} but found {value_type_name(value)}:\n{print_value(value)}"
    if type(value) in DATUM_TYPES or isinstance(value, SingleSelection):
        return typed_error(to_datum(value), message)
    return logic_error(message)


def to_datum(value: Value) -> Datum:
    """Return a value that must be usable as a datum.

    Raises:
        ReqlError: It is not.
    """
    if isinstance(value, SingleSelection):
        return value.read()
    if isinstance(value, (Database, StoredTable, TableSlice, Selection, DatumStream, Function)):
        raise wrong_value_type(value, "DATUM")
    return value
