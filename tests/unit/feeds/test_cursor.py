"""Cursors survive the way to the client and back, and nothing else does."""

from __future__ import annotations

import hypothesis.strategies as st
import pytest
from hypothesis import given

from graphql_api.errors import BadCursorError
from graphql_api.feeds.cursor import At, Cursor, Incomplete, Within, decode, encode
from graphql_api.feeds.events import Point

eight = st.binary(min_size=8, max_size=8)
points = st.builds(Point, st.integers(0, 2**64 - 1), st.integers(0, 2**64 - 1))
any_cursor: st.SearchStrategy[Cursor] = st.one_of(
    st.builds(Incomplete, eight),
    st.builds(At, eight, eight, points),
    st.builds(Within, eight, eight, points, points, st.text(max_size=127)),
)


@given(any_cursor)
def test_a_cursor_comes_back_as_it_was(cursor: Cursor) -> None:
    assert decode(encode(cursor)) == cursor


@given(any_cursor, st.data())
def test_an_altered_cursor_is_refused(cursor: Cursor, data: st.DataObject) -> None:
    text = encode(cursor)
    index = data.draw(st.integers(0, len(text) - 1))
    letter = data.draw(st.characters().filter(lambda c: c != text[index]))
    with pytest.raises(BadCursorError):
        decode(text[:index] + letter + text[index + 1 :])


@given(st.text())
def test_any_other_text_is_refused(text: str) -> None:
    with pytest.raises(BadCursorError):
        decode(text)


@given(any_cursor)
def test_a_cursor_is_short_enough_for_a_url(cursor: Cursor) -> None:
    assert len(encode(cursor)) <= (1024 if isinstance(cursor, Within) else 56)
    assert encode(cursor).isascii()
