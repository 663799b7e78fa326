"""What a term evaluates to: a datum, or one of the other types that RethinkDB calls `val_t`.

| RethinkDB        | here              | also usable as                           |
|------------------|-------------------|------------------------------------------|
| DATABASE         | `Database`        |                                          |
| TABLE            | `Table`           | TABLE_SLICE, SELECTION, SEQUENCE         |
| TABLE_SLICE      | `TableSlice`      | SELECTION, SEQUENCE                      |
| SELECTION        | `Selection`       | SEQUENCE                                 |
| SEQUENCE         | `Stream`          |                                          |
| SINGLE_SELECTION | `SingleSelection` | DATUM                                    |
| DATUM            | a datum           | SEQUENCE, if it is an array              |
| FUNCTION         | `Function`        |                                          |

Source: src/rdb_protocol/val.cc.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import chain, islice
from typing import TYPE_CHECKING, TypeAlias

from graphql_api.embedded.datum import (
    DATUM_TYPES,
    MAXVAL,
    MINVAL,
    Datum,
    Document,
    pretty_print,
    type_name,
    typed_error,
)
from graphql_api.embedded.errors import ReqlError, logic_error, op_failed_error, resource_error
from graphql_api.embedded.following import EAGER, Following, Sorting, Transformation
from graphql_api.embedded.ordering import sort_key
from graphql_api.embedded.primary_key import primary_key
from graphql_api.embedded.table import Database, Table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from graphql_api.embedded.changefeed import FeedSource
    from graphql_api.embedded.environment import Env
    from graphql_api.embedded.term import Determinism, Term
    from graphql_api.embedded.transaction import Transaction


@dataclass(frozen=True, slots=True)
class Bounds:
    """The keys that a `between` takes."""

    left: Datum = MINVAL
    right: Datum = MAXVAL
    left_open: bool = False
    right_open: bool = False

    def contains(self, key: Datum) -> bool:
        """Return whether a key lies within."""
        at, low, high = sort_key(key), sort_key(self.left), sort_key(self.right)
        above = at > low or (at == low and not self.left_open)
        below = at < high or (at == high and not self.right_open)
        return above and below


_EVERYTHING = Bounds()


@dataclass(frozen=True, slots=True)
class Stream:
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
    source: FeedSource | None = None

    def transformed(
        self,
        transformation: Transformation,
        determinism: Determinism,
        refusal: str | None = None,
        *,
        is_filter: bool = False,
    ) -> Stream:
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

    def sliced(self, start: int, stop: int | None) -> Stream:
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

    table: Table
    stream: Stream

    @property
    def is_scan(self) -> bool:
        """True if the documents have no order but that of a read of the table."""
        following = self.stream.following
        return isinstance(following, Following) and following.sorting is Sorting.UNORDERED


@dataclass(frozen=True, slots=True)
class TableSlice:
    """A table in the order, or within the bounds, of an index."""

    table: Table
    index: str | None = None
    sorting: Sorting = Sorting.UNORDERED
    bounds: Bounds = _EVERYTHING


@dataclass(frozen=True, slots=True)
class SingleSelection:
    """One document that can be written to, or its absence.

    Attributes:
        table: The table it is in.
        read: Returns it, null if it is not there.
        given_key: Its primary key, unless it is the first document of an order.
        first_of: The documents of which it is the first, which another one may become.
    """

    table: Table
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
        body: Its term.
        env: Where it was made.
    """

    parameters: tuple[int, ...]
    body: Term
    env: Env

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
                self.body.path,
            )
        return self.body.eval(self.env.bind(self.parameters, arguments), literal_ok=literal_ok)


Value: TypeAlias = (
    "Datum | Database | Table | TableSlice | Selection | Stream | SingleSelection | Function"
)

