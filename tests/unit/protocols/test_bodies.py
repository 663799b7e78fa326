"""Which bodies are passed on as gzip, and what inflating them gives."""

from __future__ import annotations

import gzip
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graphql_api.limits.answer_memory import LARGE_BYTES
from graphql_api.protocols.bodies import _is_gzip, inflated


@pytest.mark.parametrize(
    ("member", "is_taken"),
    [
        (b"gzip", True),
        (b"gzip;q=0.1", True),
        (b"*", True),
        (b"x-gzip", True),
        (b"gzip;q=0", False),
        (b"gzip; q=0.000", False),
        (b"br", False),
        (b"gzipped", False),
    ],
)
def test_gzip_is_taken_by_those_who_say_so(member: bytes, is_taken: bool) -> None:
    assert _is_gzip(member) is is_taken


@given(st.binary(max_size=2000), st.integers(0, 300))
def test_inflating_gives_the_content_in_bounded_parts(content: bytes, times: int) -> None:
    content *= times
    parts = [*inflated(gzip.compress(content))]
    assert b"".join(parts) == content
    assert all(0 < len(part) <= LARGE_BYTES for part in parts)


@given(st.binary(min_size=1, max_size=2000), st.data())
def test_gzip_that_ends_too_soon_is_an_error(content: bytes, data: st.DataObject) -> None:
    whole = gzip.compress(content)
    end = data.draw(st.integers(0, len(whole) - 1))
    with pytest.raises(zlib.error):
        b"".join(inflated(whole[:end]))
