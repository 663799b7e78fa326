"""Values as streams of rows: arrays, tables, and slices of tables."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from graphql_api.embedded.datum import Datum, Document, type_name, typed_error
from graphql_api.embedded.errors import op_failed_error, resource_error
from graphql_api.embedded.following import Following, Sorting
from graphql_api.embedded.index_order import IndexOrder
from graphql_api.embedded.ordering import sort_key
from graphql_api.embedded.primary_key import primary_key
from graphql_api.embedded.stored_table import Database, StoredTable
from graphql_api.embedded.values import (
    EVERYTHING,
    DatumStream,
    Function,
    Selection,
    TableSlice,
    Value,
    to_datum,
    wrong_value_type,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from graphql_api.embedded.transaction import Transaction


def to_stream(value: Value, transaction: Transaction) -> DatumStream:
    """Return a value that must be usable as a sequence.

    Raises:
        ReqlError: It is not.
    """
    if isinstance(value, DatumStream):
        return value
    if isinstance(value, Selection):
        return value.stream
    if isinstance(value, StoredTable):
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
    if isinstance(value, StoredTable):
        value = TableSlice(value)
    if isinstance(value, TableSlice):
        return Selection(value.table, table_stream(value, transaction))
    return None


def array_stream(array: list[Datum]) -> DatumStream:
    """Return the stream of an array's elements."""
    return DatumStream(lambda: iter(array), is_array=True)


def sequence(stream: DatumStream, array_limit: int) -> Value:
    """Return a stream as a value: an array, if it is one in disguise.

    Raises:
        ReqlError: The array is longer than `array_limit`.
    """
    return collect(stream, array_limit) if stream.is_array else stream


def collect(stream: DatumStream, array_limit: int) -> list[Datum]:
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


def index_keys(table: StoredTable, index: str | None) -> Callable[[Document], list[Datum]]:
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


def table_stream(table_slice: TableSlice, transaction: Transaction) -> DatumStream:
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
            if not transaction.has_written(table):
                return ordered_rows(table_slice, transaction, descending=descending)
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
        return DatumStream(sorted_rows, following=following)
    if bounds is EVERYTHING and not secondary:
        return DatumStream(
            lambda: iter(transaction.rows(table)), following=Following(table, lambda _: 1)
        )

    def covers(document: Document) -> int:
        return sum(map(bounds.contains, keys(document)))

    def rows() -> Iterator[Datum]:
        if not transaction.has_written(table):
            return ordered_rows(table_slice, transaction, descending=False)
        return covered_rows(table, covers, transaction)

    return DatumStream(rows, following=Following(table, covers))


def ordered_rows(
    table_slice: TableSlice, transaction: Transaction, *, descending: bool
) -> Iterator[Datum]:
    """Yield the committed documents of a slice in the order of its index."""
    table, bounds = table_slice.table, table_slice.bounds
    transaction.access.require_read(table)
    name = table_slice.index or table.primary_key
    order = table.orders.get(name)
    if order is None:
        order = IndexOrder(table.documents, index_keys(table, name))
        table.orders[name] = order
    return order.rows(
        sort_key(bounds.left),
        sort_key(bounds.right),
        left_open=bounds.left_open,
        right_open=bounds.right_open,
        descending=descending,
    )


def covered_rows(
    table: StoredTable, covers: Callable[[Document], int], transaction: Transaction
) -> Iterator[Datum]:
    """Yield the documents of a table, each as often as `covers` says."""
    for document in transaction.rows(table):
        for _ in range(covers(document)):
            yield document
