"""Interface of a table: what a feed needs to know of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol, TypeVar

from graphql_api.feeds.events import ChangeCause, FeedStatus
from graphql_api.feeds.keys import KeyKind
from graphql_api.feeds.order import OrderBy, SortKey
from graphql_api.feeds.packing import Packing
from graphql_api.feeds.part import TimeWindow

RowT = TypeVar("RowT")
EventT_co = TypeVar("EventT_co", covariant=True)
FilteredT_contra = TypeVar("FilteredT_contra", contravariant=True)

Document = Mapping[str, Any]
"""A stored document as JSON gives it; times are raw TIME objects."""


class Filter(Protocol[FilteredT_contra]):
    """A filter of rows. It is immutable, and equal to every filter with the same meaning."""

    @property
    def digest(self) -> bytes:
        """Eight bytes that stand for this filter in a cursor; the same in every process."""

    def matches(self, row: FilteredT_contra) -> bool:
        """Whether `row` passes; looks only at those attributes that the table's facets have."""

    def __hash__(self) -> int: ...


class FeedTable(Protocol[RowT, EventT_co]):
    """One table: how its documents become rows, and its changes become events.

    Rows are values: equal when nothing that is served differs. Events are what subscribers get;
    a feed makes one for all whose filters are equal, so it must not be changed.
    """

    @property
    def name(self) -> str:
        """The table's name in the database."""

    @property
    def primary_key(self) -> str:
        """The field that holds a document's key."""

    @property
    def key_kind(self) -> KeyKind:
        """How the keys of documents are served."""

    @property
    def depends_on(self) -> tuple[str, ...]:
        """The names of the tables whose rows are resolved as parts of this one's.

        This one's feed is not ready before theirs are read: what is missing there would seem not to
        exist.
        """

    @property
    def without(self) -> tuple[str, ...]:
        """The stored fields that never leave the database: see `TablePart`."""

    @property
    def pace_s(self) -> float:
        """The least time between two changes of a row that are sent, in seconds; 0 for none."""

    @property
    def window(self) -> TimeWindow | None:
        """Which rows are held; None for all. Their order of leaving is kept as `WINDOW`."""

    @property
    def sort_keys(self) -> Mapping[str, Callable[[RowT], SortKey]]:
        """The orders that are kept, by name: each gives a row's sort key (see `sort_key`).

        The first is that of `order_by`.
        """

    @property
    def order_by(self) -> OrderBy:
        """The usual order of pages, which is that of groups."""

    @property
    def groups(self) -> Mapping[str, Callable[[RowT], str | None]]:
        """By what rows are found together, by name: each gives a row's group, None for none."""

    @property
    def packing(self) -> Packing[RowT]:
        """How rows are kept once they are no longer current."""

    @property
    def content_version(self) -> str:
        """Another text when a document becomes another row, or a filter shows other rows."""

    def decode(self, key: str, document: Document) -> RowT:
        """The row that a document is served as. Never raises, whatever the document holds."""

    def added(self, cause: ChangeCause, row: RowT, cursor: str) -> EventT_co:
        """The event for a row that a subscriber did not hold."""

    def updated(self, previous: RowT, row: RowT, cursor: str) -> EventT_co:
        """The event for a row that a subscriber held as `previous`."""

    def deleted(self, cause: ChangeCause, key: str, previous: RowT, cursor: str) -> EventT_co:
        """The event for a row that a subscriber held as `previous`, and holds no longer."""

    def state(self, status: FeedStatus, cursor: str) -> EventT_co:
        """The event with the status of the feed."""

    def page(self, page: Any) -> Any:
        """What a subscription to a page is sent for a `pages.Page`."""
