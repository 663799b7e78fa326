"""Pages of rows, which the list queries of all tables return."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Generic, TypeAlias, TypeVar

import strawberry

from graphql_api.errors import BadInputError
from graphql_api.feeds.order import OrderBy
from graphql_api.feeds.pages import FeedPage
from graphql_api.feeds.table import FeedTable, Filter
from graphql_api.schema.context import FEW_ROWS, Context
from graphql_api.schema.described import argument
from graphql_api.schema.enums import FeedStatus
from graphql_api.schema.older import OlderRows, read_window

RowT = TypeVar("RowT")

Limit: TypeAlias = Annotated[
    int,
    argument(
        "How many rows to give at most: 0 to 1000, unless the server's operator has "
        "set another limit."
    ),
]
Offset: TypeAlias = Annotated[int, argument("How many rows to leave out at the beginning.")]


@strawberry.type(description="Some of the rows that pass a filter, in their order.")
class Page(Generic[RowT]):
    """`Page[Policy]` is `PolicyPage` in GraphQL."""

    items: Sequence[RowT] = strawberry.field(
        description="The rows from `offset` on, `limit` of them at most."
    )
    total: int = strawberry.field(description="How many rows pass the filter.")
    cursor: str = strawberry.field(
        description=(
            "Where in the table's changes all rows that pass the filter were read. A subscription "
            "with the same filter goes on from there, if it is given as `since`: take that of the "
            "first page."
        )
    )
    status: FeedStatus = strawberry.field(
        description="READY, or STALE while the database cannot be reached: the rows may be old."
    )


def served_page(page: FeedPage[RowT]) -> Page[RowT]:
    """A page of a feed as clients see it."""
    return Page(
        items=page.rows,
        total=page.total,
        cursor=page.cursor,
        status=page.status,
    )


async def read_page(
    context: Context,
    table: FeedTable[RowT, Any],
    where: Filter[RowT] | None,
    *,
    order_by: OrderBy,
    limit: int,
    offset: int,
    older: OlderRows | None = None,
    with_total: bool = True,
) -> Page[RowT]:
    """The rows of a table from `offset` on, `limit` of them at most.

    Args:
        context: Has the feed.
        table: Which table.
        where: Which rows; all, if absent.
        order_by: In which order.
        limit: How many rows at most.
        offset: How many to leave out before.
        older: How to find rows that the feed does not hold, if there are such; they are looked for
            in the usual order only.
        with_total: Whether the total is asked for.

    Raises:
        BadInputError: `limit` or `offset` is out of range.
        FeedUnavailableError: The table could not be read yet.
    """
    check_part(context, limit=limit, offset=offset)
    feed = await context.ready(table)
    if older is not None and order_by == table.order_by:
        if feed.edge is not None and limit > FEW_ROWS and feed.status is not FeedStatus.STALE:
            await context.read_many()  # before the lock: an answer with its place may wait for it
        async with context.long_work:
            held = await feed.matching(where, order_by=order_by)
            rows, total = await read_window(
                context,
                older,
                feed,
                held,
                where,
                offset=offset,
                limit=limit,
                with_total=with_total,
            )
        return Page(items=rows, total=total, cursor=held.cursor, status=held.status)
    async with context.long_work:
        if where is not None:
            await context.turns.pause()
        page = await feed.page(where, order_by=order_by, offset=offset, limit=limit)
        await context.turns.take()
    return served_page(page)


def check_part(context: Context, *, limit: int, offset: int) -> None:
    """Refuse a part of the rows that may not be asked for.

    Raises:
        BadInputError: `limit` or `offset` is out of range.
    """
    checked_limit(context, limit)
    if offset < 0:
        raise BadInputError(f"offset must not be negative, like {offset}")


def checked_limit(context: Context, limit: int) -> int:
    """A limit that may be asked for.

    Raises:
        BadInputError: It may not.
    """
    if not 0 <= limit <= context.max_page_rows:
        raise BadInputError(f"limit must be from 0 to {context.max_page_rows}, not {limit}")
    return limit
