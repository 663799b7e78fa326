"""The order of an index: what is read is what sorting all documents would give."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from graphql_api.embedded.index_order import IndexOrder
from graphql_api.embedded.ordering import sort_key
from graphql_api.embedded.primary_key import primary_key

Documents = dict[str, dict[str, Any]]

VALUES = st.one_of(st.integers(0, 6), st.sampled_from(["a", "b", "\x00", True, [1], [1, 2]]))
KEYS = st.one_of(st.integers(-3, 12), st.sampled_from(["x", "y\U0010fffe", True]))
WRITES = st.lists(st.tuples(KEYS, st.lists(VALUES, max_size=3) | st.none()), max_size=30)


def keys_of(document: Mapping[str, Any]) -> list[Any]:
    """The keys of a document in an index with several."""
    return list(document["v"])


def write(documents: Documents, order: IndexOrder | None, key: Any, values: Any) -> None:
    text = primary_key(key)
    old, new = documents.get(text), None if values is None else {"id": key, "v": values}
    if new is None:
        documents.pop(text, None)
    else:
        documents[text] = new
    if order is not None:
        order.on_change(text, old, new)


def in_order(documents: Documents, left: Any, right: Any, **bounds: bool) -> list[Any]:
    """The same by sorting everything."""
    low, high = sort_key(left), sort_key(right)
    found = [
        (sort_key(value), text)
        for text, document in documents.items()
        for value in keys_of(document)
        if (low < sort_key(value) or (low == sort_key(value) and not bounds["left_open"]))
        and (sort_key(value) < high or (sort_key(value) == high and not bounds["right_open"]))
    ]
    found.sort(reverse=bounds["descending"])
    return [documents[text]["id"] for _, text in found]


@given(
    before=WRITES,
    after=WRITES,
    left=VALUES,
    right=VALUES,
    left_open=st.booleans(),
    right_open=st.booleans(),
    descending=st.booleans(),
)
def test_rows_are_those_that_sorting_the_table_gives(
    before: list[Any], after: list[Any], left: Any, right: Any, **bounds: bool
) -> None:
    documents: Documents = {}
    for key, values in before:
        write(documents, None, key, values)
    order = IndexOrder(documents, keys_of)
    for key, values in after:
        write(documents, order, key, values)
    found = [row["id"] for row in order.rows(sort_key(left), sort_key(right), **bounds)]
    assert found == in_order(documents, left, right, **bounds)


def test_read_of_several_batches_sees_what_is_written_behind_its_place() -> None:
    documents: Documents = {}
    for number in range(0, 2000, 2):
        write(documents, None, number, [number])
    order = IndexOrder(documents, keys_of)
    bounds = {"left_open": False, "right_open": True, "descending": False}
    rows = order.rows(sort_key(0), sort_key(3000), **bounds)
    found: list[Any] = [next(rows)["id"] for _ in range(600)]
    for number in range(1, 2001, 2):
        write(documents, order, number, [number])
    write(documents, order, 1500, None)
    found += [row["id"] for row in rows]
    assert found == sorted(set(found))
    assert set(range(0, 2000, 2)) - {1500} <= set(found)
    assert set(range(1601, 2001, 2)) <= set(found)
    assert 1 not in found
