"""Places in a document are those that graphql-core finds."""

from __future__ import annotations

from graphql import Source
from hypothesis import given
from hypothesis import strategies as st

from graphql_api.documents.documents import Documents
from graphql_api.documents.source import IndexedSource


@given(st.text(st.sampled_from("a\r\n")), st.lists(st.integers(0, 30)), st.integers(1, 40))
def test_locations_are_those_of_graphql_core(text: str, positions: list[int], block: int) -> None:
    source = IndexedSource(text, block)
    for position in positions:
        if text[max(position - 1, 0) : position + 1] == "\r\n":
            continue  # nothing begins there
        assert source.get_location(position) == Source(text).get_location(position)


def test_documents_of_clients_find_their_lines_once() -> None:
    node = Documents(max_chars=0).parse("{ a\n b }").node
    assert node.loc is not None
    assert isinstance(node.loc.source, IndexedSource)
