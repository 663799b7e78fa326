"""Text of strangers on a terminal: made harmless, measured in columns, and shortened.

What stands in a document, or comes from a server, may hold anything: an escape sequence that
rewrites the screen, a line end that forges a line, a mark that turns the direction of all that
follows.

Sources: Unicode TR9 and TR36 (bidirectional marks), TR11 (East Asian width); ECMA-48, 5.3 (the
control characters of 8 bits, among them a CSI without an ESC).
"""

from __future__ import annotations

from unicodedata import category, combining, east_asian_width

ELLIPSIS = "…"

_HARMFUL = {"Cc", "Cf", "Cs", "Zl", "Zp"}
"""Control and format characters, halves of surrogate pairs, line and paragraph separators."""

_JOINERS = {"\u200c", "\u200d"}
"""Format characters without which words of some languages, and some emoji, cannot be written."""


def clean(text: str) -> str:
    r"""The text on one line, with `\x1b` and the like in the place of what is not for display."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(_escaped(character) for character in text)


def _escaped(character: str) -> str:
    if category(character) in _HARMFUL and character not in _JOINERS:
        return character.encode("unicode_escape").decode("ascii")
    return character


def columns(text: str) -> int:
    """How many columns of a terminal clean text takes."""
    return len(text) if text.isascii() else sum(map(_columns_of, text))


def _columns_of(character: str) -> int:
    if combining(character) or category(character) in {"Mn", "Me", "Cf"}:
        return 0
    return 2 if east_asian_width(character) in "WF" else 1


def shorten(text: str, most: int) -> str:
    """The text in at most so many columns, its end cut off if need be."""
    if columns(text) <= most:
        return text
    return _beginning(text, most - 1) + ELLIPSIS if most > 0 else ""


def shorten_middle(text: str, most: int) -> str:
    """The text in at most so many columns; its end, where URLs and keys differ, is kept."""
    if columns(text) <= most:
        return text
    if most < 3:
        return shorten(text, most)
    head = _beginning(text, most // 2)
    tail = _beginning(text[::-1], most - 1 - columns(head))[::-1]
    return head + ELLIPSIS + tail


def _beginning(text: str, most: int) -> str:
    taken = 0
    for index, character in enumerate(text):
        taken += _columns_of(character)
        if taken > most:
            return text[:index]
    return text
