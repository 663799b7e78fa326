"""Documents behind a stream, what becomes of them, and their order: what `changes` follows."""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from enum import Enum
from typing import TYPE_CHECKING, Final, TypeAlias

from graphql_api.embedded.errors import ReqlError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from graphql_api.embedded.datum import Datum, Document
    from graphql_api.embedded.stored_table import StoredTable

Transformation: TypeAlias = "Callable[[Datum], Iterable[Datum]]"
"""Turns a row of a stream into any number of rows."""

EAGER: Final = "Cannot call `changes` on an eager stream."
_NON_DETERMINISTIC: Final = "Cannot call `changes` after a non-deterministic function."
_TRANSFORMED_AFTER_LIMIT: Final = (
    "Changefeeds are not supported on queries that have a transformation following a `limit` term."
    "  Transformations include terms such as `filter`, `map`, `pluck`, etc.  Consider moving the "
    "transformation before the `limit` term."
)


class Sorting(Enum):
    """The order that an `order_by` with an index asks for."""

    UNORDERED = 0
    ASCENDING = 1
    DESCENDING = 2


@dataclass(frozen=True, slots=True)
class Following:
    """The documents that a stream comes from, so that `changes` can follow it.

    Attributes:
        table: The table they are in.
        covers: How often a document is in the stream, before the transformations.
        transformations: What happens to each, with where in the query.
        sorting: The order of the stream.
        keys: The keys of a secondary index by which it is ordered, `None` for the primary key; a
            document is in the stream once for each.
        limit: How many of the first documents are followed, `None` for all.
    """

    table: StoredTable
    covers: Callable[[Document], int]
    transformations: tuple[Transformation, ...] = ()
    sorting: Sorting = Sorting.UNORDERED
    keys: Callable[[Document], list[Datum]] | None = None
    limit: int | None = None

    def transformed(
        self,
        transformation: Transformation,
        *,
        needs_tables: bool,
        refusal: str | None,
        is_filter: bool,
    ) -> Following | str:
        """Return what is followed after a transformation, or the message of the error.

        Args:
            transformation: Turns a row into any number of rows.
            needs_tables: Whether it may give something else the next time.
            refusal: Why `changes` cannot follow the result, if it cannot.
            is_filter: Whether it only leaves rows out, which is done before a `limit` then.
        """
        if self.limit is not None and not is_filter:
            return _TRANSFORMED_AFTER_LIMIT
        if refusal is not None:
            return refusal
        if needs_tables:
            return _NON_DETERMINISTIC
        return replace(self, transformations=(*self.transformations, transformation))

    def sliced(self, start: int, stop: int | None) -> Following | str:
        """Return what is followed of a part of the rows, or the message of the error."""
        if start != 0 or self.limit is not None:
            return EAGER
        return replace(self, limit=sys.maxsize if stop is None else stop)

    def show(self, document: Document) -> Datum:
        """Return what `changes` shows of a document; null if it shows nothing.

        A document for which a transformation fails is not shown, like one that is not in an index.
        """
        try:
            if not self.covers(document):
                return None
            row: Datum = document
            for transformation in self.transformations:
                rows = list(transformation(row))
                if not rows:
                    return None
                row = rows[0]
        except ReqlError:
            return None
        return row
