"""Durable cursors."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graphql_api.errors import BadCursorError
from graphql_api.log_feeds.cursor import Cursor, LogPlace, Mark, decode, encode, partition_digest
from graphql_api.log_feeds.source import MAX_SEQUENCE

SEQUENCES = st.integers(-1, MAX_SEQUENCE)
CURSORS = st.builds(
    Cursor,
    st.binary(min_size=8, max_size=8),
    st.integers(0, 255),
    st.builds(
        LogPlace,
        SEQUENCES,
        st.integers(0, MAX_SEQUENCE),
        st.builds(Mark, SEQUENCES, st.integers(0, MAX_SEQUENCE)),
    ),
    SEQUENCES,
)


@given(CURSORS)
def test_cursor_comes_back_as_it_was(cursor: Cursor) -> None:
    assert decode(encode(cursor)) == cursor


@given(CURSORS, st.integers(0, 77), st.characters())
def test_altered_cursor_is_refused(cursor: Cursor, place: int, character: str) -> None:
    text = encode(cursor)
    altered = text[:place] + character + text[place + 1 :]
    if altered != text:
        with pytest.raises(BadCursorError):
            decode(altered)


@given(st.text())
def test_any_text_is_refused(text: str) -> None:
    with pytest.raises(BadCursorError):
        decode(text)


def test_cursor_of_version_1_is_read_for_ever() -> None:
    """Clients keep cursors: a later version of the server reads this one, too."""
    cursor = Cursor(partition_digest("response", "j"), 7, LogPlace(5, 3, Mark(9, 1_700_000)), 11)
    kept = "R70sChEaAZQ2F1DwMGJQBwAAAAAAAAAFAAAAAAAAAAMAAAAAAAAACQAAAAAAGfCgAAAAAAAAAAs"
    assert encode(cursor) == kept
    assert decode(kept) == cursor
