"""Interface to stored documents. `graphql_api.rethink` implements it; tests fake it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol, TypeAlias, TypeVar

from graphql_api.feeds.archive import ArchivePlace, Lookup, Outside, Spot, WantedValue
from graphql_api.feeds.keys import Key
from graphql_api.feeds.part import TablePart
from graphql_api.feeds.table import Document

T = TypeVar("T")

Rewrite: TypeAlias = Callable[[Document | None], Document | None]
"""What becomes of a document: from what is stored, None if nothing is, to what shall be; None
deletes it. It is called again when somebody else was faster, so it must do nothing else; what it
raises is raised to the caller of the write, and nothing is written."""


class Run(Protocol):
    """A way to call a function: at once, or beside the event loop."""

    def __call__(self, work: Callable[[], T], /) -> Awaitable[T]:
        """Run the function; return or raise what it does."""


async def at_once(work: Callable[[], T], /) -> T:
    """Call a function that is quick."""
    return work()


@dataclass(frozen=True, slots=True)
class Write:
    """A write as the database has it: the document before and after."""

    old: Document | None
    new: Document | None


@dataclass(frozen=True, slots=True)
class BodyLayout:
    """The table and the fields in which the bodies of an insert-only table's rows are stored.

    Attributes:
        table: The table of the rows, by sequence.
        partition: The field of a row that names its owner.
        owner: The table of owners.
        body_key: The field of a row that holds the key of its body, a BINARY.
        type: The field of a row that holds the body's media type.
        body_table: The table of bodies.
        content: The field of a body that holds the content, a BINARY.
        is_compressed: The field of a body that says whether the content is gzip.
    """

    table: str
    partition: str
    owner: str
    body_key: str
    type: str
    body_table: str
    content: str
    is_compressed: str


@dataclass(frozen=True, slots=True)
class StoredBody:
    """A body, without its content.

    Attributes:
        key: Its key.
        size: How many bytes its content has as it is stored.
        is_compressed: Whether that is gzip.
        content_type: Its media type, as a stranger's server has sent it.
    """

    key: bytes
    size: int
    is_compressed: bool
    content_type: str | None


PART_BYTES: Final = 524_288
"""How much of a body is read at once: decoding the database's reply takes some milliseconds."""


class Bodies(Protocol):
    """The bodies of an insert-only table's rows. Each method raises DatabaseError."""

    async def find(self, sequence: int) -> StoredBody | None:
        """The body of a row, without its content; None if there is no such row, owner or body."""

    async def part(self, body: StoredBody, begin: int, end: int) -> bytes | None:
        """The bytes [begin, end) of a body as it is stored; None if it is not there any more."""


class Store(Protocol):
    """The documents of a database."""

    async def get(self, table: str, key: Key) -> Document | None:
        """The document with a key, as it is stored.

        Raises:
            DatabaseUnavailableError: No connection, it is lost, or the server does not answer.
            DatabaseRefusedError: Wrong credentials, or a permission is missing.
            TableMissingError: The database or the table does not exist.
        """

    async def find(self, table: str, field: str, value: str) -> list[Document]:
        """The documents that have a value in a field, in no order.

        Raises:
            DatabaseError: As from `get`.
        """

    async def read(self, table: str, keys: Sequence[Key], part: TablePart) -> list[Document]:
        """The documents with some keys, or the part of them, in no order.

        Raises:
            DatabaseError: As from `get`.
        """

    async def look_outside(self, outside: Outside, spot: Spot | None, *, limit: int) -> Lookup:
        """Look at some documents, the latest first, for those outside of a window.

        Args:
            outside: Which documents are looked for.
            spot: Where to go on, from the look before; None to begin with the latest.
            limit: How many are looked at, at most.

        Raises:
            DatabaseError: As from `get`.
        """

    async def look_at_keys(self, outside: Outside, keys: Sequence[str]) -> list[ArchivePlace]:
        """The places, in no order, of the documents outside of a window that have some keys.

        Raises:
            DatabaseError: As from `get`.
        """

    async def delete_if(self, table: str, key: Key, wanted: WantedValue) -> bool:
        """Delete a document that meets a condition at that moment; it is not read for that.

        Returns:
            Whether it was deleted: it is not there, or does not meet the condition, if not.

        Raises:
            OutcomeUnknownError: As from `write`.
            DatabaseError: As from `get`.
        """

    async def delete_some(self, table: str, index: str, first: str, *, limit: int) -> int:
        """Delete documents by an index of several fields, of which the first has a value.

        Returns:
            How many were deleted, `limit` at most.

        Raises:
            OutcomeUnknownError: As from `write`.
            DatabaseError: As from `get`.
        """

    async def write(self, table: str, key: Key, change: Rewrite, *, run: Run = at_once) -> Write:
        """Change the document with a key: one atomic step from what `change` was given.

        Args:
            table: Its table.
            key: Its key.
            change: Makes the new document from the stored one; either is None if there is none.
            run: How to call `change`, which may take long.

        Whatever `change` has decided by the stored document still holds at the moment of writing:
        if it has changed in between, nothing is written, and `change` is called again.

        Returns:
            What was replaced, and by what.

        Raises:
            OutcomeUnknownError: The connection was lost, or the server did not answer, with the
                write on its way.
            DatabaseError: As from `get`, or the database refuses the write; nothing was written.
        """
