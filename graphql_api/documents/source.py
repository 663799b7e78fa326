"""The text of a document, whose lines are counted once for all errors that name places in it.

graphql-core looks through the whole text for each error: a long document with a hundred fields that
fail takes a millisecond for each of them.

Source: `Source.get_location` in graphql/language/source.py of graphql-core 3.3.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from graphql import Source
from graphql.language.location import SourceLocation

_BLOCK: Final = 65_536


class IndexedSource(Source):
    """A `Source` that remembers of each block of its text which line it begins in.

    Args:
        body: The text.
        block: How many characters are a block.
    """

    def __init__(self, body: str, block: int = _BLOCK) -> None:
        super().__init__(body)
        self._block = block
        self._places = [_Place(0, 0)]

    def get_location(self, position: int) -> SourceLocation:
        """The line and column of a character, both counted from 1."""
        places, size = self._places, self._block
        block = position // size
        while len(places) <= block:
            places.append(self._place(len(places) - 1, len(places) * size))
        place = self._place(block, position)
        return SourceLocation(place.lines + 1, position - place.line_start + 1)

    def _place(self, block: int, end: int) -> _Place:
        """The place of a character of a block, or of the first one behind it."""
        body, start, before = self.body, block * self._block, self._places[block]
        lines = body.count("\n", start, end)
        line_start = body.rfind("\n", start, end) + 1
        returns = body.count("\r", max(start - 1, 0), end)
        if returns:
            lines += body.count("\r", start, end) - body.count("\r\n", max(start - 1, 0), end)
            line_start = max(line_start, body.rfind("\r", start, end) + 1)
        return _Place(before.lines + lines, line_start or before.line_start)


class _Place(NamedTuple):
    """How many lines end before a character, and where its own line begins.

    CRLF ends one line, which is counted where its CR is.
    """

    lines: int
    line_start: int
