"""The orders of a table's pages: those that it declares, and the enum of them, `PolicyOrder`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from operator import attrgetter
from typing import Any, TypeAlias

import strawberry
from strawberry.utils.str_converters import to_camel_case

from graphql_api.feeds.order import OrderBy, SortKey, sort_key


@dataclass(frozen=True)
class SortedBy:
    """An order whose values are no attributes of rows.

    Attributes:
        name: What its values are called: `domain`.
        value: Gives the value of a row; None for none.
        remark: What a client should know of it, as a sentence.
    """

    name: str
    value: Callable[[Any], Any]
    remark: str = ""


Declared: TypeAlias = str | SortedBy
"""An order of a table: the name of an attribute, or more than that."""


class Orders:
    """The orders of a table.

    Args:
        declared: The orders, the usual one first.
        type_name: The name of the type of its rows.
        words: What several of its rows are called.
        known_by: The name of the attribute that has a row's key.
        is_descending: Whether the usual order is descending.

    Attributes:
        enum: The GraphQL enum; each of its values is an `OrderBy`.
        usual: The member of the usual order.
        sort_keys: What gives a row's sort key, by the order's name.
    """

    def __init__(
        self,
        declared: Sequence[Declared],
        *,
        type_name: str,
        words: str,
        known_by: str,
        is_descending: bool,
    ) -> None:
        orders = [
            each if isinstance(each, SortedBy) else SortedBy(each, attrgetter(each))
            for each in declared
        ]
        key = attrgetter(known_by)
        self.sort_keys = {each.name: _sort_key(each.value, key) for each in orders}
        members = {
            f"{each.name.upper()}_{'DESC' if descends else 'ASC'}": strawberry.enum_value(
                OrderBy(each.name, is_descending=descends), description=_description(each, descends)
            )
            for each in orders
            for descends in (False, True)
        }
        made: Any = Enum(f"{type_name}Order", members)  # type: ignore[misc]  # its values vary
        self.enum: Any = strawberry.enum(
            made,
            description=f"In which order {words} are listed. Those without the value come last in "
            "both directions. Those with the same value are ordered by their keys, in the same "
            "direction. Texts are ordered by their code points.",
        )
        self.usual: Any = self.enum(OrderBy(orders[0].name, is_descending))


def _sort_key(value: Callable[[Any], Any], key: Callable[[Any], str]) -> Callable[[Any], SortKey]:
    def of_row(row: Any) -> SortKey:
        found = value(row)
        if isinstance(found, datetime):
            found = found.timestamp()  # half the memory, and compared faster
        return sort_key(found, key(row))

    return of_row


def _description(order: SortedBy, descends: bool) -> str:
    direction = "descending" if descends else "ascending"
    remark = f" {order.remark}" if order.remark else ""
    return f"By `{to_camel_case(order.name)}`, {direction}.{remark}"
