"""Terms that sort the rows of a sequence, or leave out equal ones: `order_by`, `distinct`.

Source: src/rdb_protocol/terms/sort.cc.
"""

from __future__ import annotations

from functools import cmp_to_key
from typing import TYPE_CHECKING

from graphql_api.embedded.datum import Datum, as_string
from graphql_api.embedded.errors import ErrorType, ReqlError, logic_error
from graphql_api.embedded.following import Sorting
from graphql_api.embedded.ordering import sort_key
from graphql_api.embedded.ql2 import TermType
from graphql_api.embedded.stored_table import StoredTable
from graphql_api.embedded.streams import array_stream, collect, index_keys, table_stream, to_stream
from graphql_api.embedded.term import Call, term
from graphql_api.embedded.terms.sequences import row_function, same_kind
from graphql_api.embedded.values import DatumStream, Selection, TableSlice, Value

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from graphql_api.embedded.ordering import SortKey


@term(TermType.ORDER_BY, 1, None, "index", name="orderby")
def order_by(call: Call) -> Value:
    """Sort by fields or functions, or by an index."""
    orders = [_order(call, position) for position in range(1, call.count)]
    value = call.value(0)
    index = call.optarg("index", as_string)
    if index is not None:
        if not isinstance(value, (StoredTable, TableSlice)):
            raise logic_error(
                "Indexed order_by can only be performed on a TABLE or TABLE_SLICE. Make sure "
                "order_by comes before any transformations (such as map) or filters."
            )
        table_slice = _sorted_slice(call, value, index)
        if not orders:
            return table_slice
        rows = _sort_within_index(call, table_slice, index, orders)
        return Selection(table_slice.table, DatumStream(lambda: iter(rows)))
    if not orders:
        raise logic_error("Must specify something to order by.")
    selection = call.selection(value)
    stream = selection.stream if selection else call.to_stream(0, value)
    rows = _sorted(collect(stream, call.env.query.array_limit), orders)
    return same_kind(call, array_stream(rows), selection)


def _order(call: Call, position: int) -> tuple[Callable[[Datum], SortKey | None], bool]:
    """Return what gives a row's sort key, and whether the order is descending."""
    argument = call.arguments[position]
    if argument.determinism.needs_tables:
        raise logic_error("Sorting by a non-deterministic function is not supported.")
    function = row_function(call, position)

    def key(row: Datum) -> SortKey | None:
        try:
            return sort_key(function(row))
        except ReqlError as error:
            if error.type is ErrorType.NON_EXISTENCE:
                return None
            raise

    return key, argument.type == TermType.DESC


def _sorted(
    rows: list[Datum], orders: list[tuple[Callable[[Datum], SortKey | None], bool]]
) -> list[Datum]:
    # A row without a value comes first, and last if descending. Sorting by the last order first
    # is stable, and needs no comparison of several keys at once.
    for key, descending in reversed(orders):
        keyed = [(key(row), row) for row in rows]
        keyed.sort(key=cmp_to_key(_compare_keys), reverse=descending)
        rows = [row for _, row in keyed]
    return rows


def _compare_keys(left: tuple[SortKey | None, Datum], right: tuple[SortKey | None, Datum]) -> int:
    a, b = left[0], right[0]
    if a is None or b is None:
        return (a is not None) - (b is not None)
    return (a > b) - (a < b)


def _sorted_slice(call: Call, value: StoredTable | TableSlice, index: str) -> TableSlice:
    table_slice = TableSlice(value) if isinstance(value, StoredTable) else value
    if table_slice.sorting is not Sorting.UNORDERED:
        raise logic_error("Cannot perform multiple indexed ORDER_BYs on the same table.")
    if table_slice.index not in (None, index):
        raise logic_error(
            f"Cannot order by index `{index}` after calling BETWEEN on index `{table_slice.index}`."
        )
    index_keys(table_slice.table, index)  # it must exist
    argument = call.term.optargs.get("index")
    descending = argument is not None and argument.type == TermType.DESC
    sorting = Sorting.DESCENDING if descending else Sorting.ASCENDING
    return TableSlice(table_slice.table, index, sorting, table_slice.bounds)


def _sort_within_index(
    call: Call,
    table_slice: TableSlice,
    index: str,
    orders: list[tuple[Callable[[Datum], SortKey | None], bool]],
) -> list[Datum]:
    """Sort the rows that have the same key in an index by further orders."""
    keys = index_keys(table_slice.table, index)
    groups: list[tuple[list[SortKey], list[Datum]]] = []
    for row in table_stream(table_slice, call.transaction).rows():
        assert isinstance(row, dict)
        found = [sort_key(key) for key in keys(row)]
        if groups and groups[-1][0] == found:
            groups[-1][1].append(row)
        else:
            groups.append((found, [row]))
    return [row for _, rows in groups for row in _sorted(rows, orders)]


@term(TermType.ASC, 1, 1)
def asc(call: Call) -> Value:
    """Mark an order as ascending."""
    return call.value(0)


@term(TermType.DESC, 1, 1)
def desc(call: Call) -> Value:
    """Mark an order as descending."""
    return call.value(0)


@term(TermType.DISTINCT, 1, 1, "index")
def distinct(call: Call) -> Value:
    """Return the different rows, or the different keys of an index."""
    value = call.value(0)
    index = call.optarg("index", as_string)
    if isinstance(value, (StoredTable, TableSlice)):
        table = value if isinstance(value, StoredTable) else value.table
        chosen = None if isinstance(value, StoredTable) else value.index
        name = index or table.primary_key
        if chosen in (None, name):
            return _distinct_keys(call, value, table, name, keys_only=index is not None)
    if index is not None:
        raise logic_error("Can only perform an indexed distinct on a TABLE.")
    return call.array(_distinct(call.to_stream(0, value).rows()))


def _distinct(rows: Iterable[Datum]) -> list[Datum]:
    pairs = sorted(((sort_key(row), row) for row in rows), key=lambda pair: pair[0])
    return [row for at, (key, row) in enumerate(pairs) if at == 0 or pairs[at - 1][0] != key]


def _distinct_keys(
    call: Call, value: StoredTable | TableSlice, table: StoredTable, index: str, *, keys_only: bool
) -> Value:
    keys = index_keys(table, index)
    stream = to_stream(value, call.transaction)
    if not keys_only:
        return DatumStream(lambda: iter(_distinct(stream.rows())))
    bounds = value.bounds if isinstance(value, TableSlice) else TableSlice(table).bounds

    def rows() -> Iterable[Datum]:
        for document in stream.rows():
            assert isinstance(document, dict)
            yield from (key for key in keys(document) if bounds.contains(key))

    return DatumStream(
        lambda: iter(_distinct(rows())), following="Cannot call `changes` after `distinct`."
    )
