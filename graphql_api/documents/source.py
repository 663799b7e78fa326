"""The text of a document, whose lines are counted once for all errors that name places in it.

graphql-core looks through the whole text for each error: a long document with a hundred fields that
fail takes a millisecond for each of them.

Source: `Source.get_location` in graphql/language/source.py of graphql-core 3.3.
"""

from __future__ import annotations

from typing import Final

from graphql import Source
from graphql.language.location import SourceLocation

_BLOCK: Final = 65_536


class IndexedSource(Source):
    """A `Source` that remembers how many lines end before each block of its text.

    Args:
        body: The text.
        block: How many characters are a block.
    """

    def __init__(self, body: str, block: int = _BLOCK) -> None:
        super().__init__(body)
        self._block = block
        self._ends_before = [0]

    def get_location(self, position: int) -> SourceLocation:
        """The line and column of a character, both counted from 1."""
        before, size = self._ends_before, self._block
        block = position // size
        while len(before) <= block:
            end = len(before) * size
            before.append(before[-1] + self._line_ends(end - size, end))
        ends = before[block] + self._line_ends(block * size, position)
        start = max(self.body.rfind("\n", 0, position), self.body.rfind("\r", 0, position)) + 1
        return SourceLocation(ends + 1, position - start + 1)

    def _line_ends(self, start: int, end: int) -> int:
        """How many lines end in a part of the text; CRLF ends one, where its CR is."""
        pairs = self.body.count("\r\n", max(start - 1, 0), end)
        return self.body.count("\n", start, end) + self.body.count("\r", start, end) - pairs
