"""Parsed documents, remembered: clients send the same few again and again."""

from __future__ import annotations

from collections import OrderedDict

from graphql import DocumentNode, parse


class Documents:
    """The documents that parsed, as many of those used last as fit.

    Only documents without a syntax error are remembered, and none that would take more than a tenth
    of the room: nobody can push out what others use by sending rubbish.

    Args:
        max_chars: How long the remembered texts may be together; a parsed document takes about a
            hundred bytes for each character.
        max_tokens: How many tokens a document may have; parsing holds up everybody.
    """

    def __init__(self, *, max_chars: int = 200_000, max_tokens: int = 10_000) -> None:
        self._max_chars = max_chars
        self._max_tokens = max_tokens
        self._chars = 0
        self._parsed: OrderedDict[str, DocumentNode] = OrderedDict()

    def __len__(self) -> int:
        return len(self._parsed)

    def parse(self, text: str) -> DocumentNode:
        """The document of a text; nobody may change it.

        Raises:
            GraphQLSyntaxError: It has an error, or too many tokens, or is nested too deeply.
        """
        document = self._parsed.get(text)
        if document is not None:
            self._parsed.move_to_end(text)
            return document
        document = parse(text, max_tokens=self._max_tokens)
        if len(text) <= self._max_chars // 10:
            self._parsed[text] = document
            self._chars += len(text)
            while self._chars > self._max_chars:
                forgotten, _ = self._parsed.popitem(last=False)
                self._chars -= len(forgotten)
        return document
