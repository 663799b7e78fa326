"""Interface of a database with logs. `graphql_api.rethink` implements it; tests fake it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol

from graphql_api.feeds.table import Document

MAX_SEQUENCE = 2**53 - 1
"""The highest sequence that a double holds exactly, as RethinkDB and JavaScript have numbers."""


@dataclass(frozen=True, slots=True)
class LogLayout:
    """The table, the indexes and the fields by which a log is stored.

    Attributes:
        table: The table's name.
        key: The field of the sequence, which is the primary key.
        partition: The field of the partition.
        index: The index of [partition, sequence].
        owner: The table of the partitions' owners: its key is the partition.
        owner_fields: The fields of an owner that are read.
    """

    table: str
    key: str
    partition: str
    index: str
    owner: str
    owner_fields: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Batch:
    """Some rows of a partition in the order of their sequences.

    Attributes:
        documents: The rows; those whose sequence is no whole number from 0 on are left out.
        upto: All rows up to this sequence are among them.
        is_last: Whether these are all rows that were asked for.
    """

    documents: Sequence[Document]
    upto: int
    is_last: bool


class LogSource(Protocol):
    """A database with insert-only tables.

    Every method raises DatabaseError if it cannot be done.
    """

    def inserts(
        self, log: LogLayout, partition: str
    ) -> AbstractAsyncContextManager[AsyncIterator[Document]]:
        """The rows of a partition that are inserted from now on, until the context is left.

        When the context is entered, every row is either visible to reads, or comes here. A row that
        is inserted later comes here, and may be visible to reads before.
        """

    async def read(
        self, log: LogLayout, partition: str, *, after: int, upto: int, limit: int, whole: bool
    ) -> Batch:
        """Rows of a partition above one sequence, up to another one.

        Args:
            log: Which log.
            partition: Which partition.
            after: They are above this.
            upto: And not above this.
            limit: How many at most.
            whole: Whether to read whole rows; their sequences alone, otherwise.
        """

    async def head(self, log: LogLayout, partition: str) -> int | None:
        """The highest sequence of a partition; None if it has no rows."""

    async def rows(self, log: LogLayout, sequences: Collection[int]) -> Sequence[Document]:
        """The rows with these sequences, in no order; those that are not there are left out."""

    async def owners(self, log: LogLayout, partitions: Collection[str]) -> Mapping[str, Document]:
        """The owners of some partitions, by partition; those that are not there are left out."""
