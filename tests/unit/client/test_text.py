from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from graphql_api.client.text import clean, columns, shorten, shorten_middle
from tests.for_each import for_each

CLEAN = st.text().map(clean)


@for_each(
    ("text", "expected"),
    [
        ("plain", "plain"),
        ("\x1b[2J\x1b]0;title\x07", "\\x1b[2J\\x1b]0;title\\x07"),
        ("a\nb\r\tc", "a\\nb\\r\\tc"),
        ("\x9b31m", "\\x9b31m"),
        ("\u202egnp.exe", "\\u202egnp.exe"),
        ("\u2066x\u2069", "\\u2066x\\u2069"),
        ("\ud800", "\\ud800"),
        ("a\u2028b", "a\\u2028b"),
        ("\U000e0041", "\\U000e0041"),
        ("Grüße, 世界, नमस्ते", "Grüße, 世界, नमस्ते"),
        ("क्\u200dष, 👩\u200d🚀", "क्\u200dष, 👩\u200d🚀"),
    ],
)
def test_what_is_not_for_display_is_escaped(text: str, expected: str) -> None:
    assert clean(text) == expected


@given(st.text())
def test_clean_text_has_no_control_characters_and_can_be_written(text: str) -> None:
    cleaned = clean(text)
    assert all(c.isprintable() or c.isspace() or ord(c) > 0xA0 for c in cleaned)
    assert len(cleaned.splitlines()) <= 1
    cleaned.encode()  # raises for half of a surrogate pair
    assert clean(cleaned) == cleaned


@for_each(
    ("text", "expected"), [("abc", 3), ("世界", 4), ("e\u0301", 1), ("é", 1), ("", 0), ("🚀", 2)]
)
def test_columns_are_those_of_a_terminal(text: str, expected: int) -> None:
    assert columns(text) == expected


@given(CLEAN, st.integers(0, 30))
def test_shortened_text_fits_and_what_fits_is_left_alone(text: str, most: int) -> None:
    for short in (shorten(text, most), shorten_middle(text, most)):
        assert columns(short) <= most
        assert (short == text) == (columns(text) <= most)


def test_both_ends_of_a_url_are_kept() -> None:
    assert shorten_middle("https://example.com/a/long/path/page-1", 16) == "https://…/page-1"
    assert shorten("Crawl of everything", 8) == "Crawl o…"
