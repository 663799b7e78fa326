"""Decodes documents into rows. One that cannot be read is counted and logged; the feed goes on."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Any, Final, Generic, TypeVar

from graphql_api.feeds.depth import PartialDocument
from graphql_api.feeds.keys import Key
from graphql_api.feeds.table import Document, FeedTable

RowT = TypeVar("RowT")

log = logging.getLogger("graphql_api.feeds.feed")

MAX_NAMED: Final = 100
"""How many documents the log names; a table full of broken ones must not fill the disk."""


class DocumentDecoder(Generic[RowT]):
    """Decodes the documents of one table.

    Args:
        table: What the documents become.
    """

    def __init__(self, table: FeedTable[RowT, Any]) -> None:
        self._table = table
        self._unread: set[str] = set()
        self._named: set[str] = set()

    @property
    def unread(self) -> int:
        """How many documents are not served, or without a part that could not be read."""
        return len(self._unread)

    def begin(self) -> None:
        """Forget the count: the whole table is about to be read."""
        self._unread.clear()

    def key(self, document: Document | None) -> str | None:
        """The served key of a document; None if it is of another kind than the table's.

        Then the document is not served.
        """
        if document is None:
            return None
        kind = self._table.key_kind
        stored = document.get(self._table.primary_key)
        key = kind.served(stored)
        if key is None:
            self._count(_printed(stored), f"is not served: its key is not {kind.what}")
        return key

    def stored_keys(self, keys: Iterable[str]) -> list[Key]:
        """The stored keys of the documents that are served by these keys."""
        stored = map(self._table.key_kind.stored, keys)
        return [key for key in stored if key is not None]

    def row(self, key: str, document: Document) -> RowT | None:
        """The row of a document; None if the document cannot be served."""
        try:
            row = self._table.decode(key, document)
        except Exception as error:  # noqa: BLE001 - a document, not a task, ends here
            # The error's text may quote the document, which can hold a password.
            self._count(_printed(key), f"is not served: {type(error).__name__} while reading it")
            return None
        if type(document) is PartialDocument:
            self._count(_printed(key), "is served without what is nested too deeply to be read")
        elif self._unread:
            self._unread.discard(_printed(key))
        return row

    def forget(self, document: Document | None) -> None:
        """Forget a document that has been deleted."""
        if self._unread and document is not None:
            self._unread.discard(_printed(document.get(self._table.primary_key)))

    def _count(self, key: str, problem: str) -> None:
        self._unread.add(key)
        if key in self._named or len(self._named) > MAX_NAMED:
            return
        self._named.add(key)
        if len(self._named) > MAX_NAMED:
            log.warning(
                "table %s: more documents cannot be read; the metric "
                "graphql_api_feed_unread_documents counts them",
                self._table.name,
            )
            return
        log.warning("table %s: the document %s %s", self._table.name, key, problem)


def _printed(key: object) -> str:
    """A key for the log and the count: its text would be the same for 5 and "5"."""
    text = repr(key)
    return text if len(text) <= 200 else f"{text[:199]}…"
