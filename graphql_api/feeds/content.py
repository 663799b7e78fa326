"""Digests of a table's content, which are the same on every server of the same database.

The digest of a table is a number of 64 bits: one that stands for the table itself, XORed with the
hash of each row. So it follows each change in a microsecond, and does not depend on the order in
which the changes came.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from hashlib import blake2b
from typing import Final

DIGEST_BYTES: Final = 8
_SALT_BYTES: Final = blake2b.SALT_SIZE


class ContentHash:
    """Hashes the rows of one table.

    The key of the hash is derived from what names the table, so it is no secret: see "What a
    hostile writer gains" in `docs/architecture.md`.

    Args:
        names: What names the table and what it is decoded to: the database, the table's UUID there,
            the version of the decoding. Digests with different names have nothing in common.
    """

    __slots__ = ("_begun", "empty", "names")

    def __init__(self, *names: str) -> None:
        self.names = names
        named = blake2b(
            json.dumps(names).encode(), digest_size=DIGEST_BYTES + _SALT_BYTES, person=b"feed-table"
        ).digest()
        # Copied for each row: to begin takes as long as to hash one.
        self._begun = blake2b(digest_size=DIGEST_BYTES, salt=named[DIGEST_BYTES:])
        self.empty = int.from_bytes(named[:DIGEST_BYTES], "big")
        """The digest of the table without a row: not 0, or all empty tables would be the same."""

    def row(self, key: str, content: bytes) -> int:
        """The hash of a row.

        Args:
            key: Its key.
            content: The bytes that stand for its value; see `Packing.content`.
        """
        return _finished(self._of_key(key), content)

    def of_rows(self) -> Callable[[str, bytes], int]:
        """A function that does the same as `row`, and remembers each key: for many rows."""
        of_keys: dict[str, blake2b] = {}

        def row(key: str, content: bytes) -> int:
            of_key = of_keys.get(key)
            if of_key is None:
                of_key = of_keys[key] = self._of_key(key)
            return _finished(of_key, content)

        return row

    def _of_key(self, key: str) -> blake2b:
        name = key.encode("utf-8", "surrogatepass")
        begun = self._begun.copy()
        begun.update(b"%d:%b" % (len(name), name))
        return begun


def _finished(of_key: blake2b, content: bytes) -> int:
    hashed = of_key.copy()
    hashed.update(content)
    return int.from_bytes(hashed.digest(), "big")
