"""A line of the view: pieces of text, each with its meaning, before it is coloured or not."""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum
from typing import NamedTuple, TypeAlias

from graphql_api.client.text import ELLIPSIS, columns, shorten


class Style(Enum):
    """The meaning of a text; its value is the SGR parameter that shows it (ECMA-48, 8.3.117).

    Only the basic colours, which every terminal's own theme makes legible; and no meaning is shown
    by colour alone.
    """

    PLAIN = ""
    NAME = "1"
    FAINT = "2"
    ADDED = "32"
    UPDATED = "33"
    DELETED = "31"
    FIELD = "36"
    GOOD = "1;32"
    ALARM = "1;31"


class Span(NamedTuple):
    """A piece of a line. Its text is clean."""

    text: str
    style: Style = Style.PLAIN


Line: TypeAlias = tuple[Span, ...]


def line_columns(line: Line) -> int:
    """How many columns of a terminal a line takes."""
    return sum(columns(span.text) for span in line)


def fit(line: Line, most: int | None) -> Line:
    """The line in at most so many columns; None is no limit."""
    if most is None or line_columns(line) <= most:
        return line
    fitted: list[Span] = []
    for span in line:
        taken = columns(span.text)
        if taken >= most:  # the rest has no room, not even if this has just enough
            fitted.append(Span(shorten(span.text + ELLIPSIS, most), span.style))
            break
        fitted.append(span)
        most -= taken
    return tuple(fitted)


def render(line: Line, *, color: bool) -> str:
    """The line as it is written, without its end."""
    if not color:
        return "".join(span.text for span in line).rstrip()
    return "".join(_colored(line))


def _colored(line: Line) -> Iterable[str]:
    for text, style in line:
        yield text if style is Style.PLAIN or not text else f"\x1b[{style.value}m{text}\x1b[0m"