_NAMES: dict[type, str] = {
    Database: "DATABASE",
    Table: "TABLE",
    TableSlice: "TABLE_SLICE",
    Selection: "SELECTION",
    Stream: "SEQUENCE",
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
    if isinstance(value, Table):
        return f'table("{value.name}")'
    if isinstance(value, (TableSlice, Selection)):
        return f"SELECTION ON table({value.table.name})"
    if isinstance(value, (Stream, Function)):
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
    if isinstance(value, (Database, Table, TableSlice, Selection, Stream, Function)):
        raise wrong_value_type(value, "DATUM")
    return value


def to_stream(value: Value, transaction: Transaction) -> Stream:
    """Return a value that must be usable as a sequence.

    Raises:
        ReqlError: It is not.
    """
    if isinstance(value, Stream):
        return value
    if isinstance(value, Selection):
        return value.stream
    if isinstance(value, Table):
        return table_stream(TableSlice(value), transaction)
    if isinstance(value, TableSlice):
        return table_stream(value, transaction)
    if isinstance(value, list):
        return array_stream(value)
    if isinstance(value, (Database, Function)):
        raise wrong_value_type(value, "SEQUENCE")
    datum = to_datum(value)
    if isinstance(datum, list):
        return array_stream(datum)
    raise typed_error(datum, f"Cannot convert {type_name(datum)} to SEQUENCE")


def to_selection(value: Value, transaction: Transaction) -> Selection | None:
    """Return a value as a selection of documents, `None` if it is not one."""
    if isinstance(value, Selection):
        return value
    if isinstance(value, Table):
        value = TableSlice(value)
    if isinstance(value, TableSlice):
        return Selection(value.table, table_stream(value, transaction))
    return None


def array_stream(array: list[Datum]) -> Stream:
    """Return the stream of an array's elements."""
    return Stream(lambda: iter(array), is_array=True)


def sequence(stream: Stream, array_limit: int) -> Value:
    """Return a stream as a value: an array, if it is one in disguise.

    Raises:
        ReqlError: The array is longer than `array_limit`.
    """
    return collect(stream, array_limit) if stream.is_array else stream


def collect(stream: Stream, array_limit: int) -> list[Datum]:
    """Read a stream into an array.

    Raises:
        ReqlError: It is longer than `array_limit`, or a row fails.
    """
    rows = list(islice(stream.rows(), array_limit + 1))
    check_array_size(len(rows), array_limit)
    return rows


def check_array_size(size: int, array_limit: int) -> None:
    """Check the length of an array that a query makes.

    Raises:
        ReqlError: It is longer than `array_limit`.
    """
    if size > array_limit:
        raise resource_error(
            f"Array over size limit `{array_limit}`.  To raise the number of allowed elements, "
            "modify the `array_limit` option to `.run` (not available in the Data Explorer), or "
            "use an index."
        )


def index_keys(table: Table, index: str | None) -> Callable[[Document], list[Datum]]:
    """Return what gives a document's keys in an index; `None` names the primary one.

    Raises:
        ReqlError: There is no such index.
    """
    if index is None or index == table.primary_key:
        name = table.primary_key
        return lambda document: [document[name]]
    try:
        return table.indexes[index].keys
    except KeyError:
        raise op_failed_error(
            f"Index `{index}` was not found on table `{table.display_name}`."
        ) from None


def table_stream(table_slice: TableSlice, transaction: Transaction) -> Stream:
    """Return the documents of a table, or of a slice of it.

    Raises:
        ReqlError: Its index does not exist.
    """
    table, bounds = table_slice.table, table_slice.bounds
    keys = index_keys(table, table_slice.index)
    secondary = table_slice.index is not None and table_slice.index != table.primary_key
    if table_slice.sorting is not Sorting.UNORDERED:
        descending = table_slice.sorting is Sorting.DESCENDING

        def sorted_rows() -> Iterator[Datum]:
            pairs = [
                (sort_key(key), primary_key(document[table.primary_key]), document)
                for document in transaction.rows(table)
                for key in keys(document)
                if bounds.contains(key)
            ]
            pairs.sort(key=lambda pair: pair[:2], reverse=descending)
            return (document for _, _, document in pairs)

        def bounded_keys(document: Document) -> list[Datum]:
            return [key for key in keys(document) if bounds.contains(key)]

        following = Following(
            table,
            lambda document: len(bounded_keys(document)),
            sorting=table_slice.sorting,
            keys=bounded_keys if secondary else None,
        )
        return Stream(sorted_rows, following=following)
    if bounds is _EVERYTHING and not secondary:
        return Stream(
            lambda: iter(transaction.rows(table)), following=Following(table, lambda _: 1)
        )

    def covers(document: Document) -> int:
        return sum(map(bounds.contains, keys(document)))

    return covered_stream(table, covers, transaction)


def covered_stream(
    table: Table, covers: Callable[[Document], int], transaction: Transaction
) -> Stream:
    """Return the documents of a table, each as often as `covers` says."""

    def rows() -> Iterator[Datum]:
        for document in transaction.rows(table):
            for _ in range(covers(document)):
                yield document

    return Stream(rows, following=Following(table, covers))
