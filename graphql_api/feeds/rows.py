"""The rows of a table as they are now, and the orders in which pages show them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Generic, TypeAlias, TypeVar

from graphql_api.feeds.content import ContentHash
from graphql_api.feeds.events import Version
from graphql_api.feeds.order import Order, SortedRows, SortKey

RowT = TypeVar("RowT")

Grouping: TypeAlias = Callable[[RowT], str | None]
"""Gives the group of a row, None for none."""

_Place: TypeAlias = tuple[str, SortKey]


class Rows(Generic[RowT]):
    """Rows by key, their keys in order, and the orders that the table declares.

    Everything is kept in step with each change, so that nothing is ever sorted as a whole.

    Args:
        sort_keys: Gives the sort key of a row, for each order by its name.
        groups: Gives the group of a row, None for none, for each grouping by its name. The rows of
            a group are kept in the first of the orders.
    """

    __slots__ = (
        *("_first", "_grouped_by", "_groups", "_orders"),
        *("by_key", "content_hash", "digest", "keys"),
    )

    def __init__(
        self,
        sort_keys: Mapping[str, Callable[[RowT], SortKey]],
        groups: Mapping[str, Grouping[RowT]] = MappingProxyType({}),
    ) -> None:
        self.content_hash: ContentHash | None = None
        """How rows are hashed; None while they are not."""
        self.digest = 0
        """The digest of all rows: see `content`."""
        self._orders: dict[str, tuple[Callable[[RowT], SortKey], SortedRows]] = {
            name: (sort_key, SortedRows()) for name, sort_key in sort_keys.items()
        }
        self._grouped_by = [*groups.items()]
        self._first = next(iter(sort_keys.values()))
        self._groups: dict[tuple[str, str], SortedRows] = {}
        self.by_key: dict[str, Version[RowT]] = {}
        self.keys: Order[str] = Order()

    def __len__(self) -> int:
        return len(self.by_key)

    def digest_with(self, key: str, after: Version[RowT] | None) -> int:
        """The digest as it will be once a row is set, or removed."""
        digest = self.digest
        if self.content_hash is None:
            return digest
        for version in (self.by_key.get(key), after):
            if version is not None:
                digest ^= self.content_hash.row(key, version.content)
        return digest

    def rehash(self, content_hash: ContentHash) -> Iterator[None]:
        """Hash all rows in this way from now on, a row at a time; the last step takes effect."""
        digest, rows = None, self.by_key
        while digest is None:
            digest, before = content_hash.empty, self.digest
            for key in list(rows):  # a pair for each would be a hundred thousand objects at once
                digest ^= content_hash.row(key, rows[key].content)
                yield
                if self.digest != before:  # a row has changed
                    digest = None
                    break
        self.content_hash, self.digest = content_hash, digest

    def set(self, key: str, after: Version[RowT] | None, digest: int | None = None) -> None:
        """Set a row, or remove it; `digest` is what `digest_with` says, if that is known."""
        before = self.by_key.get(key)
        self.digest = self.digest_with(key, after) if digest is None else digest
        # Each is unpacked once.
        old_row = None if before is None else before.row
        new_row = None if after is None else after.row
        moves = [
            (
                order,
                None if old_row is None else sort_key(old_row),
                None if new_row is None else sort_key(new_row),
            )
            for sort_key, order in self._orders.values()
        ]
        regroupings = [
            (name, self._place(group, old_row), self._place(group, new_row))
            for name, group in self._grouped_by
        ]
        if after is not None:
            self.by_key[key] = after
            if before is None:
                self.keys.add(key)
        elif before is not None:
            del self.by_key[key]
            self.keys.remove(key)
        for order, old, new in moves:
            if old == new:
                continue
            if old is not None:
                order.remove(old)
            if new is not None:
                order.add(new)
        for name, left, entered in regroupings:
            if left != entered:
                self._regroup(name, left, entered)

    def _place(self, group: Grouping[RowT], row: RowT | None) -> _Place | None:
        """The group of a row and its place in it, if it has one."""
        value = None if row is None else group(row)
        if row is None or value is None:
            return None
        return value, self._first(row)

    def _regroup(self, name: str, left: _Place | None, entered: _Place | None) -> None:
        if left is not None:
            group = self._groups[name, left[0]]
            group.remove(left[1])
            if not group:
                del self._groups[name, left[0]]
        if entered is not None:
            self._groups.setdefault((name, entered[0]), SortedRows()).add(entered[1])

    def order(self, name: str) -> SortedRows:
        """The sort keys of all rows in a declared order."""
        return self._orders[name][1]

    def group(self, name: str, value: str) -> SortedRows:
        """The sort keys of the rows of a group, in the first declared order."""
        return self._groups.get((name, value)) or SortedRows()


@dataclass(frozen=True, slots=True, weakref_slot=True)
class Snapshot(Generic[RowT]):
    """All rows in an order, as they are at one position; holds references, and copies no row."""

    keys: list[SortKey]
    rows: dict[str, Version[RowT]]
    position: int
