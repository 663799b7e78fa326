"""The fields of `Query` and `Subscription` that each insert-only table has: a page, and inserts."""

from __future__ import annotations

from collections.abc import AsyncIterator
from enum import Enum
from typing import Annotated, Any, Final, Generic, Protocol, TypeAlias, TypeVar

import strawberry
from strawberry import UNSET

from graphql_api.errors import BadInputError, DatabaseError, FeedUnavailableError, NotFoundError
from graphql_api.log_feeds.cursor import NOTHING, START, Cursor, encode, partition_digest
from graphql_api.log_feeds.log import Log
from graphql_api.log_feeds.log_feeds import read_cursor
from graphql_api.log_feeds.source import MAX_SEQUENCE
from graphql_api.schema.context import FEW_ROWS, Context, Info
from graphql_api.schema.described import argument
from graphql_api.schema.document import graphql_name
from graphql_api.schema.filters import given
from graphql_api.schema.older import ROW_S
from graphql_api.schema.root_fields import annotate, root_type

RowT = TypeVar("RowT")

_ROWS_AT_ONCE: Final = 25
"""How many rows are read by one query, whose reply is looked through in one go: a row with a
hundred headers takes a tenth of a millisecond of that."""
_MAX_ROWS_READ: Final = 5_000
"""How many rows are looked at for one page: of rare kinds it may hold fewer than were asked for."""

First: TypeAlias = Annotated[
    int,
    argument(
        "How many rows to give at most: 0 to 1000, unless the server's operator has "
        "set another limit."
    ),
]
After: TypeAlias = Annotated[
    str | None,
    argument("The cursor of the page before, or of an event: the rows behind it are given."),
]


class ServedLog(Log[Any], Protocol):
    """The parts of a `LogDeclaration` from which the root fields of a log are built."""

    row_type: type
    kind_type: type[Enum]
    event_type: type
    plural: str
    owner: str

    def kinds(self, kinds: Any) -> int:
        """Some kinds, a bit for each; all, if none are given."""


@strawberry.type(
    name="Page",
    description="Some rows of an insert-only table, in the order of their sequences.",
)
class LogPage(Generic[RowT]):
    """`LogPage[Response]` is `ResponsePage` in GraphQL."""

    items: list[RowT] = strawberry.field(
        description="The rows; where only some kinds are asked for, they may be fewer than "
        "`first`, or none, although more follow."
    )
    has_more: bool = strawberry.field(
        description="Whether more rows may follow. Others can still be inserted where it is false."
    )
    cursor: str = strawberry.field(
        description="Where the page ends: give it as `after` to read on."
    )


def log_query_fields(log: ServedLog) -> type:
    """A type with a page of a log."""

    async def read_rows(
        info: Info, owner: str, kinds: Any = UNSET, first: First = 100, after: After = UNSET
    ) -> Any:
        return await read_page(
            info.context, log, owner, kinds=log.kinds(given(kinds)), first=first, after=given(after)
        )

    row_type: Any = log.row_type
    annotate(read_rows, {**_arguments(log), "return": LogPage[row_type]})
    return root_type(
        f"{row_type.__name__}Query",
        {
            f"{log.owner}_{log.plural}": strawberry.field(
                resolver=read_rows,
                description=(
                    f"The {log.plural} of a {log.owner}, by their sequences, read from the "
                    f"database. NOT_FOUND, if there is no such {log.owner}."
                ),
            )
        },
    )


