"""Several lines of a header are one list."""

from __future__ import annotations

from starlette.datastructures import Headers

from graphql_api.headers import joined_lines, list_members

LINES = [(b"a", b"x, Y"), (b"b", b"z"), (b"a", b",  w ,")]


def test_lines_of_one_header_are_one_list() -> None:
    assert list_members(LINES, b"a") == [b"x", b"y", b"w"]
    assert list_members(LINES, b"c") == []


def test_lines_of_one_header_are_joined_in_their_order() -> None:
    headers = Headers(raw=LINES)
    assert joined_lines(headers, "a") == "x, Y, ,  w ,"
    assert joined_lines(headers, "c") == ""
