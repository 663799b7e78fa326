"""Interface of a log, as its followers use it, and the owner of a partition."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, TypeVar

from graphql_api.feeds.table import Document
from graphql_api.log_feeds.source import LogLayout

RowT = TypeVar("RowT")


@dataclass(frozen=True, slots=True)
class Owner:
    """The state that the owner of a partition is in.

    Attributes:
        is_finished: Whether no more rows come, but those that are on their way.
        rows: How many rows there are in the end, as the owner counts; None, if it does not say.
    """

    is_finished: bool
    rows: int | None


class Log(Protocol[RowT]):
    """An insert-only table: how its documents become rows, and its rows become events."""

    @property
    def name(self) -> str:
        """The table's name in the database."""

    @property
    def layout(self) -> LogLayout:
        """How it is stored."""

    def sequence(self, document: Document) -> int:
        """The sequence of a document that a source gave."""

    def decode(self, document: Document) -> RowT:
        """The row that a document is served as. Never raises, whatever the document holds."""

    def kind(self, row: RowT) -> int:
        """The kind of a row, as a number of which one bit is set."""

    def owner_of(self, document: Document) -> Owner:
        """The state in an owner's document. Never raises."""

    def added(self, row: RowT, cursor: str) -> object:
        """The event for a row: a new object, which is not changed."""
