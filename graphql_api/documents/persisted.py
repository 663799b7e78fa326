"""Persisted documents: known by the sha256 of their text, so that clients need not send it.

```
 manifest file ──read and checked at the start──▶ for good      ─┐
 a client that sends text and sha256 together ──▶ for a while   ─┴─▶ text by sha256
```

Sources: the appendix "Persisted Documents" of https://graphql.github.io/graphql-over-http/draft/,
and Apollo's automatic persisted queries, whose codes and messages clients look for.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from hashlib import sha256
from types import MappingProxyType

from graphql import GraphQLError

PERSISTED_QUERY_NOT_FOUND = "PERSISTED_QUERY_NOT_FOUND"
PERSISTED_QUERY_HASH_MISMATCH = "PERSISTED_QUERY_HASH_MISMATCH"
PERSISTED_DOCUMENT_REQUIRED = "PERSISTED_DOCUMENT_REQUIRED"

SHA256_PREFIX = "sha256:"
"""What may stand before a document's sha256, to say that it is one."""

NO_MANIFEST: Mapping[str, str] = MappingProxyType({})


def document_id(text: str) -> str:
    """The id of a document: the sha256 of its text in UTF-8, as 64 lower-case hexadecimal digits.

    Raises:
        UnicodeEncodeError: The text is no Unicode.
    """
    return sha256(text.encode()).hexdigest()


_CHARS_OF_AN_ENTRY = 250
"""What remembering a text takes beside the text."""


class PersistedDocuments:
    """The texts of persisted documents, by their ids.

    Args:
        manifest: Those that are known for good.
        only: Whether no others may be executed.
        max_chars: How much room the texts that clients have registered may take; those used longest
            ago are forgotten first.
    """

    def __init__(
        self,
        manifest: Mapping[str, str] = NO_MANIFEST,
        *,
        only: bool = False,
        max_chars: int = 1_000_000,
    ) -> None:
        self._manifest = manifest
        self._only = only
        self._max_chars = max_chars
        self._chars = 0
        self._registered: OrderedDict[str, str] = OrderedDict()

    def __len__(self) -> int:
        return len(self._manifest) + len(self._registered)

    def text(self, id_: str) -> str:
        """The text with an id.

        Raises:
            GraphQLError: It is not known.
        """
        text = self._manifest.get(id_)
        if text is not None:
            return text
        text = self._registered.get(id_)
        if text is None:
            # Clients look for this very message, urql's for nothing else.
            raise _error("PersistedQueryNotFound", PERSISTED_QUERY_NOT_FOUND)
        self._registered.move_to_end(id_)
        return text

    def check(self, text: str, id_: str | None) -> None:
        """Whether a text that a client has sent may be executed.

        Args:
            text: The text.
            id_: The id by which the client means to name it later, if it does.

        Raises:
            GraphQLError: It may not, or that is not its id.
        """
        if id_ is None and not self._only:
            return
        actual = document_id(text)
        if id_ is not None and id_ != actual:
            raise _error(
                "the document does not have the sha256 that is given", PERSISTED_QUERY_HASH_MISMATCH
            )
        if self._only and actual not in self._manifest:
            raise _error(
                "this server executes the documents of its manifest only, and this is none of them",
                PERSISTED_DOCUMENT_REQUIRED,
            )

    def is_known(self, id_: str) -> bool:
        """Whether a text with this id is there."""
        return id_ in self._manifest or id_ in self._registered

    def register(self, id_: str, text: str) -> None:
        """Remember a text for a while, unless it is too long.

        The text is not known, it has this id, and its document is valid: a client that sends
        rubbish cannot displace the documents of others.
        """
        if len(text) > self._max_chars // 10:
            return
        self._registered[id_] = text
        self._chars += len(text) + _CHARS_OF_AN_ENTRY
        while self._chars > self._max_chars:
            _, forgotten = self._registered.popitem(last=False)
            self._chars -= len(forgotten) + _CHARS_OF_AN_ENTRY


def _error(message: str, code: str) -> GraphQLError:
    return GraphQLError(message, extensions={"code": code})
