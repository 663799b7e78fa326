"""The rows of a table as they are now, and the orders in which pages show them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Generic, TypeAlias, TypeVar

from graphql_api.feeds.events import Version
from graphql_api.feeds.order import Order

RowT = TypeVar("RowT")

SortKey: TypeAlias = tuple[Any, ...]
"""What a row is sorted by; its last item is the row's key, so that no two are equal."""


class Rows(Generic[RowT]):
    """Rows by key, their keys in order, and the orders that the table declares.

    Everything is kept in step with each change, so that nothing is ever sorted as a whole.

    Args:
        sort_keys: Gives the sort key of a row, for each order by its name.
    """

    __slots__ = ("_orders", "by_key", "keys")

    def __init__(self, sort_keys: Mapping[str, Callable[[RowT], SortKey]]) -> None:
        self._orders: dict[str, tuple[Callable[[RowT], SortKey], Order[SortKey]]] = {
            name: (sort_key, Order()) for name, sort_key in sort_keys.items()
        }
        self.by_key: dict[str, Version[RowT]] = {}
        self.keys: Order[str] = Order()

    def __len__(self) -> int:
        return len(self.by_key)

    def set(self, key: str, after: Version[RowT] | None) -> None:
        """Set a row, or remove it."""
        before = self.by_key.get(key)
        moves = [
            (
                order,
                None if before is None else sort_key(before.row),
                None if after is None else sort_key(after.row),
            )
            for sort_key, order in self._orders.values()
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

    def order(self, name: str) -> Order[SortKey]:
        """The sort keys of all rows in a declared order."""
        return self._orders[name][1]
