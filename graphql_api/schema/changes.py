"""What the subscriptions of all tables have in common."""

from __future__ import annotations

from functools import cache
from typing import Annotated, Any, TypeAlias, TypeVar

import strawberry
from strawberry.types.base import get_object_definition

from graphql_api.feeds.subscription import Subscription
from graphql_api.feeds.table import Filter, Table
from graphql_api.schema.context import Context
from graphql_api.schema.document import graphql_name
from graphql_api.schema.enums import FeedStatus

RowT = TypeVar("RowT")
EventT = TypeVar("EventT")

CURSOR = "Where in the table's changes this is: give it as `since` to go on from here."
CHANGED_FIELDS = "The names of the fields of the first level whose values differ."
INVALID_FIELDS = (
    "The paths of stored values that do not fit their fields, which are null, or left out of "
    "their lists: `limits.maxCost`, `tags[2]`. Numbers are places in the stored list."
)

IncludeInitial: TypeAlias = Annotated[
    bool,
    strawberry.argument(
        description="Whether to begin with the rows that are there, before changes follow."
    ),
]

Since: TypeAlias = Annotated[
    str | None,
    strawberry.argument(
        description=(
            "The cursor of the last event received: what changed after it is sent, or, if that is "
            "not known any more, INITIALIZING and every row. Then `includeInitial` is ignored."
        )
    ),
]


@strawberry.type(
    description=(
        "How the feed stands: INITIALIZING before the rows, READY after them, STALE while the "
        "database cannot be reached."
    )
)
class FeedState:
    """A member of every table's union of changes."""

    status: FeedStatus = strawberry.field(description="How the feed stands from here on.")
    cursor: str = strawberry.field(description=CURSOR)


def watch(
    context: Context,
    table: Table[RowT, EventT],
    where: Filter[RowT] | None,
    *,
    include_initial: bool,
    since: str | None,
) -> Subscription[EventT]:
    """A subscription to a table: registered now, and until it is closed.

    Raises:
        BadCursorError: The cursor to resume from is not one.
    """
    return context.feeds[table].subscribe(
        where, include_initial=include_initial, since=context.resume_from or since
    )


def changed_fields(previous: RowT, row: RowT) -> list[str]:
    """The GraphQL names of the first-level fields in which two rows of one type differ."""
    row_type: type = type(row)
    return [
        name
        for attribute, name in _fields(row_type)
        if getattr(previous, attribute) != getattr(row, attribute)
    ]


def changed_fields_field(attribute: str) -> Any:
    """The field `changedFields` of an update, computed for those who select it.

    Args:
        attribute: The name of the update's attribute that holds the row as it is now.
    """

    def resolve(root: Any) -> list[str]:
        return changed_fields(root.previous, getattr(root, attribute))

    return strawberry.field(resolver=resolve, description=CHANGED_FIELDS)


@cache
def _fields(row_type: type) -> tuple[tuple[str, str], ...]:
    """The attributes and GraphQL names of a row type's fields, without those that are resolved."""
    return tuple(
        (field.python_name, graphql_name(field.python_name))
        for field in get_object_definition(row_type, strict=True).fields
        if field.is_basic_field
    )
