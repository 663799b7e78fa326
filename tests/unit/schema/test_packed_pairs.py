"""Pairs that are held as bytes: a sequence like any other, in few objects."""

from __future__ import annotations

import gc

from hypothesis import given
from hypothesis import strategies as st

from graphql_api.schema.packed_pairs import PackedPairs
from graphql_api.tables.response import RESPONSES, ResponseHeader
from tests.server.results import response

TEXTS = st.text(st.characters(exclude_categories=["Cs"]))
PAIRS = st.lists(st.tuples(TEXTS, TEXTS))


def pair(name: str, value: str) -> tuple[str, str]:
    return name, value


@given(PAIRS, PAIRS)
def test_packed_pairs_are_the_sequence_that_was_packed(
    pairs: list[tuple[str, str]], others: list[tuple[str, str]]
) -> None:
    packed = PackedPairs(pairs, pair)
    assert list(packed) == pairs
    assert len(packed) == len(pairs)
    assert [packed[index] for index in range(len(pairs))] == pairs
    assert list(packed[1:]) == pairs[1:]
    assert (packed == PackedPairs(others, pair)) is (pairs == others)
    assert hash(packed) == hash(PackedPairs(list(pairs), pair))


def test_rows_of_responses_hold_no_object_for_each_header() -> None:
    headers = [text for number in range(50) for text in (f"X-{number}", "value")]
    documents = [response(number, "j1", headers=headers) for number in range(100)]
    gc.collect()
    before = len(gc.get_objects())
    rows = [RESPONSES.decode(document) for document in documents]
    assert len(gc.get_objects()) - before < 6 * len(rows)
    assert rows[7].headers is not None
    assert rows[7].headers[49] == ResponseHeader(name="X-49", value="value")
