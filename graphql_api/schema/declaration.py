"""The declaration of a table: all that a feed, the schema and people's views know of it.

A file of `graphql_api.tables` has the type of the rows, the filter and the declaration. The types
of the changes and the root fields are built from them here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from copy import copy
from dataclasses import replace
from functools import cached_property
from operator import attrgetter
from typing import Any, Final, Generic, TypeAlias, TypeVar

import strawberry

from graphql_api.feeds.keys import TEXT, KeyKind
from graphql_api.feeds.order import OrderBy
from graphql_api.feeds.pages import FeedPage
from graphql_api.feeds.part import WINDOW, TimeWindow
from graphql_api.feeds.table import Document
from graphql_api.schema.changes import FeedState, change_types
from graphql_api.schema.columns import ForPeople
from graphql_api.schema.document import Fields, in_words
from graphql_api.schema.enums import ChangeCause, FeedStatus
from graphql_api.schema.filters import FILTERING, RowFilter, conditions_of
from graphql_api.schema.older import OlderRows
from graphql_api.schema.orders import Declared, Orders
from graphql_api.schema.packed_rows import PackedRows
from graphql_api.schema.pages import served_page
from graphql_api.schema.root_fields import query_fields, subscription_fields
from graphql_api.schema.stored import row_decoder, stored_names
from graphql_api.scopes import Scope

RowT = TypeVar("RowT")

Index: TypeAlias = str | tuple[str, tuple[str, ...]]
"""A secondary index: the field that it is on and called like, or its name and several fields."""

_NO_SCOPES: Final[frozenset[Scope]] = frozenset()


class TableDeclaration(Generic[RowT]):
    """One table.

    Args:
        row_type: The Strawberry type of its rows.
        filter_type: The Strawberry input that says which of them.
        name: The table's name in the database, which is what one of its rows is called in GraphQL.
        plural: What its rows are called: `domain_logins`.
        orders: The orders of its list, as the names of attributes; the usual one first.
        is_descending: Whether the usual order begins with the greatest value.
        groups: The names of attributes by which rows are found together.
        people: How people see it.
        primary_key: The field of a document that holds its key.
        key_kind: How the keys of documents are served.
        key_name: The name of the attribute that clients know a row by, if that is not `id`.
        indexes: The secondary indexes that Starbelly needs, as the names of stored fields, or as
            their own name and several of these.
        first_documents: What a new table gets, as a function of the time: documents with names, and
            without keys.
        depends_on: The names of the tables whose rows are resolved as parts of this one's.
        scopes: What a client needs to know of this table at all, besides `read` or `write`.
        beside: What a row carries beside its fields, as functions of its document by the names of
            attributes, which the type declares.
        without: The stored fields that never leave the database, `policy.captcha_solver` for a part
            of one: large ones, and secrets.
        pace: The least time between two sent changes of a row, in seconds, and the name of the
            setting that says so, or None; each change at once, if absent.
        window: Which rows the feed holds; all, if absent.
        older_by: The stored time, and the index, by which queries find the others too, if they do;
            the usual order is that of this time, descending.
        decoding: The version of the decoding: goes up when that makes another row of a document.
    """

    def __init__(
        self,
        row_type: type[RowT],
        filter_type: type[RowFilter[RowT]],
        *,
        name: str,
        plural: str,
        orders: Sequence[Declared],
        people: ForPeople,
        is_descending: bool = False,
        groups: Sequence[str] = (),
        primary_key: str = "id",
        key_kind: KeyKind = TEXT,
        key_name: str | None = None,
        indexes: Sequence[Index] = (),
        first_documents: Callable[[Any], Sequence[Document]] | None = None,
        depends_on: tuple[str, ...] = (),
        scopes: frozenset[Scope] = _NO_SCOPES,
        beside: Mapping[str, Callable[[Document], Sequence[str]]] | None = None,
        without: tuple[str, ...] = (),
        pace: tuple[float, str | None] = (0.0, None),
        window: TimeWindow | None = None,
        older_by: str | None = None,
        decoding: int = 1,
    ) -> None:
        self.row_type = row_type
        self.filter_type = filter_type
        self.name = name
        self.plural = plural
        self.words = in_words(name)
        self.people = people
        self.primary_key = primary_key
        self.key_kind = key_kind
        self.key_name = key_name
        self.indexes = indexes
        self.first_documents = first_documents
        self.depends_on = depends_on
        self.scopes = scopes
        self.mutation: type | None = None
        known_by = key_name or "id"
        self.orders = Orders(
            orders,
            type_name=row_type.__name__,
            words=in_words(plural),
            known_by=known_by,
            is_descending=is_descending,
        )
        self.order_by: OrderBy = self.orders.usual.value
        self.sort_keys = {**self.orders.sort_keys}
        self.groups = {name: attrgetter(name) for name in groups}
        self.without = without
        self.pace_s, self._pace_setting = pace
        self.window = window
        self.older: OlderRows | None = None
        if older_by and key_kind is not TEXT:
            raise ValueError(f"table {name}: older rows are found by keys that are texts only")
        if window is not None:
            self.sort_keys[WINDOW] = lambda row: (window.time(row), getattr(row, known_by))
            names = stored_names(row_type, primary_key)
            self.older = OlderRows(self, filter_type, names, older_by) if older_by else None
        self._beside = dict(beside or {})
        conditions = conditions_of(filter_type).values()
        self.packing = PackedRows(
            row_type,
            decoding=decoding,
            filtered=list(dict.fromkeys(condition.attribute for condition in conditions)),
            beside=tuple(self._beside),
        )
        self._decode = row_decoder(row_type)
        self.deleted_key = key_name or f"{name}_id"
        self.key_type: Any = str if key_name else strawberry.ID
        self.changes = change_types(
            row_type,
            name,
            self.words,
            (self.deleted_key, self.key_type),
            plural=in_words(plural),
        )

    def written_by(self, mutation: type) -> TableDeclaration[RowT]:
        """The same table with mutations: a Strawberry type with fields of `Mutation`."""
        made = copy(self)
        made.mutation = mutation
        return made

    def set_by(self, settings: object) -> TableDeclaration[RowT]:
        """The same table with its pace and its window as the operator wants them.

        Args:
            settings: Has the settings that the declaration names: paces in seconds, the lengths of
                windows in days.
        """
        made = copy(self)
        if self._pace_setting is not None:
            made.pace_s = getattr(settings, self._pace_setting)
        if self.window is not None and self.window.setting is not None:
            days: float = getattr(settings, self.window.setting)
            made.window = replace(self.window, length_s=days * 86_400)
        return made

    @cached_property
    def query(self) -> type:
        """A type with its fields of `Query`."""
        return query_fields(self)

    @cached_property
    def subscription(self) -> type:
        """A type with its field of `Subscription`."""
        return subscription_fields(self)

    @property
    def needed_to_read(self) -> frozenset[Scope]:
        """The scopes that a client needs to read this table, and to see figures of it."""
        return self.scopes | {Scope.READ}

    @property
    def root_types(self) -> tuple[type, ...]:
        """The types whose fields become fields of root types."""
        made = (self.query, self.subscription, self.mutation)
        return tuple(type_ for type_ in made if type_ is not None)

    # What its feed calls

    @property
    def content_version(self) -> str:
        """Names the shape of its rows, and the versions of decoding and filtering."""
        window = "" if self.window is None else f".{self.window.length_s:g}"
        return f"{self.packing.format}.{FILTERING}{window}"

    def decode(self, key: str, document: Document) -> RowT:
        """The row that a document is served as."""
        invalid: list[str] = []
        row: RowT = self._decode(Fields(document, invalid), key, invalid)
        for attribute, read in self._beside.items():
            if carried := read(document):
                setattr(row, attribute, carried)
        return row

    def added(self, cause: ChangeCause, row: RowT, cursor: str) -> Any:
        """The event for a row that a subscriber did not hold."""
        return self.changes.added(cause=cause, cursor=cursor, **{self.name: row})

    def updated(self, previous: RowT, row: RowT, cursor: str) -> Any:
        """The event for a row that a subscriber held as `previous`."""
        return self.changes.updated(
            previous=previous,
            cursor=cursor,
            **{self.name: row},
        )

    def deleted(self, cause: ChangeCause, key: str, previous: RowT, cursor: str) -> Any:
        """The event for a row that a subscriber held as `previous`, and holds no longer."""
        return self.changes.deleted(
            cause=cause, previous=previous, cursor=cursor, **{self.deleted_key: key}
        )

    def state(self, status: FeedStatus, cursor: str) -> Any:
        """The event with the status of the feed."""
        return FeedState(status=status, cursor=cursor)

    def page(self, page: FeedPage[RowT]) -> Any:
        """The payload of a live page for a page of the feed."""
        return served_page(page)
