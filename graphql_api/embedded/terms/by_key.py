"""Documents of a table, chosen by their keys: `get`, `get_all`, `between`.

Source: src/rdb_protocol/terms/db_table.cc, seq.cc (`between_term_t`).
"""

from __future__ import annotations

from collections import Counter
from itertools import chain
from typing import TYPE_CHECKING

from graphql_api.embedded.datum import (
    MAXVAL,
    MINVAL,
    Datum,
    Document,
    as_string,
    pretty_print,
    pseudo_type,
    type_name,
)
from graphql_api.embedded.errors import logic_error, non_existence_error
from graphql_api.embedded.following import Following
from graphql_api.embedded.ordering import sort_key
from graphql_api.embedded.primary_key import primary_key
from graphql_api.embedded.ql2 import TermType
from graphql_api.embedded.stored_table import StoredTable
from graphql_api.embedded.streams import covered_rows, index_keys, ordered_rows
from graphql_api.embedded.term import Call, term
from graphql_api.embedded.terms.sequences import open_bound
from graphql_api.embedded.values import (
    Bounds,
    DatumStream,
    Selection,
    SingleSelection,
    TableSlice,
    Value,
    wrong_value_type,
)

if TYPE_CHECKING:
    from collections.abc import Iterator


@term(TermType.GET, 2, 2)
def get(call: Call) -> Value:
    """Return the document with a primary key, null if there is none."""
    target = call.table(0)
    key = call.datum(1)
    transaction = call.transaction

    def read() -> Datum:
        return transaction.get(target, primary_key(key))

    # The key is checked here, as RethinkDB does when it reads the row: the error is this term's.
    primary_key(key)
    return SingleSelection(target, read, key)


@term(TermType.GET_ALL, 1, None, "index")
def get_all(call: Call) -> Value:
    """Return the documents that have one of the keys, as often as the key is given."""
    target = call.table(0)
    index = call.optarg("index", as_string)
    wanted: Counter[object] = Counter()
    sought: list[Datum] = []
    texts: list[str] = []
    for position in range(1, call.count):
        key = call.datum(position)
        if pseudo_type(key) == "GEOMETRY":
            raise call.at(
                position,
                logic_error(
                    "Cannot use a geospatial index with `get_all`. Use `get_intersecting` instead."
                ),
            )
        if key is None:
            raise call.at(position, non_existence_error("Keys cannot be NULL."))
        wanted[_hashable(key)] += 1
        sought.append(key)
        if index in (None, target.primary_key):
            texts.append(primary_key(key))
    if texts or not wanted:
        return Selection(target, _by_primary_key(call, target, Counter(texts)))
    keys = index_keys(target, index)

    transaction = call.transaction

    def covers(document: Document) -> int:
        return sum(wanted[_hashable(key)] for key in keys(document))

    def rows() -> Iterator[Datum]:
        if transaction.has_written(target):
            return covered_rows(target, covers, transaction)
        ranges = (TableSlice(target, index, bounds=Bounds(key, key)) for key in sought)
        return chain.from_iterable(
            ordered_rows(each, transaction, descending=False) for each in ranges
        )

    return Selection(target, DatumStream(rows, following=Following(target, covers)))


def _hashable(key: Datum) -> object:
    # The order's keys hold lists, which cannot be hashed; their text can.
    return repr(sort_key(key))


def _by_primary_key(call: Call, target: StoredTable, texts: Counter[str]) -> DatumStream:
    transaction = call.transaction

    def rows() -> Iterator[Datum]:
        for text in texts.elements():
            document = transaction.get(target, text)
            if document is not None:
                yield document

    def covers(document: Document) -> int:
        return texts[primary_key(document[target.primary_key])]

    return DatumStream(rows, following=Following(target, covers))


@term(TermType.BETWEEN, 3, 3, "index", "left_bound", "right_bound")
def between(call: Call) -> Value:
    """Return the documents whose keys lie between two bounds."""
    value = call.value(0)
    if isinstance(value, StoredTable):
        value = TableSlice(value)
    if not isinstance(value, TableSlice):
        raise call.at(0, wrong_value_type(value, "TABLE_SLICE"))
    left_open = open_bound(call, "left_bound", default=False)
    right_open = open_bound(call, "right_bound", default=True)
    bounds = Bounds(_bound(call, 1), _bound(call, 2), left_open, right_open)
    index = call.optarg("index", as_string) or value.index or value.table.primary_key
    if value.bounds != Bounds():
        raise logic_error("Cannot perform multiple BETWEENs on the same table.")
    if value.index not in (None, index):
        raise logic_error(
            f"Cannot call BETWEEN on index `{index}` after ordering on index `{value.index}`."
        )
    index_keys(value.table, index)  # it must exist
    return TableSlice(value.table, index, value.sorting, bounds)


def _bound(call: Call, position: int) -> Datum:
    bound = call.datum(position)
    if bound is None:
        raise call.at(
            position,
            logic_error(
                "Cannot use `null` in BETWEEN, use `r.minval` or `r.maxval` to denote "
                "unboundedness."
            ),
        )
    if bound not in (MINVAL, MAXVAL) and (isinstance(bound, dict) and pseudo_type(bound) is None):
        raise call.at(
            position,
            logic_error(
                "Secondary keys must be a number, string, bool, pseudotype, or array (got "
                f"{pretty_print(bound)} of type {type_name(bound)})."
            ),
        )
    return bound
