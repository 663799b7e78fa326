"""The fields of `Query` and `Subscription` that each table has: a list, one row, and changes."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from typing import Annotated, Any, Protocol

import strawberry
from graphql import FieldNode, FragmentSpreadNode, InlineFragmentNode
from strawberry import UNSET

from graphql_api.feeds.live_pages import PageRequest
from graphql_api.feeds.table import FeedTable
from graphql_api.schema.changes import ChangeTypes, IncludeInitial, Since
from graphql_api.schema.context import Info
from graphql_api.schema.described import argument
from graphql_api.schema.document import in_words
from graphql_api.schema.filters import RowFilter, given
from graphql_api.schema.older import OlderRows
from graphql_api.schema.older import read_row as older_row
from graphql_api.schema.orders import Orders
from graphql_api.schema.pace import ChangesEvery, PageEvery, pace_s
from graphql_api.schema.pages import Limit, Offset, Page, check_part, read_page

OLDER_TOO = (
    " In the usual order, those that ended too long ago for the server to hold them are read from "
    "the database; while `status` is STALE, they are left out and not counted. The cursor is for "
    "those that it holds."
)

LIVE_PAGE = (
    "A page of {} as it is now, and again whenever something of it is another that is selected, "
    "apart from `cursor`. Rows of other tables that are selected in it count. A change of `status` "
    "is sent at once."
)
HELD_ONLY = " It has the rows that the server holds, and counts these."
_HELD_ONLY_IN_OTHERS = (
    " In another order than the default, only the rows that the server holds are listed and "
    "counted."
)


class ListedTable(FeedTable[Any, Any], Protocol):
    """The parts of a `TableDeclaration` from which the root fields of a table are built."""

    row_type: type
    filter_type: type[RowFilter[Any]]
    plural: str
    words: str
    orders: Orders
    older: OlderRows | None
    key_name: str | None
    key_type: Any
    changes: ChangeTypes


def query_fields(table: ListedTable) -> type:
    """A type with the list of a table's rows, and one of them by its key."""
    rows, row = table.plural, table.words

    async def read_rows(
        info: Info,
        where: Any = UNSET,
        *,
        order_by: Any = table.orders.usual,
        limit: Limit = 100,
        offset: Offset = 0,
    ) -> Any:
        condition = where.condition() if where else None
        return await read_page(
            info.context,
            table,
            condition,
            order_by=order_by.value,
            limit=limit,
            offset=offset,
            older=table.older,
            with_total=_selects(info, "total"),
        )

    async def read_row(info: Info, key: str) -> Any:
        feed = await info.context.ready(table)
        row = feed.get(key)
        if row is None and table.older is not None and table.key_kind.stored(key) is not None:
            return await older_row(info.context, table.older, table, key)
        return row

    row_type: Any = table.row_type
    key = strawberry.argument(name=table.key_name or "id", description=f"The {row}'s key.")
    hints = {"where": _where(table), "order_by": _order_by(table, _HELD_ONLY_IN_OTHERS)}
    annotate(read_rows, {**hints, "return": Page[row_type]})
    annotate(read_row, {"key": Annotated[table.key_type, key], "return": row_type | None})
    return root_type(
        f"{row_type.__name__}Query",
        {
            rows: strawberry.field(
                resolver=read_rows,
                description=f"A page of {in_words(table.plural)}."
                + (OLDER_TOO if table.older is not None else ""),
            ),
            table.name: strawberry.field(
                resolver=read_row, description=f"One {row}; null if there is none."
            ),
        },
    )


def subscription_fields(table: ListedTable) -> type:
    """A type with the subscriptions to a table's changes, and to a page of it."""

    def watch_rows(
        info: Info,
        where: Any = UNSET,
        include_initial: IncludeInitial = True,
        since: Since = UNSET,
        every_ms: ChangesEvery = 0,
    ) -> Any:
        context = info.context
        return context.feeds[table].subscribe(
            where.condition() if where else None,
            include_initial=include_initial,
            since=context.resume_from or given(since),
            every_s=pace_s(every_ms, may_be_zero=True),
        )

    def watch_page(
        info: Info,
        where: Any = UNSET,
        *,
        order_by: Any = table.orders.usual,
        limit: Limit = 100,
        offset: Offset = 0,
        every_ms: PageEvery = 250,
    ) -> Any:
        check_part(info.context, limit=limit, offset=offset)
        condition = where.condition() if where else None
        wanted = PageRequest(condition, order_by.value, offset=offset, limit=limit)
        every_s = pace_s(every_ms, may_be_zero=False)
        return info.context.feeds[table].watch_page(wanted, every_s=every_s)

    row_type: Any = table.row_type
    union: Any = table.changes.union
    annotate(watch_rows, {"where": _where(table), "return": AsyncIterator[union]})
    hints = {"where": _where(table), "order_by": _order_by(table)}
    annotate(watch_page, {**hints, "return": AsyncIterator[Page[row_type]]})
    description = f"{_capital(in_words(table.plural))}, and every change of them."
    if table.window is not None or table.pace_s:
        description += (
            " Servers see their changes differently: with a cursor of another server, it may begin "
            "with INITIALIZING and every row."
        )
    return root_type(
        f"{table.row_type.__name__}Subscription",
        {
            f"{table.name}_changes": strawberry.subscription(
                resolver=watch_rows, description=description
            ),
            f"live_{table.plural}": strawberry.subscription(
                resolver=watch_page,
                description=LIVE_PAGE.format(in_words(table.plural))
                + (HELD_ONLY if table.older is not None else ""),
            ),
        },
    )


def _selects(info: Info, name: str) -> bool:
    """Whether a field of the result is asked for; fragments are looked into.

    `info.selected_fields` would say so, too, and convert the arguments of all fields for it.
    """
    asked = info._raw_info  # noqa: SLF001 - there is no other way to the syntax tree
    pending = [node.selection_set for node in asked.field_nodes]
    while pending:
        selection_set = pending.pop()
        for selection in () if selection_set is None else selection_set.selections:
            if isinstance(selection, FragmentSpreadNode):
                pending.append(asked.fragments[selection.name.value].selection_set)
            elif isinstance(selection, InlineFragmentNode):
                pending.append(selection.selection_set)
            elif isinstance(selection, FieldNode) and selection.name.value == name:
                return True
    return False


def _where(table: ListedTable) -> Any:
    filter_type: Any = table.filter_type
    description = f"Which {in_words(table.plural)}; all, if absent."
    return Annotated[filter_type | None, argument(description)]


def _order_by(table: ListedTable, about_others: str = "") -> Any:
    description = "In which order." + (about_others if table.older is not None else "")
    return Annotated[table.orders.enum, argument(description)]


def annotate(resolver: Callable[..., Any], hints: Mapping[str, Any]) -> None:
    """Give a resolver the types that are known once there is a table."""
    resolver.__annotations__.update(hints)


def root_type(name: str, fields: Mapping[str, Any]) -> type:
    """A type of some root fields."""
    return strawberry.type(type(name, (), dict(fields)))


def _capital(text: str) -> str:
    return text[0].upper() + text[1:]