def log_subscription_fields(log: ServedLog) -> type:
    """A type with the subscription to a log's inserts."""

    def follow_rows(info: Info, owner: str, kinds: Any = UNSET, since: Any = UNSET) -> Any:
        context = info.context
        return context.logs.subscribe(
            log,
            owner,
            kinds=log.kinds(given(kinds)),
            since=context.resume_from or given(since),
            words=log.owner,
            client=context.address,
        )

    event_type: Any = log.event_type
    since = argument(
        "The cursor of the last event received. It means the same on every server, and after "
        "any restart. Rows that were visible for less than the bound at that time are sent "
        f"again; these are the only repeats, and have the same `{log.layout.key}`."
    )
    hints = _arguments(log) | {"since": Annotated[str | None, since]}
    annotate(follow_rows, {**hints, "return": AsyncIterator[event_type]})
    return root_type(
        f"{log.row_type.__name__}Subscription",
        {
            f"{log.owner}_{log.name}_added": strawberry.subscription(
                resolver=follow_rows,
                description=(
                    f"Every {log.name} of a {log.owner}: those that are there, and those that "
                    f"come. It completes when the {log.owner} is finished and no {log.name} is "
                    f"left, or when the {log.owner} is deleted; one that is paused keeps it open. "
                    f"A {log.name} may become visible after one with a higher sequence, and is "
                    "sent then. An outage of the database ends nothing. NOT_FOUND, if there is no "
                    f"such {log.owner}."
                ),
            )
        },
    )


async def read_page(
    context: Context, log: ServedLog, owner: str, *, kinds: int, first: int, after: str | None
) -> LogPage[Any]:
    """Rows of a partition behind a cursor.

    Raises:
        BadInputError: `first` is out of range.
        BadCursorError: `after` is no cursor of this partition, or of fewer kinds.
        NotFoundError: There is no such partition.
        FeedUnavailableError: The database cannot be read.
    """
    if not 0 <= first <= context.max_page_rows:
        raise BadInputError(f"first must be from 0 to {context.max_page_rows}, not {first}")
    digest = partition_digest(log.name, owner)
    begin = Cursor(digest, kinds, START, NOTHING)
    if after is not None:
        begin = read_cursor(after, digest, kinds)
    if first > FEW_ROWS:
        await context.read_many()  # before the lock: an answer that has its place may wait for it
    try:
        async with context.long_work:
            items, at, is_last = await _rows(
                context, log, owner, kinds=kinds, first=first, after=begin.after
            )
    except DatabaseError as error:
        raise FeedUnavailableError(
            f"the {log.plural} cannot be read now; try again later"
        ) from error
    return LogPage(
        items=items,
        has_more=not is_last,
        cursor=encode(Cursor(digest, kinds, begin.place, at)),
    )


async def _rows(
    context: Context, log: ServedLog, owner: str, *, kinds: int, first: int, after: int
) -> tuple[list[Any], int, bool]:
    """The rows of a page, the sequence where it ends, and whether there were no more.

    Raises:
        NotFoundError: There is no such partition.
        DatabaseError: The database cannot be read.
    """
    source, at, is_last = context.logs.source, after, False
    if not context.logs.may_be_key(owner) or owner not in await source.owners(log.layout, [owner]):
        raise NotFoundError(f"there is no {log.owner} {owner!r}")
    items: list[Any] = []
    looked_at = 0
    while len(items) < first and looked_at < _MAX_ROWS_READ and not is_last:
        missing = first - len(items)
        limit = missing + 1 if kinds == log.kinds(None) else _ROWS_AT_ONCE
        batch = await source.read(
            log.layout,
            owner,
            after=at,
            upto=MAX_SEQUENCE,
            limit=min(limit, _ROWS_AT_ONCE),
            whole=True,
        )
        is_last = batch.is_last
        looked_at += len(batch.documents)
        context.spend(len(batch.documents) * ROW_S)
        await context.turns.pause()  # the replies of several clients may have come at once
        for document in batch.documents:
            await context.turns.take()
            row = log.decode(document)
            if log.kind(row) & kinds:
                if len(items) == first:
                    is_last = False  # this one follows
                    break
                items.append(row)
            at = log.sequence(document)
        else:
            at = at if is_last else batch.upto
    return items, at, is_last


def _arguments(log: ServedLog) -> dict[str, Any]:
    kind_type: Any = log.kind_type
    owner = strawberry.argument(
        name=graphql_name(f"{log.owner}_id"), description=f"The {log.owner}'s key."
    )
    kinds = argument(
        f"Which kinds of {log.plural}; all, if absent, and none, if the list is empty."
    )
    return {
        "owner": Annotated[strawberry.ID, owner],
        "kinds": Annotated[list[kind_type] | None, kinds],
    }
