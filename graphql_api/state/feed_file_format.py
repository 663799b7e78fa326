"""The file in which a feed is kept: what is written into it, and read from it. Pure.

```
 magic │ header │ row │ row │ … │ change │ change │ …        each a record; changes are appended
```

A record is its length and its checksum, each 4 bytes, and its body. The header is JSON: the table's
name, what names it and what it is decoded to, and how many rows follow. A row is its key, with its
length in 2 bytes, and its bytes. A change is the digest of the table as of it, 8 bytes, a byte that
says what it is, the key, and the bytes.

A process that is killed while it writes leaves a record that is cut off: what is before it is read.
"""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from graphql_api.feeds.keeping import KeptChange, KeptFeed

MAGIC: Final = b"graphql-api feed 1\n"
_RECORD: Final = struct.Struct(">II")
_CHANGE: Final = struct.Struct(">QBH")
_CHANGE_RECORD: Final = struct.Struct(">IIQBH")
"""The beginnings of both, which are read at once: there may be 100 000 changes."""
_KEY: Final = struct.Struct(">H")
_HAS_ROW, _STAYS = 1, 2


class BrokenFileError(Exception):
    """A file cannot be used; the text says why, without the path."""


class FileHeader(NamedTuple):
    """The header of a file.

    Attributes:
        table: The table's name.
        names: See `KeptFeed`.
        rows: How many rows follow.
    """

    table: str
    names: tuple[str, ...]
    rows: int


def encoded(table: str, kept: KeptFeed) -> Iterator[bytes]:
    """A file's parts, in their order."""
    rows = list(kept.rows)
    header = {"table": table, "names": kept.names, "rows": len(rows)}
    yield MAGIC
    yield _record(json.dumps(header).encode())
    for key, packed in rows:
        name = key.encode()
        yield _record(_KEY.pack(len(name)) + name + packed)
    yield from map(encoded_change, kept.changes)


def encoded_change(change: KeptChange) -> bytes:
    """The record of a change."""
    name = change.key.encode()
    kind = (_HAS_ROW if change.after is not None else 0) | (_STAYS if change.stays else 0)
    head = _CHANGE.pack(change.digest, kind, len(name))
    return _record(head + name + (change.after or b""))


class FeedFileReader:
    """Reads the rows and the changes of a file.

    Args:
        data: Its bytes.

    Raises:
        BrokenFileError: It is not a file of this form, or its rows are not all there.
    """

    def __init__(self, data: bytes) -> None:
        if not data.startswith(MAGIC):
            raise BrokenFileError("it is of another version, or no such file")
        self._data = data
        self._view = memoryview(data)
        self._at = len(MAGIC)
        self.ends: list[int] = []
        """Where the rows end, and then each of the changes that have been read."""
        self.header = self._header()

    def _header(self) -> FileHeader:
        try:
            said = json.loads(self._record())
            return FileHeader(str(said["table"]), tuple(map(str, said["names"])), int(said["rows"]))
        except (
            *(ValueError, KeyError, TypeError),
            *(OverflowError, RecursionError),  # an infinite number of rows, a thousand brackets
        ) as error:
            raise BrokenFileError("its beginning is broken") from error

    def check(self, table: str, database: str, content_version: str) -> None:
        """Check that it can be used for a table.

        Raises:
            BrokenFileError: It is of another table, database or version.
        """
        header = self.header
        if header.table != table or header.names[:1] != (database,):
            raise BrokenFileError("it is of another table or database")
        if header.names[-1] != content_version:
            raise BrokenFileError("it is of another version")

    def rows(self) -> Iterator[tuple[str, bytes]]:
        """The rows; read them before the changes.

        Raises:
            BrokenFileError: They are not all there.
        """
        for _ in range(self.header.rows):
            try:
                row = _key_and_rest(self._record())
            except (ValueError, struct.error) as error:
                raise BrokenFileError("its rows are broken") from error
            yield row

    def changes(self) -> Iterator[KeptChange]:
        """The changes, as far as they are whole."""
        data, view, start, ends = self._data, self._view, self._at, self.ends
        names: dict[bytes, str] = {}  # a key is there once, however often it has changed
        while start + _CHANGE_RECORD.size <= len(data):
            length, checksum, digest, kind, key_length = _CHANGE_RECORD.unpack_from(data, start)
            body, end = start + _RECORD.size, start + _RECORD.size + length
            packed = start + _CHANGE_RECORD.size + key_length
            if not packed <= end <= len(data) or zlib.crc32(view[body:end]) != checksum:
                return
            name = data[start + _CHANGE_RECORD.size : packed]
            key = names.get(name)
            if key is None:
                try:
                    key = names[name] = name.decode()
                except ValueError:
                    return
            ends.append(end)
            after = data[packed:end] if kind & _HAS_ROW else None
            yield KeptChange(key, after, kind & _STAYS != 0, digest)
            start = end

    def _record(self) -> bytes:
        """The body of the next record.

        Raises:
            ValueError: It is not whole.
        """
        start = self._at + _RECORD.size
        if start > len(self._data):
            raise ValueError("there is no record")
        length, checksum = _RECORD.unpack_from(self._data, self._at)
        body = self._data[start : start + length]
        if len(body) != length or zlib.crc32(body) != checksum:
            raise ValueError("a record is cut off")
        self._at = start + length
        self.ends = [self._at]
        return body


def _record(body: bytes) -> bytes:
    return _RECORD.pack(len(body), zlib.crc32(body)) + body


def _key_and_rest(body: bytes) -> tuple[str, bytes]:
    (length,) = _KEY.unpack_from(body)
    at = _KEY.size
    return body[at : at + length].decode(), body[at + length :]


def in_pieces(parts: Iterable[bytes], size: int) -> Iterator[bytes]:
    """The same bytes in pieces of about a size."""
    piece: list[bytes] = []
    length = 0
    for part in parts:
        piece.append(part)
        length += len(part)
        if length >= size:
            yield b"".join(piece)
            piece, length = [], 0
    yield b"".join(piece)
