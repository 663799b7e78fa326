"""Types of a table's changes, which subscriptions are sent, built from the type of its rows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, NamedTuple, TypeAlias, TypeVar, Union, get_type_hints

import strawberry
from strawberry.types.base import get_object_definition

from graphql_api.schema.described import argument
from graphql_api.schema.document import attributes, graphql_name
from graphql_api.schema.enums import ChangeCause, FeedStatus

RowT = TypeVar("RowT")

CURSOR = "Where in the table's changes this is: give it as `since` to go on from here."
CHANGED_FIELDS = "The names of the fields of the first level whose values differ."
INVALID_FIELDS = (
    "The paths of stored values that do not fit their fields, which are null, or left out of "
    "their lists: `limits.maxCost`, `tags[2]`. Numbers are places in the stored list."
)


def invalid_fields() -> Any:
    """The field of a row that lists what does not fit."""
    return strawberry.field(description=INVALID_FIELDS)


IncludeInitial: TypeAlias = Annotated[
    bool,
    argument("Whether to begin with the rows that are there, before changes follow."),
]

Since: TypeAlias = Annotated[
    str | None,
    argument(
        "The cursor of the last event received: what changed after it is sent, or, if that is "
        "not known any more, INITIALIZING and every row. Then `includeInitial` is ignored."
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


def version_type(row_type: type, words: str) -> type:
    """The type of a row's values at some time.

    It has no `id`, so that a client's cache does not take old values for new ones.

    Args:
        row_type: The type of rows.
        words: What people call a row: `domain login`.
    """
    hints = get_type_hints(row_type)
    name = row_type.__name__
    members = {
        field.python_name: (
            hints[field.python_name],
            strawberry.field(description=field.description, metadata=field.metadata),
        )
        for field in get_object_definition(row_type, strict=True).fields
        if field.is_basic_field and field.python_name != "id"
    }
    return made_type(
        f"{name}Version", f"The values that a {words} has, or had, at some time.", members
    )


class ChangeTypes(NamedTuple):
    """The types of a table's changes.

    Attributes:
        added: A row that a subscription did not hold.
        updated: A row that a subscription held, with other values.
        deleted: A row that a subscription held, and holds no longer.
        version: A row's values at some time.
        union: What a subscription is sent: these, and `FeedState`.
    """

    added: type
    updated: type
    deleted: type
    version: type
    union: Any


def change_types(
    row_type: type, entity: str, words: str, key: tuple[str, Any], *, plural: str
) -> ChangeTypes:
    """The types of the changes of a table, and the union of them.

    Args:
        row_type: The type of rows.
        entity: The name of the field that holds a row.
        words: What people call a row.
        key: The name and the type of the field that holds the key of a row that is gone.
        plural: What people call rows.
    """
    name = row_type.__name__
    version = version_type(row_type, words)
    cursor = (str, CURSOR)
    key_name, key_type = key
    added = made_type(
        f"{name}Added",
        f"A {words} that the subscription did not hold.",
        {
            "cause": (ChangeCause, "INITIAL, CREATED or ENTERED_FILTER."),
            entity: (row_type, f"The {words}."),
            "cursor": cursor,
        },
    )
    updated = made_type(
        f"{name}Updated",
        f"A {words} that the subscription held, with other values.",
        {
            entity: (row_type, f"The {words} as it is now."),
            "previous": (version, "Its values before."),
            "changed_fields": (list[str], changed_fields_field(entity)),
            "cursor": cursor,
        },
    )
    deleted = made_type(
        f"{name}Deleted",
        f"A {words} that the subscription held, and holds no longer.",
        {
            "cause": (ChangeCause, "DELETED or LEFT_FILTER."),
            key_name: (key_type, f"The {words}'s key."),
            "previous": (version, "Its last values."),
            "cursor": cursor,
        },
    )
    union = strawberry.union(
        f"{name}Change", description=f"What a subscription to {plural} is sent."
    )
    members: Any = Union[added, updated, deleted, FeedState]  # noqa: UP007 - made at run time
    return ChangeTypes(added, updated, deleted, version, Annotated[members, union])


def made_type(name: str, description: str, members: Mapping[str, tuple[Any, Any]]) -> type:
    """A Strawberry type, of the types of its fields and their descriptions, or ready fields."""
    namespace: dict[str, Any] = {
        member: strawberry.field(description=said) if isinstance(said, str) else said
        for member, (_, said) in members.items()
    }
    namespace["__annotations__"] = {member: hint for member, (hint, _) in members.items()}
    return strawberry.type(type(name, (), namespace), description=description)


def changed_fields(previous: RowT, row: RowT) -> list[str]:
    """The GraphQL names of the first-level fields in which two rows of one type differ."""
    row_type: type = type(row)
    return [
        graphql_name(name)
        for name in attributes(row_type) or ()
        if getattr(previous, name) != getattr(row, name)
    ]


def changed_fields_field(attribute: str) -> Any:
    """The field `changedFields` of an update, computed for those who select it.

    Args:
        attribute: The name of the update's attribute that holds the row as it is now.
    """

    def resolve(root: Any) -> list[str]:
        return changed_fields(root.previous, getattr(root, attribute))

    return strawberry.field(resolver=resolve, description=CHANGED_FIELDS)
