"""The text of a document, whose lines are found once for all errors that name places in it.

graphql-core looks through the whole text for each error: a long document with a hundred fields that
fail takes a millisecond for each of them.

Source: `Source.get_location` in graphql/language/source.py of graphql-core 3.3.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from functools import cached_property
from itertools import islice
from typing import Final

from graphql import Source
from graphql.language.location import SourceLocation

_NEWLINE: Final = re.compile(r"\r\n|[\n\r]")

MAX_NEWLINES: Final = 5_000
"""How many are remembered; a text may be megabytes of them."""


class IndexedSource(Source):
    """A `Source` that remembers where its lines end."""

    def get_location(self, position: int) -> SourceLocation:
        """The line and column of a character, both counted from 1."""
        if self._newlines is None:
            return super().get_location(position)
        starts, ends = self._newlines
        line = bisect_left(starts, position)
        return SourceLocation(line + 1, position + 1 - (ends[line - 1] if line else 0))

    @cached_property
    def _newlines(self) -> tuple[list[int], list[int]] | None:
        """Where newlines begin, and where they end; None, if they would take much memory."""
        matches = islice(_NEWLINE.finditer(self.body), MAX_NEWLINES + 1)
        found = [match.span() for match in matches]
        if len(found) > MAX_NEWLINES:
            return None
        return [start for start, _ in found], [end for _, end in found]
