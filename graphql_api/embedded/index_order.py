"""The documents of a table in the order of an index, kept from the first read in that order on.

A read within bounds takes its place in logarithmic time, and a batch of it costs as much as the
batch is long. Like a read of RethinkDB, one that goes on for several batches finds its place again
by the last key: it sees what was written behind that place between two batches.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from typing import TYPE_CHECKING, TypeAlias

from graphql_api.embedded.ordering import sort_key

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from graphql_api.embedded.datum import Datum, Document
    from graphql_api.embedded.ordering import SortKey

_Entry: TypeAlias = "tuple[SortKey, str]"
"""A key in the index, and the text of the document's primary key."""

_CHUNK = 256
"""How many documents are looked up at a time."""


class IndexOrder:
    """The entries of one index, sorted.

    Args:
        documents: Those of the table, which the order looks up and never changes.
        keys: Returns the keys of a document in the index.
    """

    __slots__ = ("_documents", "_entries", "_keys")

    def __init__(
        self, documents: dict[str, Document], keys: Callable[[Document], list[Datum]]
    ) -> None:
        self._documents = documents
        self._keys = keys
        self._entries = sorted(
            entry for text, document in documents.items() for entry in self._of(text, document)
        )

    def on_change(self, text: str, old: Document | None, new: Document | None) -> None:
        """Process a committed write to the document with a primary key's text."""
        gone = [] if old is None else self._of(text, old)
        come = [] if new is None else self._of(text, new)
        if gone == come:
            return
        entries = self._entries
        for entry in gone:
            del entries[bisect_left(entries, entry)]
        for entry in come:
            if not entries or entry > entries[-1]:
                entries.append(entry)
            else:
                insort(entries, entry)

    def rows(
        self,
        left: SortKey,
        right: SortKey,
        *,
        left_open: bool,
        right_open: bool,
        descending: bool,
    ) -> Iterator[Document]:
        """Yield the documents whose keys lie between two keys, once for each key."""
        entries = self._entries
        low = (left, _LAST if left_open else _FIRST)
        high = (right, _FIRST if right_open else _LAST)
        at, end = bisect_left(entries, low), bisect_left(entries, high)
        while at < end:
            if descending:
                part = entries[max(at, end - _CHUNK) : end]
            else:
                part = entries[at : min(end, at + _CHUNK)]
            for _, text in reversed(part) if descending else part:
                document = self._documents.get(text)
                if document is not None:
                    yield document
            # Others may have written since.
            if descending:
                at, end = bisect_left(entries, low), bisect_left(entries, part[0])
            else:
                at, end = bisect_right(entries, part[-1]), bisect_left(entries, high)

    def _of(self, text: str, document: Document) -> list[_Entry]:
        return [(sort_key(key), text) for key in self._keys(document)]


_FIRST, _LAST = "", "\U0010ffff" * 130
"""Before and behind every text of a primary key, which has 128 bytes at most."""
