"""Places in a document are those that graphql-core finds."""

from __future__ import annotations

from graphql import Source
from hypothesis import given
from hypothesis import strategies as st

from graphql_api.documents.documents import Documents
from graphql_api.documents.source import MAX_NEWLINES, IndexedSource


@given(st.text(st.sampled_from("a\r\n")), st.integers(0, 30))
def test_location_is_that_of_graphql_core(text: str, position: int) -> None:
    assert IndexedSource(text).get_location(position) == Source(text).get_location(position)


def test_documents_of_clients_find_their_lines_once() -> None:
    node = Documents(max_chars=0).parse("{ a\n b }").node
    assert node.loc is not None
    assert isinstance(node.loc.source, IndexedSource)
    assert node.loc.source._newlines is node.loc.source._newlines


def test_of_a_text_with_very_many_lines_none_is_remembered() -> None:
    text = "\n" * (MAX_NEWLINES + 1)
    source = IndexedSource(text)
    assert source._newlines is None
    assert source.get_location(7) == Source(text).get_location(7)
